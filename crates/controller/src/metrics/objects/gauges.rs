//! One object.

use irsa_api::{KeyState, KeyStatus};
use irsa_core::{
    outcome::{Condition, Status, find, is_true},
    vocabulary::{Class, ConditionType, Reason},
};
use irsa_pipeline::{
    conditions::from_kubernetes,
    object::{Managed, ObjectKind},
};
use jiff::Timestamp;

use crate::metrics::state::ObjectState;
use crate::metrics::{
    labels::PassResult,
    moments::{Moment, Moments},
};

/// What is known of an object.
///
/// A suspended object is looked at by nobody, so it waits for nothing: it counts by its state and with its keys, which
/// stay published, and has no moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectGauges {
    pub(super) state: ObjectState,
    pub(super) reason: Option<Reason>,
    pub(super) published_keys: i64,
    /// The advisory conditions that say False.
    pub(super) failing: Vec<ConditionType>,
    pub(super) public_read: Option<Timestamp>,
    pub(super) due: Option<Timestamp>,
    keys: Keys,
    unreconciled: Option<(PassResult, Timestamp)>,
}

/// When its signing keys came, and when the next one goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Keys {
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    retirement: Option<Timestamp>,
}

impl Keys {
    fn of(keys: &[KeyStatus]) -> Self {
        let live = || keys.iter().filter(|key| key.state == KeyState::Live);
        Self {
            oldest: live().map(|key| key.first_seen.0).min(),
            newest: live().map(|key| key.first_seen.0).max(),
            retirement: keys.iter().filter_map(|key| Some(key.expires.as_ref()?.0)).min(),
        }
    }
}

/// How many of these are in the published documents.
fn published(keys: &[KeyStatus]) -> i64 {
    let published = keys
        .iter()
        .filter(|key| !matches!(key.state, KeyState::Unsupported | KeyState::Revoked));
    i64::try_from(published.count()).unwrap_or(i64::MAX)
}

impl ObjectGauges {
    /// An object that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self {
            state: ObjectState::Unreadable,
            reason: None,
            published_keys: 0,
            failing: Vec::new(),
            public_read: None,
            due: None,
            keys: Keys::default(),
            unreconciled: None,
        }
    }

    /// An object that this process has not looked at yet: what an earlier one left in its status, and due at once.
    pub(super) fn from_status<K: Managed>(object: &K, now: Timestamp) -> Self {
        let conditions = from_kubernetes(object.conditions());
        let mut known = Self {
            due: Some(now),
            ..Self::unreadable()
        };
        let none = K::Status::default();
        let status = object.status().unwrap_or(&none);
        match verdict(&conditions) {
            Some(reason) => known.conclude(object, reason, &conditions, status, now),
            None => known.state = ObjectState::of(&conditions),
        }
        // Whether they still can be read is not known; counted from the start of the process.
        if is_true(&conditions, ConditionType::PubliclyReadable) {
            known.public_read = Some(now).filter(|_| known.is_watched(object));
        }
        known
    }

    /// A pass came to this verdict.
    pub(super) fn conclude<K: Managed>(
        &mut self,
        object: &K,
        reason: Reason,
        conditions: &[Condition],
        status: &K::Status,
        now: Timestamp,
    ) {
        self.state = ObjectState::of(conditions);
        self.reason = Some(reason);
        let keys = K::signing_keys(status);
        self.published_keys = published(keys);
        let fails = |kind: &ConditionType| find(conditions, *kind).is_some_and(|it| it.status == Status::False);
        self.failing = ConditionType::ADVISORY_ASPECTS.into_iter().filter(fails).collect();
        let flipped = |kind, to| {
            let found = find(conditions, kind)?;
            (found.status == to).then_some(found.last_transition)
        };
        match reason.class() {
            Class::Done => self.unreconciled = None,
            // The status outlives the process, so it knows better since when.
            class => {
                let since = find(conditions, ConditionType::Ready)
                    .filter(|ready| ready.status != Status::True)
                    .map_or(now, |ready| ready.last_transition);
                self.waits(PassResult::of(class), since);
            }
        }
        if self.is_watched(object) {
            self.keys = Keys::of(keys);
            let closed = flipped(ConditionType::PubliclyReadable, Status::False);
            self.public_read = self.public_read.or(closed);
        } else {
            self.keys = Keys::default();
            self.public_read = None;
        }
    }

    /// The last pass did not succeed; `since` counts if the one before it did.
    pub(super) fn waits(&mut self, result: PassResult, since: Timestamp) {
        let since = self.unreconciled.map_or(since, |(_, since)| since);
        self.unreconciled = Some((result, since));
    }

    /// Whether somebody sees to its keys and documents.
    fn is_watched<K: Managed>(&self, object: &K) -> bool {
        self.state != ObjectState::Suspended && !object.is_deleted()
    }

    fn moments(&self, kind: ObjectKind) -> impl Iterator<Item = (Moment, Timestamp)> {
        let unreconciled = self
            .unreconciled
            .map(|(result, since)| (Moment::Unreconciled(kind, result), since));
        [
            (Moment::OldestKey, self.keys.oldest),
            (Moment::NewestKey, self.keys.newest),
            (Moment::Retirement, self.keys.retirement),
            (Moment::PublicRead, self.public_read),
            (Moment::Due(kind), self.due),
        ]
        .into_iter()
        .filter_map(|(moment, at)| Some((moment, at?)))
        .chain(unreconciled)
    }
}

/// The moments of an object are now others, or none.
pub(super) fn move_moments(
    moments: &Moments,
    kind: ObjectKind,
    before: Option<&ObjectGauges>,
    after: Option<&ObjectGauges>,
) {
    moments.replace(
        before.into_iter().flat_map(|known| known.moments(kind)),
        after.into_iter().flat_map(|known| known.moments(kind)),
    );
}

/// The reason of the last verdict: that of what is in the way, or else of `Ready`.
fn verdict(conditions: &[Condition]) -> Option<Reason> {
    [ConditionType::Stalled, ConditionType::Reconciling, ConditionType::Ready]
        .into_iter()
        .find_map(|kind| Reason::parse(&find(conditions, kind)?.reason))
}
