//! What is known of the roles of one scope.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use irsa_core::{
    inventory::{Because, Deep, Method, Orphan, PackedDeep, RolePacker},
    naming::Tags,
};
use irsa_pipeline::{binding::observe::role::IamRole, federation::roles::Findings};
use tokio::time::Instant;

use super::listing::{Listing, key};
use crate::memory::{Locked, SpareRoom, propagation::LISTED_AFTER};

/// Between two attempts that passes ask for.
pub(super) const RETRY: Duration = Duration::from_mins(1);
/// When an account that was too large is looked at again.
const LARGE_FOR: Duration = Duration::from_hours(6);

/// What a look at a role by name gives.
#[derive(Debug)]
pub(super) enum LookUp {
    /// The role as the listings show it.
    Found(Box<IamRole>),
    /// A new inventory would tell.
    Outdated,
    /// It must be read by itself.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct RoleCache {
    /// Held while an inventory is taken, so that one serves all who wait for it.
    pub(super) flight: tokio::sync::Mutex<()>,
    state: Locked<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: Option<Taken>,
    attempted: Option<Instant>,
    /// Until when the account counts as too large to list its details. A refusal is no reason not to ask the next time: IAM
    /// takes a while to grant what it was told to grant, and one call per inventory is cheap.
    large_until: Option<Instant>,
    /// When roles were last written to.
    touched: HashMap<String, Instant>,
    /// What the listing does not show of roles that were read by themselves.
    deep: HashMap<String, (Instant, PackedDeep)>,
    packer: RolePacker,
    /// Tags of listed roles that no binding stands for, by id.
    strangers: HashMap<String, Tags>,
    /// Roles that listings showed to be not as they were, until their bindings are woken.
    changed: BTreeSet<String>,
    /// Those of which the last listing proved nothing, because we had just written to them ourselves: woken with the next,
    /// which answers them all at once. To wake them before would read each by itself, most when many are made.
    put_off: BTreeSet<String>,
    /// Roles that bindings left behind since the last inventory: when, of which federation, and which.
    left: HashMap<String, (Instant, String, Orphan)>,
}

#[derive(Debug)]
struct Taken {
    started: Instant,
    ours: usize,
    listing: Listing,
    orphans: HashMap<String, Vec<Orphan>>,
}

impl RoleCache {
    /// The role as the last inventory shows it, if that did not begin before `not_before`.
    pub(super) fn look_up(&self, name: &str, interval: Duration, not_before: Option<Instant>, now: Instant) -> LookUp {
        let state = self.state.lock();
        let key = key(name);
        let settled = state
            .touched
            .get(&key)
            .map(|touched| *touched + LISTED_AFTER)
            .max(not_before);
        if settled.is_some_and(|settled| now < settled) {
            // A new one would not count either.
            return LookUp::Unknown;
        }
        let counts = |taken: &&Taken| {
            now.duration_since(taken.started) <= interval.mul_f64(1.5)
                && settled.is_none_or(|settled| taken.started >= settled)
        };
        let Some(taken) = state.taken.as_ref().filter(counts) else {
            return LookUp::Outdated;
        };
        let Some(shallow) = taken.listing.shallow.get(&key) else {
            return LookUp::Unknown;
        };
        let every = taken.listing.method.deep_read_every(taken.ours, interval);
        let read = || {
            let (at, deep) = state.deep.get(&key)?;
            (now.duration_since(*at) < every).then_some(deep)
        };
        let deep = match &taken.listing.method {
            Method::Inventory => taken.listing.deep.get(&key),
            Method::Rolling(_) | Method::Each(_) => read(),
        };
        let Some(deep) = deep else { return LookUp::Unknown };
        let shallow = shallow.unpack();
        shallow.with(&deep.unpack()).map_or(LookUp::Unknown, |role| {
            LookUp::Found(Box::new(IamRole {
                arn: shallow.arn,
                id: shallow.id,
                role,
            }))
        })
    }

    /// Whether it is time for another attempt, if there is to be one each `every`.
    pub(super) fn is_due(&self, every: Duration, now: Instant) -> bool {
        let attempted = self.state.lock().attempted;
        attempted.is_none_or(|attempted| now.duration_since(attempted) >= every)
    }

    /// An attempt begins; says why details are not even to be asked for, if so.
    pub(super) fn begin(&self, now: Instant) -> Option<Because> {
        let mut state = self.state.lock();
        state.attempted = Some(now);
        let large = state.large_until.is_some_and(|until| now < until);
        large.then_some(Because::LargeAccount)
    }

    /// The tags of these listed roles, as far as they have been read.
    pub(super) fn tags_of_strangers(&self) -> HashMap<String, Tags> {
        self.state.lock().strangers.clone()
    }

    /// An inventory was taken.
    pub(super) fn install(
        &self,
        started: Instant,
        ours: usize,
        listing: Listing,
        strangers: HashMap<String, Tags>,
        orphans: HashMap<String, Vec<Orphan>>,
    ) {
        let mut state = self.state.lock();
        match &listing.method {
            Method::Inventory => {
                state.large_until = None;
                state.deep.clear();
                state.packer = RolePacker::default();
            }
            Method::Rolling(Because::LargeAccount) => {
                let renewed = state.large_until.is_none_or(|until| started >= until);
                if renewed {
                    state.large_until = Some(started + LARGE_FOR);
                }
            }
            Method::Rolling(Because::Denied(_)) | Method::Each(_) => {}
        }
        let present = &listing.shallow;
        state.deep.retain(|role, _| present.contains_key(role));
        // What was written to before is shown by now.
        state.touched.retain(|_, touched| *touched + LISTED_AFTER > started);
        state.strangers = strangers;
        state.left.retain(|_, (at, ..)| *at + LISTED_AFTER > started);
        state.deep.give_back();
        state.touched.give_back();
        state.left.give_back();
        let before = state.taken.replace(Taken {
            started,
            ours,
            listing,
            orphans,
        });
        if let Some((before, now)) = before.zip(state.taken.as_ref()) {
            let differ: Vec<String> = differing(&before.listing.shallow, &now.listing.shallow)
                .chain(differing(&before.listing.deep, &now.listing.deep))
                .cloned()
                .collect();
            let all = std::mem::take(&mut state.put_off).into_iter().chain(differ);
            let (ours, changed) = all.partition(|role| state.touched.contains_key(role));
            state.put_off = ours;
            let changed: BTreeSet<String> = changed;
            state.changed.extend(changed);
        }
    }

    /// The names of roles that are not as they were; asked once.
    pub(super) fn take_changed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.state.lock().changed)
    }

    /// A binding is gone and its role is not, or not yet.
    pub(super) fn leave(&self, federation: &str, orphan: Orphan, now: Instant) {
        let mut state = self.state.lock();
        state
            .left
            .insert(key(&orphan.role), (now, federation.to_owned(), orphan));
    }

    /// A role that was left behind is gone.
    pub(super) fn removed(&self, role: &str) {
        self.state.lock().left.remove(&key(role));
    }

    /// The role is being written to, or has just been.
    pub(super) fn touch(&self, name: &str, now: Instant) {
        let mut state = self.state.lock();
        let key = key(name);
        state.deep.remove(&key);
        state.touched.insert(key, now);
    }

    pub(super) fn was_read(&self, name: &str, found: &IamRole, now: Instant) {
        let mut state = self.state.lock();
        let rolls = state
            .taken
            .as_ref()
            .is_some_and(|taken| matches!(taken.listing.method, Method::Rolling(_)));
        if rolls {
            let deep = state.packer.deep(&Deep::of(&found.id, &found.role));
            state.deep.insert(key(name), (now, deep));
        }
    }

    pub(super) fn findings(&self, federation: &str) -> Option<Findings> {
        let state = self.state.lock();
        let taken = state.taken.as_ref()?;
        Some(Findings {
            method: taken.listing.method.clone(),
            ours: taken.ours,
            orphans: state.orphans(federation),
        })
    }

    pub(super) fn orphans(&self, federation: &str) -> Vec<Orphan> {
        self.state.lock().orphans(federation)
    }

    pub(super) fn orphan_count(&self) -> usize {
        let state = self.state.lock();
        let taken = state.taken.iter().flat_map(|taken| taken.orphans.keys());
        let federations: BTreeSet<&String> = taken.chain(state.left.values().map(|(_, of, _)| of)).collect();
        federations
            .into_iter()
            .map(|federation| state.orphans(federation).len())
            .sum()
    }
}

impl State {
    /// The orphans of a federation without those that have been written to since: removed, most likely.
    fn orphans(&self, federation: &str) -> Vec<Orphan> {
        let listed = self.taken.iter().flat_map(|taken| {
            let orphans = taken.orphans.get(federation).into_iter().flatten();
            orphans.filter(|orphan| {
                let touched = self.touched.get(&key(&orphan.role));
                touched.is_none_or(|touched| *touched + LISTED_AFTER <= taken.started)
            })
        });
        let left = self.left.values().filter(|(_, of, _)| of == federation);
        let left = left.map(|(_, _, orphan)| orphan);
        let all: BTreeSet<&Orphan> = listed.chain(left).collect();
        all.into_iter().cloned().collect()
    }
}

/// Keys whose values differ, or that only one of both has.
fn differing<'a, T: PartialEq>(
    before: &'a HashMap<String, T>,
    now: &'a HashMap<String, T>,
) -> impl Iterator<Item = &'a String> {
    let changed = now.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    changed.map(|(name, _)| name).chain(gone)
}

#[cfg(test)]
mod tests;
