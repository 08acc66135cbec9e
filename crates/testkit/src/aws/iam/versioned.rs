//! Tables that remember their past for as long as a delayed read can still see it.
//!
//! IAM is eventually consistent: a read shortly after a write may see the state before it
//! [IAMUG-2023 troubleshoot_general#eventual-consistency]. A write keeps the replaced row (one `Arc`, never a copy of
//! the table), so that thousands of roles cost no more than the writes among them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;

/// Which state a read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The newest: what writes act on and check.
    Newest,
    /// The state as it was then.
    At(Timestamp),
}

/// When a write happens, and how far back reads may still look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant {
    pub(super) now: Timestamp,
    /// Rows replaced before this are forgotten.
    pub(super) horizon: Timestamp,
}

#[derive(Debug, Clone)]
struct Version<T> {
    since: Timestamp,
    /// `None`: deleted.
    row: Option<Arc<T>>,
    /// What was there before is forgotten, and this stands for it.
    stands_for_earlier: bool,
}

/// Rows by key, in key order, each with its recent past.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: BTreeMap<String, Vec<Version<T>>>,
    live: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            live: 0,
        }
    }
}

impl<T> Table<T> {
    /// The row as `view` sees it.
    pub(super) fn get(&self, key: &str, view: View) -> Option<&Arc<T>> {
        self.rows.get(key).and_then(|versions| visible(versions, view))
    }

    /// All rows that `view` sees with a key greater than `after`, in key order.
    pub(super) fn after<'a>(&'a self, after: Option<&str>, view: View) -> impl Iterator<Item = (&'a str, &'a Arc<T>)> {
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_owned()));
        self.rows
            .range((start, Bound::Unbounded))
            .filter_map(move |(key, versions)| visible(versions, view).map(|row| (key.as_str(), row)))
    }

    /// All rows that `view` sees.
    pub(super) fn iter(&self, view: View) -> impl Iterator<Item = &Arc<T>> {
        self.after(None, view).map(|(_, row)| row)
    }

    /// How many rows there are in the newest state.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Adds or replaces a row.
    pub(super) fn put(&mut self, key: &str, row: T, instant: Instant) {
        self.write(key, Some(Arc::new(row)), instant);
    }

    /// Deletes a row; deleting none is no error.
    pub(super) fn remove(&mut self, key: &str, instant: Instant) {
        if self.get(key, View::Newest).is_some() {
            self.write(key, None, instant);
        }
    }

    fn write(&mut self, key: &str, row: Option<Arc<T>>, instant: Instant) {
        let was_live = self.get(key, View::Newest).is_some();
        match (was_live, row.is_some()) {
            (false, true) => self.live += 1,
            (true, false) => self.live -= 1,
            _ => {}
        }
        let mut entry = match self.rows.entry(key.to_owned()) {
            Entry::Vacant(entry) => entry.insert_entry(Vec::new()),
            Entry::Occupied(entry) => entry,
        };
        let versions = entry.get_mut();
        versions.push(Version {
            since: instant.now,
            row,
            stands_for_earlier: false,
        });
        // The last version at or before the horizon is still what the oldest read sees.
        let first_needed = versions
            .iter()
            .rposition(|version| version.since <= instant.horizon)
            .unwrap_or(0);
        if versions.drain(..first_needed).next().is_some()
            && let Some(oldest) = versions.first_mut()
        {
            oldest.stands_for_earlier = true;
        }
        if versions.iter().all(|version| version.row.is_none()) {
            entry.remove();
        }
    }
}

fn visible<T>(versions: &[Version<T>], view: View) -> Option<&Arc<T>> {
    let version = match view {
        View::Newest => versions.last(),
        View::At(time) => versions
            .iter()
            .rfind(|version| version.since <= time || version.stands_for_earlier),
    };
    version.and_then(|version| version.row.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn write(second: i64, delay: i64) -> Instant {
        Instant {
            now: at(second),
            horizon: at(second - delay),
        }
    }

    #[test]
    fn a_delayed_read_sees_the_past_and_the_newest_view_the_present() {
        let mut table = Table::default();
        table.put("a", 1, write(100, 10));
        table.put("a", 2, write(105, 10));
        table.remove("a", write(108, 10));
        assert_eq!(table.get("a", View::At(at(99))), None);
        assert_eq!(table.get("a", View::At(at(104))).map(|row| **row), Some(1));
        assert_eq!(table.get("a", View::At(at(107))).map(|row| **row), Some(2));
        assert_eq!(table.get("a", View::At(at(108))), None);
        assert_eq!(table.get("a", View::Newest), None);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn without_delay_no_past_is_kept() {
        let mut table = Table::default();
        for value in 0..100 {
            table.put("a", value, write(100 + value, 0));
        }
        assert_eq!(table.rows["a"].len(), 1);
        table.remove("a", write(300, 0));
        assert!(table.rows.is_empty());
    }

    #[test]
    fn what_was_forgotten_before_a_longer_delay_was_is_seen_as_what_followed_it() {
        let mut table = Table::default();
        table.put("a", 1, write(100, 0));
        table.put("a", 2, write(120, 0));
        table.put("new", 1, write(120, 0));
        // From now on reads look 60 s back.
        assert_eq!(table.get("a", View::At(at(110))).map(|row| **row), Some(2));
        assert_eq!(table.get("new", View::At(at(110))), None, "there was none");
        table.put("a", 3, write(130, 60));
        assert_eq!(table.get("a", View::At(at(110))).map(|row| **row), Some(2));
        assert_eq!(table.get("a", View::At(at(130))).map(|row| **row), Some(3));
        table.remove("a", write(140, 60));
        assert_eq!(table.get("a", View::At(at(110))).map(|row| **row), Some(2));
        assert_eq!(table.get("a", View::At(at(140))), None);
    }

    #[test]
    fn rows_come_in_key_order_after_a_key() {
        let mut table = Table::default();
        for key in ["c", "a", "b"] {
            table.put(key, key.to_owned(), write(1, 0));
        }
        let keys: Vec<_> = table.after(Some("a"), View::Newest).map(|(key, _)| key).collect();
        assert_eq!(keys, ["b", "c"]);
    }
}
