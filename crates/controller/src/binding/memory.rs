//! What this process remembers of bindings between passes. Losing it costs a read or a less exact event, never a wrong
//! write.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use irsa_core::plan::{
    Fingerprint,
    binding::{AccountChange, AccountField, AccountFields, DesiredAccount, ObservedAccount},
};
use irsa_pipeline::{binding::plan::accounts::AccountHistory, object::ObjectKey};

use super::{contest::Contests, proof_record::ProofRecord};
use crate::memory::{Applied, Locked, PerObject, SpareRoom, propagation::LastChange};

/// Times that one ServiceAccount is taken over by a process.
const MAX_TAKEOVERS: u8 = 3;

/// What is remembered of one binding.
#[derive(Debug, Default)]
pub(crate) struct BindingRecord {
    /// What was last made of its role in full.
    applied: Option<Applied>,
    /// A read of its role is still owed.
    owes_a_look: bool,
    /// What somebody keeps changing back.
    contests: Contests,
    /// When its role may last have been made or changed.
    change: LastChange,
    /// What STS has said of the role.
    proof: ProofRecord,
}

impl AsRef<LastChange> for BindingRecord {
    fn as_ref(&self) -> &LastChange {
        &self.change
    }
}

impl AsMut<LastChange> for BindingRecord {
    fn as_mut(&mut self) -> &mut LastChange {
        &mut self.change
    }
}

/// What is remembered of one ServiceAccount, whichever bindings come and go.
#[derive(Debug, Default)]
struct AccountRecord {
    /// Times that it was taken over.
    taken_over: u8,
    /// The resource version after an apply of these fields, which something between us and the store has changed.
    undone: Option<(String, AccountFields)>,
}

/// What is remembered. The maps are never needed together.
///
/// # Guarantees
/// A map has nothing of bindings and ServiceAccounts that the watches have shown to be gone: [`Self::forget`],
/// [`Self::release_account`], [`Self::account_gone`].
#[derive(Debug, Default)]
pub(crate) struct BindingMemory {
    records: PerObject<BindingRecord>,
    /// Outlives the record: it tells of a binding that is gone whether it was let go.
    released: Locked<HashSet<ObjectKey>>,
    /// By namespace and name, as the watch of ServiceAccounts asks.
    expected: Locked<HashMap<(String, String), DesiredAccount>>,
    /// Those that a pass has looked at and not written yet, by namespace and name.
    looked_at: Locked<HashMap<(String, String), LookedAt>>,
    /// By UID.
    accounts: Locked<HashMap<String, AccountRecord>>,
}

/// What is remembered of a ServiceAccount between a look at it and what is done to it.
#[derive(Debug, Default)]
struct LookedAt {
    /// Passes that have looked.
    by: usize,
    /// Times that the watch has told of it since the first of them.
    changes: u64,
}

/// The ServiceAccounts that a pass has looked at. What the watch tells of them meanwhile is noted, as nothing may be expected of
/// them yet.
#[derive(Debug)]
#[must_use = "what changes after it is dropped is not noted"]
pub(crate) struct Looks<'m> {
    memory: &'m BindingMemory,
    /// With the number of changes before.
    accounts: HashMap<(String, String), u64>,
}

impl Looks<'_> {
    /// Whether the watch has told of one since the look.
    pub(crate) fn has_changed(&self, namespace: &str, name: &str) -> bool {
        let account = (namespace.to_owned(), name.to_owned());
        let before = self.accounts.get(&account);
        let looked_at = self.memory.looked_at.lock();
        before.is_some() && looked_at.get(&account).map(|looked| &looked.changes) != before
    }
}

impl Drop for Looks<'_> {
    fn drop(&mut self) {
        let mut looked_at = self.memory.looked_at.lock();
        for account in self.accounts.keys() {
            if let Some(looked) = looked_at.get_mut(account) {
                looked.by = looked.by.saturating_sub(1);
            }
        }
        looked_at.retain(|_, looked| looked.by > 0);
        looked_at.give_back();
    }
}

impl BindingMemory {
    /// One record for each binding.
    pub(super) fn records(&self) -> &PerObject<BindingRecord> {
        &self.records
    }

    /// What was last made of the binding's role in full.
    pub(crate) fn applied(&self, binding: &ObjectKey) -> Option<Fingerprint> {
        self.records.peek(binding, |record| Some(record.applied?.fingerprint))
    }

    /// How long to wait until a difference to what was just made counts as drift.
    pub(crate) fn settles_in(&self, binding: &ObjectKey) -> Option<Duration> {
        self.records.peek(binding, |record| record.applied?.settles_in())
    }

    /// The role was made this; `wrote` tells whether that took a write.
    pub(crate) fn remember(&self, binding: &ObjectKey, fingerprint: Fingerprint, wrote: bool) {
        self.records.with(binding, |record| {
            let before = record.applied.filter(|before| before.fingerprint == fingerprint);
            record.applied = Some(Applied::now(fingerprint, wrote, before));
        });
    }

    /// The binding's role is about to be read by itself. Until [`Self::has_looked`] no listing answers for it: who asked for
    /// a look is not put off with an older one because AWS refused the first try.
    pub(crate) fn will_look(&self, binding: &ObjectKey) {
        self.records.with(binding, |record| record.owes_a_look = true);
    }

    /// It was read.
    pub(crate) fn has_looked(&self, binding: &ObjectKey) {
        self.records.with(binding, |record| record.owes_a_look = false);
    }

    /// Whether this process made the binding's role, or whom it lets in, like this so short a time ago that a read of it proves nothing.
    pub(crate) fn has_just_made(&self, binding: &ObjectKey, fingerprint: Fingerprint) -> bool {
        let made = self.records.peek(binding, |record| {
            let applied = record.applied.filter(|_| record.proof.was_just_written())?;
            (applied.fingerprint == fingerprint).then_some(())
        });
        made.is_some()
    }

    /// Asks or changes what is remembered of the proof of the binding's role.
    pub(crate) fn proof<R>(&self, binding: &ObjectKey, ask: impl FnOnce(&mut ProofRecord) -> R) -> R {
        self.records.with(binding, |record| ask(&mut record.proof))
    }

    /// What is remembered of it, where anything is.
    pub(crate) fn known_proof<R>(&self, binding: &ObjectKey, look: impl FnOnce(&ProofRecord) -> R) -> Option<R> {
        self.records.peek(binding, |record| Some(look(&record.proof)))
    }

    /// Whether a read of the binding's role is still owed.
    pub(crate) fn owes_a_look(&self, binding: &ObjectKey) -> bool {
        self.records
            .peek(binding, |record| record.owes_a_look.then_some(()))
            .is_some()
    }

    /// Asks or changes what somebody keeps changing back on the binding's role.
    pub(crate) fn contests<R>(&self, binding: &ObjectKey, ask: impl FnOnce(&mut Contests) -> R) -> R {
        self.records.with(binding, |record| ask(&mut record.contests))
    }

    /// The binding's role may be anything from now on. When it was last changed is still known.
    pub(crate) fn doubt(&self, binding: &ObjectKey) {
        self.records.with(binding, |record| {
            *record = BindingRecord {
                change: record.change,
                ..BindingRecord::default()
            };
        });
    }

    /// Nothing that the binding made is there any more: its record goes, and it may.
    pub(crate) fn let_go(&self, binding: ObjectKey) {
        self.records.remove(&binding);
        self.released(binding);
    }

    /// Nothing that the binding made is to be removed any more: it may go.
    pub(crate) fn released(&self, binding: ObjectKey) {
        self.released.lock().insert(binding);
    }

    /// Whether a binding has been let go.
    pub(crate) fn is_released(&self, binding: &ObjectKey) -> bool {
        self.released.lock().contains(binding)
    }

    /// Forgets a binding that is gone.
    pub(crate) fn forget(&self, binding: &ObjectKey) {
        self.records.remove(binding);
        let mut released = self.released.lock();
        released.remove(binding);
        released.give_back();
    }

    /// A ServiceAccount was taken over once more.
    pub(crate) fn count_takeover(&self, uid: &str) {
        let mut accounts = self.accounts.lock();
        let account = accounts.entry(uid.to_owned()).or_default();
        account.taken_over = account.taken_over.saturating_add(1);
    }

    /// These fields were applied, and the ServiceAccount was this afterwards: something between us and the store has changed them.
    pub(crate) fn note_undone(&self, account: &ObservedAccount, fields: AccountFields) {
        let state = (account.resource_version.clone(), fields);
        self.accounts.lock().entry(account.uid.clone()).or_default().undone = Some(state);
    }

    /// Whether anything is remembered of the ServiceAccount with this UID.
    pub(super) fn knows_account(&self, uid: &str) -> bool {
        self.accounts.lock().contains_key(uid)
    }

    /// Forgets a ServiceAccount that is gone. One that is made anew under its name has another UID.
    pub(super) fn account_gone(&self, uid: &str) {
        let mut accounts = self.accounts.lock();
        accounts.remove(uid);
        accounts.give_back();
    }

    /// Forgets all ServiceAccounts but these.
    pub(super) fn keep_accounts(&self, present: &HashSet<String>) {
        let mut accounts = self.accounts.lock();
        accounts.retain(|uid, _| present.contains(uid));
        accounts.give_back();
    }

    /// These are about to be looked at.
    pub(crate) fn look_at<'n>(&self, namespace: &str, names: impl Iterator<Item = &'n String>) -> Looks<'_> {
        let mut looked_at = self.looked_at.lock();
        let accounts = names.map(|name| {
            let account = (namespace.to_owned(), name.clone());
            let looked = looked_at.entry(account.clone()).or_default();
            looked.by = looked.by.saturating_add(1);
            (account, looked.changes)
        });
        let accounts = accounts.collect();
        drop(looked_at);
        Looks { memory: self, accounts }
    }

    /// A ServiceAccount must be like this from now on.
    pub(crate) fn expect_account(&self, namespace: &str, name: &str, desired: DesiredAccount) {
        self.expected
            .lock()
            .insert((namespace.to_owned(), name.to_owned()), desired);
    }

    /// A ServiceAccount may be anything from now on.
    pub(crate) fn release_account(&self, namespace: &str, name: &str) {
        let mut expected = self.expected.lock();
        expected.remove(&(namespace.to_owned(), name.to_owned()));
        expected.give_back();
    }

    /// Whether anything is expected of a ServiceAccount.
    pub(crate) fn expects_account(&self, namespace: &str, name: &str) -> bool {
        let account = (namespace.to_owned(), name.to_owned());
        self.expected.lock().contains_key(&account)
    }

    /// The watch tells of a ServiceAccount in this state. Whether it needs a pass of its binding: one that nothing was expected of
    /// does not, as this process has not looked yet and will, or a pass that has looked hears of it by [`Looks`].
    pub(crate) fn account_changed(&self, namespace: &str, name: &str, observed: Option<&ObservedAccount>) -> bool {
        let account = (namespace.to_owned(), name.to_owned());
        if let Some(looked) = self.looked_at.lock().get_mut(&account) {
            looked.changes = looked.changes.saturating_add(1);
        }
        let expected = self.expected.lock();
        let desired = expected.get(&account);
        desired.is_some_and(|desired| desired.change(observed) != AccountChange::Nothing)
    }

    /// For how many entries there is room, in all maps.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        let by_key = self.records.room() + self.released.lock().capacity();
        by_key + self.expected.lock().capacity() + self.looked_at.lock().capacity() + self.accounts.lock().capacity()
    }

    /// How many entries there are, in all maps.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let by_key = self.records.len() + self.released.lock().len();
        by_key + self.expected.lock().len() + self.looked_at.lock().len() + self.accounts.lock().len()
    }
}

impl AccountHistory for BindingMemory {
    fn undone(&self, account: &ObservedAccount, fields: &AccountFields) -> Option<AccountField> {
        let accounts = self.accounts.lock();
        let (version, applied) = accounts.get(&account.uid)?.undone.as_ref()?;
        let is_as_before = *version == account.resource_version && applied == fields;
        is_as_before
            .then(|| fields.differing(account).into_iter().next())
            .flatten()
    }

    fn is_put_back(&self, uid: &str) -> bool {
        let accounts = self.accounts.lock();
        accounts
            .get(uid)
            .is_some_and(|account| account.taken_over >= MAX_TAKEOVERS)
    }
}
