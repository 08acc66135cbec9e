//! Who waits, and who is next.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

/// Who goes first when attempts must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Changes something: goes before every read that waits.
    Write,
    /// Changes nothing.
    Read,
}

/// A place in the queue. The lowest is next.
pub(super) type Place = (Priority, u64);

/// Those that wait, in the order in which they go. Only the first ever waits for the time; it wakes the next one when it
/// leaves, so that an attempt that goes wakes one other, however many wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: u64,
    waiting: BTreeMap<Place, Arc<Notify>>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The last place of this priority, and what wakes it.
    pub(super) fn enter(&mut self, priority: Priority) -> (Place, Arc<Notify>) {
        let place = (priority, self.next);
        self.next += 1;
        let woken = Arc::new(Notify::new());
        self.waiting.insert(place, Arc::clone(&woken));
        (place, woken)
    }

    pub(super) fn is_first(&self, place: Place) -> bool {
        self.waiting.first_key_value().is_some_and(|(first, _)| *first == place)
    }

    /// Gives up a place, which may have been given up already.
    pub(super) fn leave(&mut self, place: Place) {
        let was_first = self.is_first(place);
        if self.waiting.remove(&place).is_some() && was_first {
            self.wake_first();
        }
    }

    /// Has the first look again. What wakes somebody who is not waiting yet is kept for him.
    pub(super) fn wake_first(&self) {
        if let Some((_, first)) = self.waiting.first_key_value() {
            first.notify_one();
        }
    }
}
