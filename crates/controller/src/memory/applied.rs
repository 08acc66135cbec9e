//! What was last made of an object in AWS, and when that last took a write.

use std::time::Duration;

use irsa_core::plan::Fingerprint;
use tokio::time::Instant;

use super::propagation::DRIFT_SHOWS_AFTER;

/// What was last made of an object in full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    /// Of what was desired.
    pub(crate) fingerprint: Fingerprint,
    /// The last write for it.
    at: Instant,
}

impl Applied {
    /// It was made so; `wrote` tells whether that took a write, `before` what it was made before.
    pub(crate) fn now(fingerprint: Fingerprint, wrote: bool, before: Option<Self>) -> Self {
        let now = Instant::now();
        let at = match before {
            _ if wrote => now,
            Some(before) => before.at,
            None => now.checked_sub(DRIFT_SHOWS_AFTER).unwrap_or(now),
        };
        Self { fingerprint, at }
    }

    /// How long to wait until a difference to it counts as drift.
    pub(crate) fn settles_in(&self) -> Option<Duration> {
        let rest = DRIFT_SHOWS_AFTER.checked_sub(self.at.elapsed());
        rest.filter(|rest| !rest.is_zero())
    }
}
