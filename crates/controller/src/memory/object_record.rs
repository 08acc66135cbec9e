//! What the driver remembers of one object, of whichever kind.

use super::{
    backoff::Backoff, last_report::LastReport, last_status::LastStatus, last_success::LastSuccess,
    rate_limit::RateLimit,
};

/// What the driver remembers of one object.
#[derive(Debug, Default)]
pub(crate) struct ObjectRecord {
    /// How often it may have a pass.
    pub(crate) rate_limit: RateLimit,
    /// When it is looked at again after trouble.
    pub(crate) backoff: Backoff,
    /// When it was last as it should be.
    pub(crate) last_success: LastSuccess,
    /// What we wrote last, and the watch may not show yet.
    pub(crate) last_status: LastStatus,
    /// What the log said last.
    pub(crate) last_report: LastReport,
    /// Whether a warning about it is told only if its next pass finds the same.
    pub(crate) warning_put_off: bool,
}
