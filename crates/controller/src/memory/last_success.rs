//! When an object was last found as it should be. In memory only: a status field that moves by itself would be a write per
//! pass.

use jiff::Timestamp;

/// The last good pass of this process over an object.
#[derive(Debug, Default)]
pub(crate) struct LastSuccess(Option<Timestamp>);

impl LastSuccess {
    /// When; `None` before the first.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.0
    }

    /// A pass found it good.
    pub(crate) fn found_good(&mut self, now: Timestamp) {
        self.0 = Some(now);
    }
}
