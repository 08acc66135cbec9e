//! [`World`]: clock and state of all services of one double. There are no statics, so that two doubles in one process are independent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{clock::Clock, iam::Iam, s3::S3, sts::Sts};

/// The double's memory: a clock and the services' state.
///
/// # Guarantees
/// One lock guards all services, so that every handler sees and leaves a consistent world. Nothing awaits under it.
#[derive(Debug, Default)]
pub struct World {
    /// The double's time.
    pub clock: Clock,
    state: Mutex<State>,
}

/// The services' state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) iam: Iam,
    pub(crate) s3: S3,
    pub(crate) sts: Sts,
}

impl World {
    /// An empty world with this clock.
    pub(crate) fn with_clock(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// The services, locked. A handler that panicked in a test has not made the world useless for the next assertion.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
