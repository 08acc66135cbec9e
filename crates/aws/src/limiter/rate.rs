//! The most that is called.

/// The most that we call, whatever AWS would bear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Attempts per second.
    pub per_second: f64,
    /// Attempts at once after a quiet while.
    pub burst: f64,
}

impl Rate {
    /// What one object's calls take, so that it does not wait.
    const BURST: f64 = 5.0;

    /// So many per second, and a few at once.
    pub fn of(per_second: f64) -> Self {
        Self {
            per_second,
            burst: Self::BURST.min(2.0 * per_second),
        }
    }
}

impl Default for Rate {
    /// 1,000 per second: a choice of ours, and more than AWS is expected to bear.
    fn default() -> Self {
        Self::of(1000.0)
    }
}
