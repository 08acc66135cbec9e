//! Everything one double knows: no statics, so that two doubles in one process are independent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{clock::Clock, iam::Iam, s3::S3, sts::Sts};

/// An access key as a client configures it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` of a user or root, `ASIA…` of a session.
    pub access_key_id: String,
    /// The secret that signs.
    pub secret_access_key: String,
    /// Present for a session; must travel with every call.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

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
