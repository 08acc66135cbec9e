//! The API servers' audit logs: who did what, so that tests can count our calls.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::ControlPlaneError;

/// One finished request, or one watch that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Name of the authenticated user, such as `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// Kubernetes verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for requests
    /// outside the resource API, the HTTP method in lower case.
    pub verb: String,
    /// Plural resource, such as `serviceaccounts`; empty outside the resource API.
    pub resource: String,
    /// API group of the resource; empty for the core group.
    pub group: String,
    /// Such as `status` or `token`; empty if none.
    pub subresource: String,
    /// Namespace; empty for cluster-scoped requests.
    pub namespace: String,
    /// Object name; empty for lists and for creations with a generated name.
    pub name: String,
    /// HTTP status code of the answer.
    pub code: u16,
    /// The client's User-Agent.
    pub user_agent: String,
    /// Path and query as requested.
    pub uri: String,
    /// When the request was received.
    pub at: Timestamp,
}

impl AuditEntry {
    /// Whether the request changes something: any write verb, dry runs excepted.
    ///
    /// A `create` that stores nothing (`TokenRequest`, reviews of access and tokens) is no write.
    pub fn is_write(&self) -> bool {
        let stores_nothing = self.subresource == "token" || self.resource.ends_with("reviews");
        let dry_run = self.uri.contains("dryRun=");
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        ) && !stores_nothing
            && !dry_run
    }

    /// Whether the API server was too busy to do it, so that a client asks again: kube does by itself, without telling anybody
    /// [kube `client::retry::RetryPolicy`].
    pub const fn was_too_busy(&self) -> bool {
        matches!(self.code, 429 | 503 | 504)
    }

    /// Whether the answer was 2xx.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Entries in the order in which each API server wrote them, one server after the other.
#[derive(Debug, Clone, Default)]
pub struct AuditLog {
    entries: Vec<AuditEntry>,
}

/// A point in the logs; see [`super::ControlPlane::mark`].
#[derive(Debug, Clone, Default)]
pub struct AuditMark(pub(super) BTreeMap<PathBuf, u64>);

impl AuditLog {
    /// All entries.
    pub fn entries(&self) -> &[AuditEntry] {
        &self.entries
    }

    /// Those that satisfy `keep`.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&AuditEntry) -> bool) -> Self {
        Self {
            entries: self.entries.iter().filter(|entry| keep(entry)).cloned().collect(),
        }
    }

    /// Those of one user.
    #[must_use]
    pub fn by_user(&self, user: &str) -> Self {
        self.filter(|entry| entry.user == user)
    }

    /// Those that change something; see [`AuditEntry::is_write`].
    #[must_use]
    pub fn writes(&self) -> Self {
        self.filter(AuditEntry::is_write)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many of one user with one verb.
    pub fn count(&self, user: &str, verb: &str) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.user == user && entry.verb == verb)
            .count()
    }

    /// `verb resource[/subresource]` → how many: what a failed count shows.
    pub fn summary(&self) -> BTreeMap<String, usize> {
        let mut summary = BTreeMap::new();
        for entry in &self.entries {
            let slash = if entry.subresource.is_empty() { "" } else { "/" };
            let key = format!("{} {}{slash}{}", entry.verb, entry.resource, entry.subresource);
            *summary.entry(key).or_insert(0) += 1;
        }
        summary
    }

    pub(super) fn read<'a>(
        paths: impl IntoIterator<Item = &'a Path>,
        since: &AuditMark,
    ) -> Result<Self, ControlPlaneError> {
        let mut entries = Vec::new();
        for path in paths {
            let start = since.0.get(path).copied().unwrap_or(0);
            entries.extend(lines_after(path, start)?.lines().filter_map(parse));
        }
        Ok(Self { entries })
    }
}

fn lines_after(path: &Path, start: u64) -> Result<String, ControlPlaneError> {
    let reading = || ControlPlaneError::io(format!("reading {}", path.display()));
    let mut file = File::open(path).map_err(reading())?;
    file.seek(SeekFrom::Start(start)).map_err(reading())?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(reading())?;
    Ok(text)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    response_status: Option<ResponseStatus>,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    api_group: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

/// A last line that the server is still writing is not JSON and is left for the next look.
fn parse(line: &str) -> Option<AuditEntry> {
    let event: Event = serde_json::from_str(line).ok()?;
    let code = event.response_status.map_or(0, |status| status.code);
    // A watch is logged when it opens and again when it closes; a refused one only when it completes.
    if event.verb == "watch" && event.stage == "ResponseComplete" && code == 200 {
        return None;
    }
    Some(AuditEntry {
        user: event.user.username,
        verb: event.verb,
        resource: event.object_ref.resource,
        group: event.object_ref.api_group,
        subresource: event.object_ref.subresource,
        namespace: event.object_ref.namespace,
        name: event.object_ref.name,
        code,
        user_agent: event.user_agent,
        uri: event.uri,
        at: event.request_received_timestamp,
    })
}
