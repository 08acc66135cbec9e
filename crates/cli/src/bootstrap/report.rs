//! What bootstrap printed, published or handed over, as it is shown.

use std::fmt::Write as _;

use irsa_api::OidcFederation;
use irsa_core::{
    documents,
    issuer_flags::{Distribution, issuer_flags},
    jwks::KeySet,
    plan::{Step as _, federation::FederationStep},
    text::plain,
};
use irsa_pipeline::{
    federation::keys::p521_in_words,
    spec::{location::Location, target::PublishTarget},
};
use serde::Serialize;
use serde_json::Value;

use crate::exit;

/// An issuer before there is a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BootstrapReport {
    issuer: String,
    signing_keys: Vec<ShownKey>,
    pub(super) discovery: ShownDocument,
    pub(super) keys: ShownDocument,
    /// The statement by which anybody may read both, for a bucket whose policy somebody else keeps, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Value>,
    /// What the identity provider must accept.
    client_ids: Vec<String>,
    /// What API servers must be started with, by distribution.
    flags: Vec<ShownFlags>,
    /// What was written; nothing where nothing was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<Vec<String>>,
    /// Why nobody can read what was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    remark: String,
}

#[derive(Debug, Serialize)]
struct ShownKey {
    kid: String,
    alg: String,
    thumbprint: String,
}

/// A document, and where it must be.
#[derive(Debug, Serialize)]
pub(super) struct ShownDocument {
    pub(super) url: String,
    /// Byte for byte.
    pub(super) text: String,
}

#[derive(Debug, Serialize)]
struct ShownFlags {
    distribution: &'static str,
    configuration: String,
}

impl BootstrapReport {
    /// Of a federation and the keys that its API servers will sign with.
    pub(super) fn of(federation: &OidcFederation, location: &Location, keys: &KeySet) -> Self {
        let issuer = &location.issuer;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
        let shown = keys.keys().iter().map(|key| ShownKey {
            kid: key.kid().to_owned(),
            alg: key.alg().to_owned(),
            thumbprint: key.thumbprint().to_string(),
        });
        let statement = match &location.target {
            PublishTarget::S3(s3) => serde_json::from_str(&s3.statement().to_json()).ok(),
            PublishTarget::External => None,
        };
        let flags = Distribution::ALL.iter().map(|distribution| ShownFlags {
            distribution: distribution.name(),
            configuration: issuer_flags(*distribution, issuer.as_str(), None),
        });
        Self {
            issuer: issuer.to_string(),
            signing_keys: shown.collect(),
            discovery: ShownDocument {
                url: issuer.discovery_url(),
                text: text(documents::discovery(issuer, keys)),
            },
            keys: ShownDocument {
                url: issuer.jwks_url(),
                text: text(documents::jwks(keys)),
            },
            statement,
            client_ids: federation.spec.audiences.clone(),
            flags: flags.collect(),
            made: None,
            unreadable: None,
            remark: p521_in_words(keys).trim().to_owned(),
        }
    }

    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.unreadable.is_some() {
            exit::CAUSE_FOUND
        } else {
            exit::GOOD
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("Issuer  {}\n", self.issuer);
        for key in &self.signing_keys {
            let _ = writeln!(text, "Key     {} ({})", plain(&key.kid), key.alg);
        }
        if !self.remark.is_empty() {
            let _ = writeln!(text, "        {}", plain(&self.remark));
        }
        match &self.made {
            None => {
                for document in [&self.discovery, &self.keys] {
                    let _ = write!(text, "\n# {}\n{}", document.url, document.text);
                }
                if let Some(statement) = &self.statement {
                    let _ = write!(text, "\n# The statement of the bucket's policy\n{statement:#}\n");
                }
                let _ = write!(
                    text,
                    "\n# The identity provider accepts\n{}\n",
                    self.client_ids.join("\n")
                );
            }
            Some(made) if made.is_empty() => text.push_str("Nothing is to be done: it is published.\n"),
            Some(made) => {
                for step in made {
                    let _ = writeln!(text, "Done    {}", plain(step));
                }
            }
        }
        match (&self.unreadable, &self.made) {
            (Some(why), _) => {
                let _ = writeln!(text, "\nNobody can read it: {}.", plain(why));
            }
            (None, Some(_)) => {
                text.push_str("\nAnybody can read both documents. Start the API servers as this issuer:\n");
            }
            (None, None) => {
                text.push_str("\nStart the API servers as this issuer, once that is there:\n");
            }
        }
        for flags in &self.flags {
            let _ = write!(text, "\n# {}\n{}", flags.distribution, flags.configuration);
        }
        text
    }
}

/// Steps in words: `create OIDC provider`.
pub(super) fn in_words(steps: &[FederationStep]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {step}", step.action())).collect()
}
