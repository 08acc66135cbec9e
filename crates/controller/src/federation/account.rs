//! The operator's own ServiceAccount, and what a token of it would be good for.

use std::{collections::BTreeSet, time::Duration};

use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use irsa_pipeline::federation::observe::api_servers::AudienceReadError;

/// Longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The shortest lifetime that an API server grants.
const SHORTEST: u32 = 600;
/// What the user name of a ServiceAccount begins with.
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    namespace: String,
    name: String,
}

/// A `TokenRequest` that was granted: of the token itself nothing is ever looked at.
#[derive(Deserialize)]
struct Granted {
    spec: GrantedSpec,
}

#[derive(Deserialize)]
struct GrantedSpec {
    audiences: BTreeSet<String>,
}

impl Account {
    /// The one that these credentials are of, as the API server knows it: no flag and no variable can name another. `None` for
    /// a user who is no ServiceAccount.
    pub(super) async fn of(client: &Client) -> Result<Option<Self>, AudienceReadError> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = post(client, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await?;
        let answer: Value = serde_json::from_str(&answer).map_err(|_| unreadable())?;
        let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
        Ok(Self::from_user(user.ok_or_else(unreadable)?))
    }

    fn from_user(user: &str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The audiences of a token for which none is asked for: those of the API server itself.
    ///
    /// The dry run stores nothing, but kube-apiserver answers it with a token all the same, so this needs the right to ask for
    /// one; it is dropped unread.
    pub(super) async fn own_audiences(&self, client: &Client) -> Result<BTreeSet<String>, AudienceReadError> {
        let Self { namespace, name } = self;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token?dryRun=All");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": SHORTEST},
        });
        let answer = post(client, &path, &request).await?;
        let granted: Granted = serde_json::from_str(&answer).map_err(|_| unreadable())?;
        Ok(granted.spec.audiences)
    }
}

fn unreadable() -> AudienceReadError {
    AudienceReadError::Unreachable("its answer cannot be read".to_owned())
}

/// What the API server answers, as text: a client that reads it as an object would log what it cannot read.
async fn post(client: &Client, path: &str, body: &Value) -> Result<String, AudienceReadError> {
    let unreachable = |problem: String| AudienceReadError::Unreachable(problem);
    let request = Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|error| unreachable(error.to_string()))?;
    let answer = tokio::time::timeout(PATIENCE, client.request_text(request)).await;
    match answer.map_err(|_| unreachable(format!("no answer within {} s", PATIENCE.as_secs())))? {
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) if status.code == 403 || status.code == 401 => Err(AudienceReadError::Forbidden),
        Err(kube::Error::Api(status)) => Err(unreachable(format!("HTTP status {}", status.code))),
        Err(error) => {
            debug!(%error, "an API server cannot be asked for its audiences");
            Err(unreachable("no connection".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_told_by_its_user_name() {
        let account = Account::from_user("system:serviceaccount:platform:plat-irsa-anywhere").unwrap();
        assert_eq!(
            (account.namespace.as_str(), account.name.as_str()),
            ("platform", "plat-irsa-anywhere")
        );
        assert_eq!(Account::from_user("system:admin"), None);
    }
}
