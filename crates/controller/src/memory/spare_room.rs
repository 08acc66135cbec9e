//! The room that a map has left when most of what was in it is gone.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash},
};

/// The least entries that a map keeps room for: less is not worth moving what is in it.
const KEPT: usize = 64;

/// What grows with what is put into it, and gives nothing back by itself.
pub(crate) trait SpareRoom {
    /// Gives back the room for what is gone, once three quarters are. Then as much again can come, or half of what is left go, before
    /// anything is moved: on average that costs each entry that goes a few moves.
    fn give_back(&mut self);
}

impl<K: Eq + Hash, V, S: BuildHasher> SpareRoom for HashMap<K, V, S> {
    fn give_back(&mut self) {
        if let Some(enough) = enough(self.len(), self.capacity()) {
            self.shrink_to(enough);
        }
    }
}

impl<T: Eq + Hash, S: BuildHasher> SpareRoom for HashSet<T, S> {
    fn give_back(&mut self) {
        if let Some(enough) = enough(self.len(), self.capacity()) {
            self.shrink_to(enough);
        }
    }
}

/// How many entries to keep room for, where there is room for too many.
fn enough(entries: usize, capacity: usize) -> Option<usize> {
    let enough = entries.saturating_mul(2).max(KEPT);
    (capacity > enough.saturating_mul(2)).then_some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_is_emptied_gives_back_its_room_in_few_moves() {
        let mut map: HashMap<u32, u32> = (0..10_000).map(|number| (number, number)).collect();
        let mut moves = 0;
        for number in 0..10_000 {
            let before = map.capacity();
            map.remove(&number);
            map.give_back();
            // One less at a time is the place of an entry that is gone, which counts as taken.
            moves += usize::from(map.capacity() + 1 < before);
            assert!(map.capacity() >= map.len());
        }
        // hashbrown rounds up to powers of two.
        assert!(map.capacity() < 4 * KEPT, "{}", map.capacity());
        assert!((3..12).contains(&moves), "{moves}");
    }

    #[test]
    fn what_is_left_is_there_and_a_map_that_is_full_or_small_stays() {
        let mut set: HashSet<u32> = (0..4_000).collect();
        let before = set.capacity();
        set.give_back();
        assert_eq!(set.capacity(), before);
        set.retain(|number| number % 10 == 0);
        set.give_back();
        assert!(set.capacity() < before / 2 && set.len() == 400 && set.contains(&3_990));
        let mut small: HashMap<u32, u32> = HashMap::with_capacity(KEPT);
        small.give_back();
        assert!(small.capacity() >= KEPT);
    }
}
