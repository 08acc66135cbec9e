//! `spec.signingKeys` of an `OidcFederation`: keys that are added or revoked, and how long one is retained.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// How long signing keys stay published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeys {
    /// How long a key stays published after the last API server has stopped serving it, at most 8760h. After that AWS refuses
    /// the tokens that were signed with it. A pod's token lives for up to 24h: with less than that here, pods lose AWS while their
    /// tokens are still valid.
    #[serde(default = "default_retain_for")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('8760h')")
        .message("spec.signingKeys.retainFor must be at most 8760h (one year)"))]
    pub retain_for: Duration,
    /// Keys that are published before any API server serves them, at most 20: AWS and the caches in front of it then know
    /// the next key when the first token is signed with it. Announce it here, give it to the API servers a day later. A key
    /// that is taken off the list stays published for `retainFor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub additional: Vec<AdditionalKey>,
    /// Keys that have leaked, at most 100. They are taken out at once and never published, whoever serves them and however
    /// few are left; AWS refuses every token that was signed with them. AWS credentials that somebody got with such a token
    /// before live on until they expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["thumbprint".into()]))]
    pub revoke: Vec<RevokedKey>,
}

/// A signing key that no API server serves yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalKey {
    /// What you call it; tokens and documents carry the `kid` that Kubernetes derives from the key itself.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')")
        .message("spec.signingKeys.additional.name must be lower-case letters, digits, hyphens and dots, starting and ending with a letter or digit"))]
    pub name: String,
    /// The public key in PEM, one block `BEGIN PUBLIC KEY` as in kubeadm's `sa.pub`: RSA, or EC on P-256, P-384 or P-521.
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new("!self.contains('PRIVATE KEY-----')")
        .message("spec.signingKeys.additional.publicKeyPem must be the public key; what was sent is a private one and may be in logs now, so make another"))]
    #[x_kube(validation = Rule::new("self.trim().startsWith('-----BEGIN PUBLIC KEY-----') && self.trim().endsWith('-----END PUBLIC KEY-----')")
        .message("spec.signingKeys.additional.publicKeyPem must be one PEM block from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----; convert other forms with openssl pkey -pubout or openssl x509 -pubkey"))]
    pub public_key_pem: String,
}

/// A signing key that must not be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKey {
    /// The key's thumbprint as in `status.keys`: the SHA-256 of its public key in DER form (`SubjectPublicKeyInfo`), in
    /// hexadecimal digits.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-f]{64}$')")
        .message("spec.signingKeys.revoke.thumbprint must be 64 lower-case hexadecimal digits, as in status.keys"))]
    pub thumbprint: String,
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self {
            retain_for: default_retain_for(),
            additional: Vec::new(),
            revoke: Vec::new(),
        }
    }
}

const fn default_retain_for() -> Duration {
    Duration::from_secs(48 * 3600)
}
