//! A mutex whose content a panic of somebody else does not spoil.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something that several tasks change in turn.
///
/// # Assumptions
/// Whoever holds it leaves it whole at every step, and never asks for it again, nor waits for anything, meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    /// With this in it.
    pub(crate) fn new(content: T) -> Self {
        Self(Mutex::new(content))
    }

    /// What is in it, for as long as the guard lives.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // A poisoned lock means that another task panicked; what is in it is always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
