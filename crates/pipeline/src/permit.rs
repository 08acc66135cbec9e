//! The right to write: asked for before every write, to AWS or to Kubernetes.

use tokio::time::Instant;

/// The right to write now. Held for one write, never stored.
#[derive(Debug)]
#[must_use = "a permit that is not held across the write proves nothing"]
pub struct Permit {
    until: Option<Instant>,
}

impl Permit {
    /// A permit without end, for implementations of [`Leadership`].
    pub fn granted() -> Self {
        Self { until: None }
    }

    /// A permit for a write that is over by then.
    pub fn granted_until(until: Instant) -> Self {
        Self { until: Some(until) }
    }

    /// When the write must be over, by this process's clock; `None`: whenever it is.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// This process may not write (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica is not the leader")]
pub struct NotLeader;

/// Asked before every write.
///
/// # Guarantees
/// An implementation answers from memory, without I/O, and refuses as soon as its claim may have expired by its own
/// clock: a replica that was paused or cut off must not write on an old claim.
pub trait Leadership: Send + Sync + 'static {
    /// The right to make one write now.
    fn permit(&self) -> Result<Permit, NotLeader>;
}

/// The only replica there is, as a Deployment with one replica and strategy `Recreate` makes it.
///
/// # Assumptions
/// Kubernetes may for a short time run the old and the new pod side by side when a node is cut off. Every AWS write is
/// conditional or tagged in its create call, so such an overlap repeats work and never makes a second thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnlyReplica;

impl Leadership for OnlyReplica {
    fn permit(&self) -> Result<Permit, NotLeader> {
        Ok(Permit::granted())
    }
}
