//! Documents that somebody else publishes under our issuer: read as anybody reads them, judged, never written.

use irsa_aws::{PublicRead, PublicReadError, PublicReader};
use irsa_core::{
    history::KnownKey,
    published::{ExternalMismatch, judge_external, keys_address},
    vocabulary::{ConditionType, Reason},
};

use crate::{
    federation::{
        keys::named,
        verify::{PublicCopy, is_network, kms_encrypted},
    },
    spec::location::Location,
    step_error::StepError,
};

/// Documents that do.
#[derive(Debug, Clone)]
pub struct External {
    /// Discovery document and keys.
    pub served: [PublicCopy; 2],
    /// Kids in them that the cluster does not know.
    unknown: Vec<String>,
}

impl External {
    /// Reads both and judges them.
    ///
    /// # Errors
    /// What is in the way, and what is wrong with them.
    pub async fn check<P: PublicReader>(
        public: &P,
        location: &Location,
        known: &[KnownKey],
    ) -> Result<Self, StepError> {
        let discovery = read(public, location.issuer.discovery_url()).await?;
        let address = keys_address(&discovery.bytes, &location.issuer);
        let address = address.map_err(|error| mismatch(&discovery.url, &error))?;
        let jwks = read(public, address).await?;
        let unknown = judge_external(&jwks.bytes, known).map_err(|error| mismatch(&jwks.url, &error))?;
        Ok(Self {
            served: [discovery, jwks],
            unknown,
        })
    }

    /// What is so, in words.
    pub fn in_words(&self) -> String {
        let good = "Somebody else publishes both documents, and anybody can read them.";
        if self.unknown.is_empty() {
            return good.to_owned();
        }
        let kids: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
        format!(
            "{good} They have keys that no API server has served since this federation was made: {}. Whoever has those keys \
             could get AWS credentials of every bound ServiceAccount: find out whose they are.",
            named(&kids)
        )
    }
}

async fn read<P: PublicReader>(public: &P, url: String) -> Result<PublicCopy, StepError> {
    match public.read(&url, None).await {
        Ok(PublicRead::Document(document)) => Ok(PublicCopy {
            url,
            bytes: document.bytes,
            etag: document.etag,
        }),
        Ok(PublicRead::NotModified) => Err(unreadable(&url, &PublicReadError::Status(304))),
        Err(error) => Err(unreadable(&url, &error)),
    }
}

fn unreadable(url: &str, error: &PublicReadError) -> StepError {
    if matches!(error, PublicReadError::KmsEncrypted) {
        let message = format!("{url} {}", kms_encrypted(error));
        return StepError::new(ConditionType::PubliclyReadable, Reason::PublicAccessBlocked, message);
    }
    let (reason, remedy) = if is_network(error) {
        (Reason::AwsUnavailable, "")
    } else {
        (
            Reason::PublicAccessBlocked,
            " With spec.publish.external whoever serves the issuer must let everybody GET it.",
        )
    };
    let message = format!("{url} could not be read: {error}.{remedy}");
    StepError::new(ConditionType::PubliclyReadable, reason, message)
}

fn mismatch(url: &str, error: &ExternalMismatch) -> StepError {
    let message = format!("{url} {error}. Whoever publishes it (spec.publish.external) must correct it.");
    StepError::new(ConditionType::Published, Reason::DocumentsMismatch, message)
}
