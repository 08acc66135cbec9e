//! What is asked for.

/// What is asked for.
#[derive(Debug)]
pub(crate) struct ImportOptions {
    /// The only namespace that is looked at; default: all.
    pub(crate) namespace: Option<String>,
    /// The federation that bindings are to refer to; default: that of the role's account, or a new one.
    pub(crate) federation: Option<String>,
    /// Whether roles are to become the operator's.
    pub(crate) adopt: bool,
}
