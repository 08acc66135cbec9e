//! Random numbers good enough to put times apart.

/// A linear congruential generator with Knuth's constants: the same numbers for the same seed.
#[derive(Debug, Default)]
pub(super) struct Random(u64);

impl Random {
    /// From 0 to 1, without 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        #[allow(clippy::cast_precision_loss, reason = "31 bits")]
        let random = (self.0 >> 33) as f64 / (1_u64 << 31) as f64;
        random
    }
}

impl From<u64> for Random {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}
