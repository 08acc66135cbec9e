//! The curve by which a rate returns to a share and looks beyond it.

/// So many spans beyond the share: nobody who knows the share right comes here.
const FAR: f64 = 1.5;
/// How much the rate grows there in each span.
const GROWTH: f64 = 4.0;

/// A cubic of the attempts since an event: from below the share up to it, flat near it, and steeper and steeper beyond; and where
/// AWS still refuses nothing, the share is no longer it, and the rate grows by a factor.
#[derive(Debug)]
pub(super) struct Cubic {
    share: f64,
    depth: f64,
    span: f64,
    attempts: f64,
}

impl Cubic {
    /// One that begins `depth` below `share`, as a share of it, and is there after `span` attempts.
    pub(super) const fn new(share: f64, depth: f64, span: f64) -> Self {
        Self {
            share,
            depth,
            span,
            attempts: 0.0,
        }
    }

    /// Attempts per second.
    pub(super) fn per_second(&self) -> f64 {
        let way = (self.attempts - self.span) / self.span;
        let near = self.share * (1.0 + self.depth * way.min(FAR).powi(3));
        near * GROWTH.powf((way - FAR).max(0.0))
    }

    /// The same after another attempt.
    pub(super) fn after_another(&mut self) -> f64 {
        self.attempts += 1.0;
        self.per_second()
    }
}
