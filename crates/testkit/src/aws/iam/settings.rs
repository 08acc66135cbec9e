//! What a test may set for all accounts of one double.

use std::{fmt::Write as _, sync::Arc};

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::{paging::Paging, rewriting::Rewriting};
use crate::aws::wire::AwsError;

/// Called with a provider's URL (without `https://`) when one is created without thumbprints: the thumbprint of its
/// top intermediate, or why it cannot be had.
pub type ThumbprintProbe = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// What a test may set for all accounts of one double.
#[derive(Clone, Default)]
pub struct Settings {
    /// How documents read back.
    pub rewriting: Rewriting,
    /// How lists are cut.
    pub paging: Paging,
    /// For so long after its deletion a role's name cannot be used again (`EntityTemporarilyUnmodifiable`). Default: not
    /// at all. That CreateRole is where IAM refuses is UNSOURCED.
    pub recreation_pause: SignedDuration,
    /// IAM dials the host of a provider that is created without thumbprints [IAM-model]. The double does so only when
    /// this is set; otherwise it fills in forty digits made of the host's name.
    pub thumbprint_probe: Option<ThumbprintProbe>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("rewriting", &self.rewriting)
            .field("paging", &self.paging)
            .field("recreation_pause", &self.recreation_pause)
            .field("thumbprint_probe", &self.thumbprint_probe.is_some())
            .finish()
    }
}

impl Settings {
    /// The thumbprint that IAM fills in for this URL; `OpenIdIdpCommunicationError` (400) when the host cannot be
    /// reached [IAM-model CreateOpenIDConnectProvider].
    pub(super) fn thumbprint_of(&self, url: &str) -> Result<String, AwsError> {
        let Some(probe) = &self.thumbprint_probe else {
            let host = url.split('/').next().unwrap_or(url);
            // Twenty bytes are forty digits.
            let digest = Sha256::digest(host);
            return Ok(digest.iter().take(20).fold(String::new(), |mut digits, byte| {
                // Writing to a string cannot fail.
                let _ = write!(digits, "{byte:02x}");
                digits
            }));
        };
        probe(url).map_err(|reason| AwsError::new(400, "OpenIdIdpCommunicationError", reason))
    }
}
