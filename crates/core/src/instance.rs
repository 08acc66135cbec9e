//! Whether this cluster is the only one that works on a federation's things in AWS.
//!
//! A copy of a cluster, made from a snapshot of its etcd or its machines, has the same kube-system UID, and so by every tag
//! it owns what the original owns. What tells them apart: each federation's key set in S3 carries a *mark*, which the record
//! of keys in the cluster has, too. An operator that wakes up behind other API servers than those in the record may be a
//! copy. It writes a fresh mark over the shared one (the *challenge*), and changes nothing else until the other had time to
//! see that twice over. Whoever finds a mark that he did not write stops. He who was there first says so by a fresh mark of
//! his own (the *objection*), at which the challenger stops for good. Silence means that there is nobody else: the
//! API servers have moved.
//!
//! Nothing of this costs a call in an unchanged world: the mark is read and written with the object.
//!
//! # Assumptions
//! Both look at the object at least once per interval, and the challenger waits for more than two. A copy that is reached
//! at the very addresses of the original is not noticed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What the record of a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The mark that the object must carry; while a challenge lasts, the one from before.
    pub mark: String,
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
    /// Its mark.
    pub mark: Option<&'a str>,
    /// Whether it holds nothing but keys of this cluster. To the one who was here first, another's mark on anything else
    /// says nothing: it was tampered with.
    pub trusted: bool,
}

/// What was found out, in the cluster and in AWS.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
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
    pub fn alone(mark: String, servers: BTreeSet<String>) -> Self {
        Self {
            mark,
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

    /// What to do. `first` is the mark of whoever knows of no other yet, always the same, and `fresh` one that nobody has
    /// ever used.
    pub fn judge(&self, first: &str, fresh: &str) -> Move {
        let Some(record) = self.record else {
            return Move::Proceed(Instance::alone(first.to_owned(), self.servers.clone()));
        };
        // Who cannot list the API servers keeps what was known of them.
        let here = if self.servers.is_empty() {
            &record.servers
        } else {
            self.servers
        };
        let standing = self.standing();
        if self.claims(record) {
            return Move::Proceed(Instance::alone(fresh.to_owned(), here.clone()));
        }
        let other = |seen: &Seen<'_>| seen.mark.filter(|mark| *mark != record.mark).map(str::to_owned);
        match (&record.phase, standing, self.seen) {
            (Phase::Alone, Standing::Alone, seen) => match seen.filter(|seen| seen.trusted).as_ref().and_then(other) {
                Some(rival) => Move::Defend(Instance {
                    mark: fresh.to_owned(),
                    servers: here.clone(),
                    phase: Phase::Objecting { rival },
                }),
                None => Move::Proceed(Instance::alone(record.mark.clone(), here.clone())),
            },
            // Without an object there is nothing to ask by, and nothing that anybody lives from.
            (Phase::Alone | Phase::Challenging { .. }, _, None) => {
                Move::Proceed(Instance::alone(record.mark.clone(), here.clone()))
            }
            (Phase::Alone, _, Some(seen)) => match other(&seen) {
                Some(rival) => Move::Hold(record.with(Phase::Yielding { rival })),
                None => Move::Challenge(record.with(Phase::Challenging {
                    challenge: fresh.to_owned(),
                })),
            },
            (Phase::Challenging { challenge }, _, Some(seen)) => match other(&seen) {
                // Not written yet, or written over by one who has not noticed.
                None => Move::Challenge(record.clone()),
                Some(mark) if mark != *challenge => Move::Hold(record.with(Phase::Yielding { rival: mark })),
                Some(mark) if self.waited => Move::Proceed(Instance::alone(mark, here.clone())),
                Some(_) => Move::Hold(record.clone()),
            },
            (Phase::Objecting { rival }, _, seen) => {
                // Another mark than the one objected to is that of one who was declared the rightful one.
                let declared = seen.as_ref().filter(|seen| seen.trusted).and_then(other);
                match declared.filter(|mark| mark != rival) {
                    Some(rival) => Move::Hold(record.with(Phase::Yielding { rival })),
                    None => Move::Defend(record.clone()),
                }
            }
            (Phase::Yielding { .. }, _, seen) => match seen.as_ref().and_then(other) {
                Some(rival) => Move::Hold(record.with(Phase::Yielding { rival })),
                None => Move::Hold(record.clone()),
            },
        }
    }

    fn claims(&self, record: &Instance) -> bool {
        self.claim == Some(record.contender())
    }
}

#[cfg(test)]
mod tests;
