//! When each object was last found as it should be. In memory only: a status field that moves by itself would be a
//! write per pass.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use irsa_pipeline::object::ObjectKey;

#[derive(Debug)]
pub(super) struct LastSuccess {
    started: Timestamp,
    last_good: Mutex<HashMap<ObjectKey, Timestamp>>,
}

impl LastSuccess {
    /// Nothing checked yet: until the first good pass the start of the process counts.
    pub(super) fn since(started: Timestamp) -> Self {
        Self {
            started,
            last_good: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn last_good(&self, key: &ObjectKey) -> Timestamp {
        self.lock().get(key).copied().unwrap_or(self.started)
    }

    pub(super) fn found_good(&self, key: ObjectKey, now: Timestamp) {
        self.lock().insert(key, now);
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Timestamp>> {
        // A poisoned lock means that another task panicked; the times themselves are always whole.
        self.last_good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
