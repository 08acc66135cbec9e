//! [`AuditFinding`]: something that is too wide, in words.

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody whom nobody has named takes a role, or a role can give itself whatever it wants.
    High,
    /// More than is asked for, within some limit.
    Medium,
    /// Worth knowing.
    Low,
}

impl Severity {
    /// The next lower one: where a boundary holds the role.
    pub(super) const fn within_boundary(self) -> Self {
        match self {
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

/// Something that is too wide. The most severe sorts first, then by what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditFinding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: the ARN of a role, or `federation <name>`.
    pub about: String,
    /// A name for programs, which stays the same: `every-service-account`.
    pub kind: &'static str,
    /// What it is.
    pub message: String,
    /// What to do.
    pub fix: String,
}
