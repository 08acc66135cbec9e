//! The curve by which a rate returns to a share and looks beyond it.

/// A cubic of the attempts since an event: from below the share up to it, flat near it, and steeper and steeper beyond.
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
        self.share * (1.0 + self.depth * way.powi(3))
    }

    /// The same after another attempt.
    pub(super) fn after_another(&mut self) -> f64 {
        self.attempts += 1.0;
        self.per_second()
    }
}
