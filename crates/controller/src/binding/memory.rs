//! What this process remembers of bindings between passes. Losing it costs a read or a less exact event, never a wrong
//! write.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_core::plan::{
    Fingerprint,
    binding::{AccountField, AccountFields, AccountPlan, DesiredAccount, ObservedAccount},
};
use tokio::time::Instant;

use irsa_pipeline::object::ObjectKey;

use super::contest::Contests;

/// IAM shows a change within seconds. A difference found sooner after our own write is more likely old than drift.
const SETTLE: Duration = Duration::from_secs(10);

/// Times that one ServiceAccount is taken over by a process.
const MAX_TAKEOVERS: u8 = 3;

/// What is remembered. One lock each: they are never needed together.
#[derive(Debug, Default)]
pub(crate) struct BindingMemory {
    applied: Mutex<HashMap<ObjectKey, Applied>>,
    accounts: Mutex<HashMap<(String, String), DesiredAccount>>,
    released: Mutex<HashSet<ObjectKey>>,
    unseen: Mutex<HashSet<ObjectKey>>,
    taken_over: Mutex<HashMap<String, u8>>,
    undone: Mutex<HashMap<String, (String, AccountFields)>>,
    /// What somebody keeps changing back.
    pub(crate) contests: Contests,
}

#[derive(Debug, Clone, Copy)]
struct Applied {
    fingerprint: Fingerprint,
    at: Instant,
}

impl BindingMemory {
    /// What was last made of the binding's role in full.
    pub(crate) fn applied(&self, binding: &ObjectKey) -> Option<Fingerprint> {
        lock(&self.applied).get(binding).map(|applied| applied.fingerprint)
    }

    /// How long to wait until a difference to what was just made counts as drift.
    pub(crate) fn settles_in(&self, binding: &ObjectKey) -> Option<Duration> {
        let since = lock(&self.applied).get(binding)?.at.elapsed();
        SETTLE.checked_sub(since).filter(|rest| !rest.is_zero())
    }

    /// The role was made this; `wrote` tells whether that took a write.
    pub(crate) fn remember(&self, binding: ObjectKey, fingerprint: Fingerprint, wrote: bool) {
        let mut applied = lock(&self.applied);
        let known = applied
            .get(&binding)
            .filter(|known| !wrote && known.fingerprint == fingerprint)
            .map(|known| known.at);
        let long_ago = || Instant::now().checked_sub(SETTLE).unwrap_or_else(Instant::now);
        let at = known.unwrap_or_else(|| if wrote { Instant::now() } else { long_ago() });
        applied.insert(binding, Applied { fingerprint, at });
    }

    /// The binding's role is about to be read by itself. Until [`Self::has_looked`] no listing answers for it: who asked for
    /// a look is not put off with an older one because AWS refused the first try.
    pub(crate) fn will_look(&self, binding: &ObjectKey) {
        lock(&self.unseen).insert(binding.clone());
    }

    /// It was read.
    pub(crate) fn has_looked(&self, binding: &ObjectKey) {
        lock(&self.unseen).remove(binding);
    }

    /// Whether a read of the binding's role is still owed.
    pub(crate) fn owes_a_look(&self, binding: &ObjectKey) -> bool {
        lock(&self.unseen).contains(binding)
    }

    /// Forgets a binding that is gone or may be anything now.
    pub(crate) fn forget(&self, binding: &ObjectKey) {
        lock(&self.applied).remove(binding);
        lock(&self.unseen).remove(binding);
        self.contests.forget(binding);
    }

    /// Nothing that the binding made is to be removed any more: it may go.
    pub(crate) fn released(&self, binding: ObjectKey) {
        lock(&self.released).insert(binding);
    }

    /// Whether a binding has been let go.
    pub(crate) fn is_released(&self, binding: &ObjectKey) -> bool {
        lock(&self.released).contains(binding)
    }

    /// Whether a binding that is gone had been let go; asked once.
    pub(crate) fn was_released(&self, binding: &ObjectKey) -> bool {
        lock(&self.released).remove(binding)
    }

    /// Whether a ServiceAccount may be taken over once more; counts it. Who puts back what was there each time wants it so.
    pub(crate) fn may_take_over(&self, uid: &str) -> bool {
        let mut taken_over = lock(&self.taken_over);
        let times = taken_over.entry(uid.to_owned()).or_default();
        let may = *times < MAX_TAKEOVERS;
        *times = times.saturating_add(1);
        may
    }

    /// These fields were applied, and the ServiceAccount was this afterwards: something between us and the store has changed them.
    pub(crate) fn note_undone(&self, account: &ObservedAccount, fields: AccountFields) {
        let state = (account.resource_version.clone(), fields);
        lock(&self.undone).insert(account.uid.clone(), state);
    }

    /// The first field that an apply of these would not change, because it did not the last time and the ServiceAccount is as
    /// it was after that.
    pub(crate) fn was_undone(&self, account: &ObservedAccount, fields: &AccountFields) -> Option<AccountField> {
        let mut undone = lock(&self.undone);
        let (version, applied) = undone.get(&account.uid)?;
        if *version == account.resource_version && applied == fields {
            return fields.differing(account).into_iter().next();
        }
        undone.remove(&account.uid);
        None
    }

    /// A ServiceAccount must be like this from now on.
    pub(crate) fn expect_account(&self, namespace: &str, name: &str, desired: DesiredAccount) {
        lock(&self.accounts).insert((namespace.to_owned(), name.to_owned()), desired);
    }

    /// A ServiceAccount may be anything from now on.
    pub(crate) fn release_account(&self, namespace: &str, name: &str) {
        lock(&self.accounts).remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Whether a ServiceAccount in this state needs a pass of its binding. One that nothing was expected of does not:
    /// its binding has not come as far, or this process has not looked yet and will.
    pub(crate) fn account_needs_look(&self, namespace: &str, name: &str, observed: Option<&ObservedAccount>) -> bool {
        let accounts = lock(&self.accounts);
        let desired = accounts.get(&(namespace.to_owned(), name.to_owned()));
        desired.is_some_and(|desired| desired.plan(observed) != AccountPlan::Nothing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock means that another task panicked; the entries themselves are always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
