//! Why a plan has something to do.

use super::Fingerprint;

/// Why there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It is asked to be something else than last time, or for the first time.
    Spec,
    /// It is asked to be what it was made last time, and is not: somebody else changed it.
    Drift,
}

impl Cause {
    /// Whether what a pass of this process last `applied` in full is what is `asked` for now.
    pub(super) fn of(applied: Option<Fingerprint>, asked: Fingerprint) -> Self {
        if applied == Some(asked) {
            Self::Drift
        } else {
            Self::Spec
        }
    }
}
