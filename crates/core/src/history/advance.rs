//! One step of the key history: from the record and the keys that are served to the next record and the keys to publish.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Advance, HistoryError, KeyPhase, KeyRecord, KnownKey, Observation, RecordedKey, Transition};
use crate::{
    jwks::{KeyKind, KeySet, MAX_KEYS_OF_A_KIND, PublicKey, Thumbprint},
    vocabulary::EventReason,
};

/// A `kid` and a key: what an entry of the record is.
type EntryId = (String, Thumbprint);

/// The next record, what must be published, and what happened.
///
/// # Errors
/// See [`HistoryError`]: nothing may be published then, and nothing that is published is taken away.
pub fn advance(observed: &Observation<'_>) -> Result<Advance, HistoryError> {
    let (before, lost) = starting_point(observed)?;
    let present = Present::of(observed)?;
    if before.is_empty() && present.served.is_empty() {
        // Keys that were merely announced are not this cluster's until it has shown one of its own.
        return Err(HistoryError::NothingToPublish);
    }
    let mut history = History {
        now: whole_seconds(observed.now),
        entries: before,
        transitions: Vec::new(),
    };
    if lost {
        history.note(EventReason::KeyHistoryLost, None);
    }
    history.note_replacement(observed, &present);
    history.see(&present, observed.revoked);
    if observed.all_answered && !present.served.is_empty() {
        history.retire(&present);
        history.expire(observed);
    }
    history.revoke(observed.revoked);
    history.conclude(observed)
}

/// What there is now: the keys of all API servers together, and those that were announced.
struct Present {
    keys: Vec<PublicKey>,
    served: BTreeSet<EntryId>,
    announced: BTreeSet<EntryId>,
}

impl Present {
    /// A revoked key holds nothing up: that its `kid` names two keys is only an error among those that are published.
    fn of(observed: &Observation<'_>) -> Result<Self, HistoryError> {
        let served = || observed.served.iter().flat_map(KeySet::keys);
        let all = || served().chain(observed.additional);
        let is_revoked = |key: &&PublicKey| observed.revoked.contains(key.thumbprint());
        let good = KeySet::of(all().filter(|key| !is_revoked(key)).cloned())?;
        let revoked = all().filter(is_revoked).cloned();
        Ok(Self {
            keys: good.keys().iter().cloned().chain(revoked).collect(),
            served: served().map(id).collect(),
            announced: observed.additional.iter().map(id).collect(),
        })
    }

    fn has(&self, id: &EntryId) -> bool {
        self.served.contains(id) || self.announced.contains(id)
    }
}

/// The recorded keys; without a record those that status and published object agree on, as if they had just been
/// retired, and whether there was anything to lose.
fn starting_point(observed: &Observation<'_>) -> Result<(BTreeMap<EntryId, RecordedKey>, bool), HistoryError> {
    if let Some(record) = observed.record {
        if record.cluster != observed.cluster {
            return Err(HistoryError::ClusterChanged {
                recorded: record.cluster.clone(),
                found: observed.cluster.to_owned(),
            });
        }
        return Ok((
            record
                .keys
                .iter()
                .map(|recorded| (id(&recorded.key), recorded.clone()))
                .collect(),
            false,
        ));
    }
    let now = whole_seconds(observed.now);
    let carried = observed
        .published
        .into_iter()
        .flat_map(KeySet::keys)
        .filter(|key| observed.known.contains(key.thumbprint()));
    let entries = carried
        .map(|key| {
            (
                id(key),
                RecordedKey {
                    key: key.clone(),
                    first_seen: now,
                    retired_at: Some(now),
                    announced: false,
                    revoked: false,
                },
            )
        })
        .collect();
    Ok((entries, !observed.known.is_empty()))
}

struct History {
    now: Timestamp,
    entries: BTreeMap<EntryId, RecordedKey>,
    transitions: Vec<Transition>,
}

impl History {
    fn note(&mut self, event: EventReason, kid: Option<&str>) {
        self.transitions.push(Transition {
            event,
            kid: kid.map(str::to_owned),
        });
    }

    /// Replacing every key at once is safe here, and elsewhere often an accident: it is told, unless one of the new keys
    /// was announced.
    fn note_replacement(&mut self, observed: &Observation<'_>, present: &Present) {
        let known: Vec<(&EntryId, &RecordedKey)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.retired_at.is_none())
            .collect();
        let was_served = known.iter().any(|(_, entry)| !entry.announced);
        let replaced = was_served && known.iter().all(|(id, _)| !present.served.contains(*id));
        if replaced && observed.all_answered && !present.served.is_empty() {
            self.note(EventReason::AllKeysReplaced, None);
        }
    }

    fn see(&mut self, present: &Present, revoked: &BTreeSet<Thumbprint>) {
        for key in &present.keys {
            let id = id(key);
            let served = present.served.contains(&id);
            let fresh = RecordedKey {
                key: key.clone(),
                first_seen: self.now,
                retired_at: Some(self.now),
                announced: !served,
                revoked: false,
            };
            let known = self.entries.contains_key(&id);
            let entry = self.entries.entry(id).or_insert(fresh);
            let was_current = entry.retired_at.take().is_none();
            let taken_up = entry.announced && served;
            // A key that is announced while it is served, or was a moment ago, is what it was.
            entry.announced = !served && (entry.announced || !was_current);
            // Of what was revoked, or is, `revoke` tells.
            let untold = !entry.revoked && !revoked.contains(key.thumbprint());
            if !known && untold && key.is_p521() {
                self.note(EventReason::KeyHardlySupported, Some(key.kid()));
            }
            match key.kind() {
                KeyKind::Unsupported if !known => self.note(EventReason::KeyUnsupported, Some(key.kid())),
                KeyKind::Rsa | KeyKind::Ec if !was_current && untold => {
                    self.note(EventReason::KeyPublished, Some(key.kid()));
                }
                KeyKind::Rsa | KeyKind::Ec if taken_up && untold => {
                    self.note(EventReason::KeyTakenUp, Some(key.kid()));
                }
                KeyKind::Rsa | KeyKind::Ec | KeyKind::Unsupported => {}
            }
        }
    }

    fn retire(&mut self, present: &Present) {
        // What was never published needs no retention.
        self.entries
            .retain(|id, entry| entry.key.kind() != KeyKind::Unsupported || present.has(id));
        self.supersede(present);
        let mut retired = Vec::new();
        for (id, entry) in &mut self.entries {
            if entry.retired_at.is_some() || present.served.contains(id) {
                continue;
            }
            if present.announced.contains(id) {
                // Served before, and served no more: it stays for as long as it is announced.
                if !entry.announced {
                    entry.announced = true;
                    retired.push(id.0.clone());
                }
            } else {
                entry.retired_at = Some(self.now);
                entry.announced = false;
                retired.push(id.0.clone());
            }
        }
        for kid in retired {
            self.note(EventReason::KeyRetained, Some(&kid));
        }
    }

    /// A retained key whose `kid` every API server now serves with another key goes at once: a verifier finds one key
    /// under a `kid`, and the cluster signs with the new one. Kept, it would hold up publication for ever.
    fn supersede(&mut self, present: &Present) {
        let kids: BTreeSet<&str> = present.served.iter().map(|(kid, _)| kid.as_str()).collect();
        let gone: Vec<EntryId> = self
            .entries
            .keys()
            .filter(|id| !present.has(id) && kids.contains(id.0.as_str()))
            .cloned()
            .collect();
        for id in gone {
            self.entries.remove(&id);
            self.note(EventReason::KeyRemoved, Some(&id.0));
        }
    }

    fn expire(&mut self, observed: &Observation<'_>) {
        let gone: Vec<EntryId> = self
            .entries
            .iter()
            .filter(|(_, entry)| expiry(entry, observed).is_some_and(|expiry| expiry <= self.now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.entries.remove(&id);
            self.note(EventReason::KeyRemoved, Some(&id.0));
        }
    }

    fn revoke(&mut self, revoked: &BTreeSet<Thumbprint>) {
        let mut changed = Vec::new();
        for (id, entry) in &mut self.entries {
            let now = revoked.contains(entry.key.thumbprint());
            match (entry.revoked, now) {
                (false, true) => changed.push((EventReason::KeyRevoked, id.0.clone())),
                (true, false) if entry.key.kind() != KeyKind::Unsupported => {
                    changed.push((EventReason::KeyPublished, id.0.clone()));
                }
                _ => {}
            }
            entry.revoked = now;
        }
        for (event, kid) in changed {
            self.note(event, Some(&kid));
        }
    }

    fn conclude(self, observed: &Observation<'_>) -> Result<Advance, HistoryError> {
        let fits = within_limits(self.entries.values());
        let published = KeySet::of(
            self.entries
                .iter()
                .filter(|(id, _)| fits.contains(*id))
                .map(|(_, entry)| entry.key.clone()),
        )?
        .ranked(|key| self.entries.get(&id(key)).map(standing));
        // A leaked key goes even if none is left.
        if published.is_empty() && !self.entries.values().any(|entry| entry.revoked) {
            return Err(HistoryError::NothingToPublish);
        }
        let keys = self
            .entries
            .iter()
            .map(|(id, entry)| known(entry, fits.contains(id), observed))
            .collect();
        let next_expiry = self.entries.values().filter_map(|entry| expiry(entry, observed)).min();
        Ok(Advance {
            record: KeyRecord {
                cluster: observed.cluster.to_owned(),
                keys: self.entries.into_values().collect(),
                made_bucket: observed.record.and_then(|record| record.made_bucket.clone()),
                instance: observed.record.and_then(|record| record.instance.clone()),
            },
            published,
            keys,
            transitions: self.transitions,
            next_expiry,
        })
    }
}

fn id(key: &PublicKey) -> EntryId {
    (key.kid().to_owned(), key.thumbprint().clone())
}

fn expiry(entry: &RecordedKey, observed: &Observation<'_>) -> Option<Timestamp> {
    let retired = entry.retired_at?;
    Some(retired.checked_add(observed.retain_for).unwrap_or(Timestamp::MAX))
}

fn known(entry: &RecordedKey, fits: bool, observed: &Observation<'_>) -> KnownKey {
    let state = match entry.retired_at {
        _ if entry.revoked => KeyPhase::Revoked,
        _ if !fits => KeyPhase::Unsupported,
        Some(_) => KeyPhase::Retained,
        None if entry.announced => KeyPhase::Additional,
        None => KeyPhase::Live,
    };
    KnownKey {
        kid: entry.key.kid().to_owned(),
        thumbprint: entry.key.thumbprint().clone(),
        alg: entry.key.alg().to_owned(),
        state,
        first_seen: entry.first_seen,
        expires: expiry(entry, observed),
    }
}

/// Keys that are served before those that are announced before those that are retained: a verifier that takes the first key
/// of the set and looks at no `kid` then takes one that signs.
fn standing(entry: &RecordedKey) -> (bool, bool) {
    (entry.retired_at.is_some(), entry.announced)
}

/// The entries that AWS reads: of each kind at most 100, those that are served before those that are announced before
/// those that are retained, the older before the newer.
fn within_limits<'a>(entries: impl Iterator<Item = &'a RecordedKey>) -> BTreeSet<EntryId> {
    let mut of_kind: BTreeMap<KeyKind, Vec<&RecordedKey>> = BTreeMap::new();
    for entry in entries.filter(|entry| entry.key.kind() != KeyKind::Unsupported && !entry.revoked) {
        of_kind.entry(entry.key.kind()).or_default().push(entry);
    }
    of_kind
        .into_values()
        .flat_map(|mut entries| {
            entries.sort_by_key(|entry| (standing(entry), entry.first_seen, id(&entry.key)));
            entries.into_iter().take(MAX_KEYS_OF_A_KIND)
        })
        .map(|entry| id(&entry.key))
        .collect()
}

/// Kubernetes stores times in whole seconds; anything finer would differ when read back.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
