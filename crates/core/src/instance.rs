//! Copies of a cluster: whether this one is the only one that works on a federation's things in AWS.
//!
//! A copy of a cluster, made from a snapshot of its etcd or its machines, has the same kube-system UID, and so by every tag
//! it owns what the original owns. What tells them apart: each federation's key set in S3 carries a *mark*, which the record
//! of keys in the cluster has, too. An operator that wakes up behind other API servers than those in the record may be a
//! copy. It writes a fresh mark over the shared one (the *challenge*), and changes nothing else until the other had time to
//! see that twice over. Whoever finds a mark that he did not write stops. He who was there first says so by a fresh mark of
//! his own (the *objection*), at which the challenger stops for good. Silence means that there is nobody else: the
//! API servers have moved.
//!
//! A mark counts only with the proof that an instance of this cluster wrote it on these bytes, and if it is newer than all that
//! were seen before ([`Secret`]). Anything else is somebody's tampering, and is put right in every phase: pods live from it.
//!
//! Nothing of this costs a call in an unchanged world: the mark is read and written with the object.
//!
//! # Assumptions
//! Both look at the object at least once per interval, and the challenger waits for more than two. A copy that is reached
//! at the very addresses of the original is not noticed.

mod label;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::label::is_after;
pub use self::label::{Fresh, Secret};

/// What the record of a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The mark that the object must carry; while a challenge lasts, the one from before.
    pub mark: String,
    /// By which marks are proven. A record from before there were proofs has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Addresses of the API servers.
    #[serde(default)]
    pub servers: BTreeSet<String>,
    /// What goes on.
    #[serde(default, skip_serializing_if = "Phase::is_alone")]
    pub phase: Phase,
}

/// Where an instance stands with others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Phase {
    /// It knows of no other.
    #[default]
    Alone,
    /// It may be a copy, and asks whether anybody objects.
    Challenging {
        /// The mark by which it asks.
        challenge: String,
    },
    /// Somebody else wrote a mark. It was here first.
    Objecting {
        /// The other's mark.
        rival: String,
    },
    /// Somebody else was here first.
    Yielding {
        /// The other's mark.
        rival: String,
    },
}

impl Phase {
    /// Whether it knows of no other.
    pub fn is_alone(&self) -> bool {
        *self == Self::Alone
    }
}

/// What the cluster shows of itself, AWS not asked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The one that the record was written in.
    Alone,
    /// It may be another.
    Doubtful,
    /// There is another.
    Contested,
}

/// The object in S3, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its mark with the proof.
    pub label: Option<&'a str>,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Whether that is nothing but keys which this cluster knows as its own. Those of another instance may be others.
    pub trusted: bool,
    /// Whether the discovery document sends verifiers to other keys.
    pub diverted: bool,
}

/// What was found out, in the cluster and in AWS.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Whose object it is: cluster and federation.
    pub federation: &'a str,
    /// The record; `None` before the first.
    pub record: Option<&'a Instance>,
    /// Addresses of the API servers; none when they are not known.
    pub servers: &'a BTreeSet<String>,
    /// Whether this process has found itself alone before.
    pub continuous: bool,
    /// The object; `None` where there is none, or it is not ours to write.
    pub seen: Option<Seen<'a>>,
    /// Whether the challenge has stood for long enough.
    pub waited: bool,
    /// The mark that a person has declared void ([`Instance::contender`]).
    pub claim: Option<&'a str>,
}

/// What to do next. The record becomes what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Go on as always.
    Proceed(Instance),
    /// Write the object as it is with [`Instance::shown`] as its mark, and nothing else.
    Challenge(Instance),
    /// Keep the documents as they must be, with our mark, and nothing else.
    Defend(Instance),
    /// Write nothing.
    Hold(Instance),
}

impl Move {
    /// What the record becomes.
    pub const fn instance(&self) -> &Instance {
        match self {
            Self::Proceed(instance) | Self::Challenge(instance) | Self::Defend(instance) | Self::Hold(instance) => {
                instance
            }
        }
    }

    /// Whether everything may be done.
    pub const fn proceeds(&self) -> bool {
        matches!(self, Self::Proceed(_))
    }
}

impl Instance {
    /// One that knows of no other.
    pub fn alone(mark: String, secret: Secret, servers: BTreeSet<String>) -> Self {
        Self {
            mark,
            secret: Some(secret),
            servers,
            phase: Phase::Alone,
        }
    }

    /// The mark that this instance wants on the object.
    pub fn shown(&self) -> &str {
        match &self.phase {
            Phase::Challenging { challenge } => challenge,
            Phase::Alone | Phase::Objecting { .. } | Phase::Yielding { .. } => &self.mark,
        }
    }

    /// The mark that a claim must name: the other's, or while nobody has answered the one that may be another's.
    pub fn contender(&self) -> &str {
        match &self.phase {
            Phase::Objecting { rival } | Phase::Yielding { rival } => rival,
            Phase::Alone | Phase::Challenging { .. } => &self.mark,
        }
    }

    /// What the object of a federation must carry when it holds these bytes.
    pub fn label(&self, federation: &str, bytes: &[u8]) -> String {
        let secret = self.secret.as_ref();
        secret.map_or_else(
            || self.shown().to_owned(),
            |secret| secret.label(federation, self.shown(), bytes),
        )
    }

    /// The mark of an object, if it is proven.
    fn proven<'a>(&self, federation: &str, seen: &Seen<'a>) -> Option<&'a str> {
        self.secret.as_ref()?.read(federation, seen.label?, seen.bytes)
    }

    /// The mark on an object, if another instance wrote it there and it is newer than all that are known.
    pub fn rival<'a>(&self, federation: &str, seen: &Seen<'a>) -> Option<&'a str> {
        self.proven(federation, seen)
            .filter(|mark| is_after(mark, self.latest()))
    }

    /// The newest mark that it knows of.
    fn latest(&self) -> &str {
        match &self.phase {
            Phase::Challenging { challenge: other }
            | Phase::Objecting { rival: other }
            | Phase::Yielding { rival: other }
                if is_after(other, &self.mark) =>
            {
                other
            }
            _ => &self.mark,
        }
    }

    fn with(&self, phase: Phase) -> Self {
        Self { phase, ..self.clone() }
    }
}

impl Look<'_> {
    /// What can be told before AWS was asked.
    pub fn standing(&self) -> Standing {
        let Some(record) = self.record else {
            return Standing::Alone;
        };
        if self.claims(record) {
            return Standing::Alone;
        }
        match &record.phase {
            Phase::Challenging { .. } => Standing::Doubtful,
            Phase::Objecting { .. } | Phase::Yielding { .. } => Standing::Contested,
            Phase::Alone => {
                let unknown = self.servers.is_empty() || record.servers.is_empty();
                if self.continuous || unknown || !record.servers.is_disjoint(self.servers) {
                    Standing::Alone
                } else {
                    Standing::Doubtful
                }
            }
        }
    }

    /// What to do. `fresh` was never used before.
    pub fn judge(&self, fresh: &Fresh) -> Move {
        let Some(record) = self.record else {
            let secret = fresh.secret.clone();
            return Move::Proceed(Instance::alone(fresh.mark_after(""), secret, self.servers.clone()));
        };
        let mut record = record.clone();
        record.secret.get_or_insert_with(|| fresh.secret.clone());
        // Who cannot list the API servers keeps what was known of them.
        let here = if self.servers.is_empty() {
            record.servers.clone()
        } else {
            self.servers.clone()
        };
        let alone = |mark: String| {
            Move::Proceed(Instance {
                mark,
                servers: here.clone(),
                phase: Phase::Alone,
                ..record.clone()
            })
        };
        let rival = self.seen.as_ref().and_then(|seen| record.rival(self.federation, seen));
        let next = fresh.mark_after(rival.unwrap_or(record.latest()));
        if self.claims(&record) {
            return alone(next);
        }
        let forged = self.seen.is_some_and(|seen| self.is_forged(&record, &seen));
        match (&record.phase, self.standing(), rival.map(str::to_owned)) {
            (Phase::Alone, Standing::Alone, Some(rival)) => Move::Defend(Instance {
                mark: next,
                servers: here.clone(),
                phase: Phase::Objecting { rival },
                ..record.clone()
            }),
            (Phase::Alone, Standing::Alone, None) => alone(record.mark.clone()),
            // Without an object there is nothing to ask by, and nothing that anybody lives from.
            (Phase::Alone | Phase::Challenging { .. }, _, _) if self.seen.is_none() => alone(record.shown().to_owned()),
            (Phase::Alone | Phase::Challenging { .. } | Phase::Objecting { .. }, _, Some(rival)) => {
                // To the one that objects, this one was declared the rightful one.
                let yielding = record.with(Phase::Yielding { rival });
                if forged {
                    Move::Defend(yielding)
                } else {
                    Move::Hold(yielding)
                }
            }
            (Phase::Alone, _, None) => {
                let asking = record.with(Phase::Challenging { challenge: next });
                if forged {
                    Move::Defend(asking)
                } else {
                    Move::Challenge(asking)
                }
            }
            (Phase::Challenging { challenge }, _, None) => {
                let proven = self.seen.as_ref().and_then(|seen| record.proven(self.federation, seen));
                match proven {
                    Some(mark) if mark == challenge && self.waited && !forged => alone(challenge.clone()),
                    Some(mark) if mark == challenge && !forged => Move::Hold(record.clone()),
                    // Not written yet, or written over by one who has not noticed.
                    _ if forged => Move::Defend(record.clone()),
                    _ => Move::Challenge(record.clone()),
                }
            }
            (Phase::Objecting { .. }, _, None) => Move::Defend(record.clone()),
            (Phase::Yielding { .. }, _, rival) => {
                let phase = rival.map_or(record.phase.clone(), |rival| Phase::Yielding { rival });
                let yielding = record.with(phase);
                if forged {
                    Move::Defend(yielding)
                } else {
                    Move::Hold(yielding)
                }
            }
        }
    }

    /// Whether it holds keys that neither this instance knows nor another one has put there. What another one put there long
    /// ago, and somebody put back, is forged, too.
    fn is_forged(&self, record: &Instance, seen: &Seen<'_>) -> bool {
        let proven = record.proven(self.federation, seen);
        seen.diverted || (!seen.trusted && proven.is_none_or(|mark| is_after(&record.mark, mark)))
    }

    fn claims(&self, record: &Instance) -> bool {
        self.claim == Some(record.contender())
    }
}

#[cfg(test)]
mod tests;
