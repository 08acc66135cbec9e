//! One record for each object, so that to forget an object is one removal.

use std::{collections::HashMap, sync::Arc};

use irsa_pipeline::object::ObjectKey;

use super::{locked::Locked, spare_room::SpareRoom};

/// A record for each object. Clones share the records.
///
/// # Guarantees
/// - A record begins with the first thing that is noted of its object: to look at one makes none.
/// - It is seen and changed as a whole; two tasks never interleave within it.
/// - An object that was made anew under its name has another UID, and with it another record.
/// - After [`Self::remove`] nothing is left of it.
///
/// # Assumptions
/// What is done with a record is short and asks for no other of the same map.
#[derive(Debug)]
pub(crate) struct PerObject<T>(Arc<Locked<HashMap<ObjectKey, T>>>);

impl<T> Clone for PerObject<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for PerObject<T> {
    fn default() -> Self {
        Self(Arc::new(Locked::new(HashMap::new())))
    }
}

impl<T> PerObject<T> {
    /// Notes something in an object's record, which begins with that if there is none.
    pub(crate) fn with<R>(&self, key: &ObjectKey, note: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        let mut records = self.0.lock();
        if let Some(record) = records.get_mut(key) {
            return note(record);
        }
        note(records.entry(key.clone()).or_default())
    }

    /// Something of an object's record; nothing where there is no record.
    pub(crate) fn peek<R>(&self, key: &ObjectKey, look: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        self.0.lock().get(key).and_then(look)
    }

    /// Takes something out of an object's record; nothing where there is no record.
    pub(crate) fn take<R>(&self, key: &ObjectKey, take: impl FnOnce(&mut T) -> Option<R>) -> Option<R> {
        self.0.lock().get_mut(key).and_then(take)
    }

    /// Forgets an object.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        let mut records = self.0.lock();
        records.remove(key);
        records.give_back();
    }

    /// Forgets all objects that are not so.
    pub(crate) fn retain(&self, stays: impl Fn(&ObjectKey) -> bool) {
        let mut records = self.0.lock();
        records.retain(|key, _| stays(key));
        records.give_back();
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.0.lock().capacity()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, uid: &str) -> ObjectKey {
        ObjectKey::new("ns", name, uid)
    }

    #[test]
    fn a_record_begins_with_what_is_noted_and_ends_with_one_removal() {
        let records = PerObject::<(u32, Option<u32>)>::default();
        let (one, anew) = (key("app", "1"), key("app", "2"));
        assert_eq!(records.peek(&one, |record| Some(record.0)), None);
        assert_eq!(records.take(&one, |record| record.1.take()), None);
        assert_eq!(records.len(), 0, "to look makes none");
        records.with(&one, |record| *record = (7, Some(8)));
        assert_eq!(records.with(&one, |record| record.0), 7);
        assert_eq!(records.peek(&anew, |record| Some(record.0)), None, "another object");
        assert_eq!(records.clone().take(&one, |record| record.1.take()), Some(8));
        assert_eq!(records.peek(&one, |record| record.1), None);
        records.with(&anew, |record| record.0 = 1);
        records.remove(&one);
        assert_eq!(records.len(), 1);
        records.retain(|other| *other != anew);
        assert_eq!(records.len(), 0);
    }

    #[test]
    fn the_room_of_what_is_gone_is_given_back() {
        for removed_by in [
            |records: &PerObject<u32>, key: &ObjectKey| records.remove(key),
            |records: &PerObject<u32>, key: &ObjectKey| records.retain(|other| other != key),
        ] {
            let records = PerObject::<u32>::default();
            let keys: Vec<_> = (0..2_000).map(|number| key("app", &number.to_string())).collect();
            for key in &keys {
                records.with(key, |record| *record = 1);
            }
            assert!(records.room() >= 2_000);
            for key in &keys {
                removed_by(&records, key);
            }
            assert!(records.len() == 0 && records.room() < 500, "{}", records.room());
        }
    }

    #[test]
    fn a_task_that_panics_takes_nothing_from_the_others() {
        let records = PerObject::<u32>::default();
        let panicking = records.clone();
        let panicked = std::thread::spawn(move || {
            panicking.with(&key("app", "1"), |record| {
                *record = 3;
                panic!("on purpose");
            });
        });
        assert!(panicked.join().is_err());
        assert_eq!(records.peek(&key("app", "1"), |record| Some(*record)), Some(3));
    }
}
