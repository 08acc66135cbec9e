//! Credentials as a client has them.

/// An access key as a client configures it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` of a user or root, `ASIA…` of a session.
    pub access_key_id: String,
    /// The secret that signs.
    pub secret_access_key: String,
    /// Present for a session; must travel with every call.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
