//! What to do about a Lease that was read: pure, from the object and this process's own clock.
//!
//! The rules are those of client-go's `leaderelection`: nobody compares clocks with anybody. The times in a Lease are for
//! people; a candidate judges the holder only by how long **it has itself seen** the object unchanged, and the holder judges
//! itself only from the moment before it sent its last renewal.
//!
//! Why two replicas never hold a claim at once: a renewal that is sent at `s` gives a claim until `s + renew_deadline` of the
//! holder's clock. A candidate that saw the outcome of that renewal for the first time at `o` cannot have done so before
//! `s`. It takes over no sooner than `o + duration`, and with the `resourceVersion` that it saw, so not if there was another
//! renewal. As `duration` is longer than `renew_deadline`, the claim has ended by then, with the difference to spare for
//! clocks that run at different speeds and for calls that are still on their way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use tokio::time::Instant;

/// How long things last in an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the others must see the Lease unchanged before they take it. Whole seconds, as the Lease has them.
    pub duration: Duration,
    /// How long the holder may write after the moment at which it sent its last successful renewal.
    pub renew_deadline: Duration,
    /// From one renewal to the next, and from one look of a candidate to the next.
    pub retry_period: Duration,
}

/// What is wrong with terms, as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The Lease has whole seconds.
    #[error("the lease duration must be whole seconds")]
    NotWholeSeconds,
    /// Nothing is left between the end of a claim and a take-over.
    #[error("the renew deadline must be shorter than the lease duration by a fifth of that, and by a second at least")]
    NoMargin,
    /// One lost renewal would be the end.
    #[error("the renew deadline must be three retry periods at least")]
    NoSecondTry,
}

impl Terms {
    /// These terms, if they keep two replicas apart and survive a lost renewal.
    ///
    /// # Errors
    /// What must differ.
    pub fn new(duration: Duration, renew_deadline: Duration, retry_period: Duration) -> Result<Self, TermsError> {
        let margin = (duration / 5).max(Duration::from_secs(1));
        if duration.subsec_nanos() != 0 || i32::try_from(duration.as_secs()).is_err() {
            return Err(TermsError::NotWholeSeconds);
        }
        if renew_deadline.saturating_add(margin) > duration {
            return Err(TermsError::NoMargin);
        }
        if retry_period.is_zero() || retry_period.saturating_mul(3) > renew_deadline {
            return Err(TermsError::NoSecondTry);
        }
        Ok(Self {
            duration,
            renew_deadline,
            retry_period,
        })
    }

    /// Longest that one request about the Lease may take, so that a renewal that hangs leaves time for others.
    pub(super) fn request_timeout(&self) -> Duration {
        self.renew_deadline / 4
    }
}

/// What to do about the Lease.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseStep {
    /// There is none: create this one.
    Create(Box<Lease>),
    /// Replace it by this, which carries the `resourceVersion` that was seen.
    Replace(Box<Lease>),
    /// Somebody else has it, or may have it: look again later.
    Wait,
    /// What was ours is somebody else's: stop at once.
    StepDown,
}

/// The state of one candidate: what it has seen, and whether it has led.
#[derive(Debug)]
pub struct Election {
    identity: String,
    name: String,
    terms: Terms,
    seen: Option<Seen>,
    leads: bool,
}

/// A state of the Lease as this process has seen it.
#[derive(Debug)]
struct Seen {
    /// `metadata.uid` and `resourceVersion`; nothing when there was no Lease.
    version: Option<(String, String)>,
    /// When it was first seen.
    since: Instant,
    /// How long it keeps others away from then on.
    keeps: Duration,
}

impl Election {
    /// A candidate that has seen nothing yet.
    ///
    /// # Assumptions
    /// `identity` is of this process alone, not of its pod or node: an earlier life of the same pod is another holder.
    pub fn new(identity: String, name: String, terms: Terms) -> Self {
        Self {
            identity,
            name,
            terms,
            seen: None,
            leads: false,
        }
    }

    /// Who holds the Lease if it is not this candidate.
    pub(super) fn stranger<'a>(&self, lease: &'a Lease) -> Option<&'a str> {
        holder(lease).filter(|holder| *holder != self.identity)
    }

    /// What to do about the Lease that was read; `now` is when the answer came, `wall` the time of day for people to read.
    pub fn observe(&mut self, lease: Option<&Lease>, now: Instant, wall: Timestamp) -> LeaseStep {
        let free = self.is_free(lease, now);
        let Some(lease) = lease else {
            return if free || self.leads {
                LeaseStep::Create(Box::new(self.claimed(&Lease::default(), wall)))
            } else {
                LeaseStep::Wait
            };
        };
        // Also when the answer to our own claim was lost.
        if holder(lease) == Some(self.identity.as_str()) {
            return LeaseStep::Replace(Box::new(self.claimed(lease, wall)));
        }
        if self.leads {
            return LeaseStep::StepDown;
        }
        if free {
            LeaseStep::Replace(Box::new(self.claimed(lease, wall)))
        } else {
            LeaseStep::Wait
        }
    }

    /// A claim or renewal that was sent at `sent` was answered with this Lease. When the claim ends; `None` when nothing has
    /// changed, which the others cannot have seen.
    pub fn claimed_at(&mut self, sent: Instant, written: &Lease) -> Option<Instant> {
        let version = Some(version(written));
        if self.seen.as_ref().is_some_and(|seen| seen.version == version) {
            return None;
        }
        self.seen = Some(Seen {
            version,
            since: sent,
            keeps: self.terms.duration,
        });
        self.leads = true;
        Some(sent + self.terms.renew_deadline)
    }

    /// What gives the Lease free if it is still ours.
    pub fn released(&self, lease: &Lease, wall: Timestamp) -> Option<Lease> {
        if holder(lease) != Some(self.identity.as_str()) {
            return None;
        }
        let mut free = self.claimed(lease, wall);
        if let Some(spec) = &mut free.spec {
            spec.holder_identity = None;
            // Not at once: a Lease whose holder somebody blanked by hand says how long its holder may go on.
            spec.lease_duration_seconds = Some(1);
        }
        Some(free)
    }

    /// Notes what was seen, and says whether it has kept others away for long enough.
    fn is_free(&mut self, lease: Option<&Lease>, now: Instant) -> bool {
        let version = lease.map(version);
        let before = self.seen.take();
        let seen = match before {
            Some(seen) if seen.version == version => seen,
            before => Seen {
                keeps: match lease {
                    Some(lease) => self.keeps(lease),
                    // One that has gone may be somebody's who has not noticed yet; one that never was is nobody's.
                    None => before.map_or(Duration::ZERO, |before| before.keeps.max(self.terms.duration)),
                },
                version,
                since: now,
            },
        };
        let free = now.saturating_duration_since(seen.since) >= seen.keeps;
        self.seen = Some(seen);
        free
    }

    /// How long a Lease keeps others away once it no longer changes: what it says, as another version of us may have other
    /// terms.
    fn keeps(&self, lease: &Lease) -> Duration {
        let said = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        match said.and_then(|seconds| u64::try_from(seconds).ok()) {
            Some(seconds) if seconds > 0 => Duration::from_secs(seconds),
            _ if holder(lease).is_none() => Duration::ZERO,
            _ => self.terms.duration,
        }
    }

    /// The Lease with this candidate as its holder.
    fn claimed(&self, before: &Lease, wall: Timestamp) -> Lease {
        let mut lease = before.clone();
        let earlier = before.spec.clone().unwrap_or_default();
        let is_ours = earlier.holder_identity.as_deref() == Some(self.identity.as_str());
        // A write that changes nothing is none, and the others would not see it: the time goes forward whatever the clock does.
        let renewed = match &earlier.renew_time {
            Some(MicroTime(last)) => wall.max(last.saturating_add(SignedDuration::from_micros(1)).unwrap_or(wall)),
            None => wall,
        };
        let transitions = match (earlier.lease_transitions, is_ours) {
            (None, _) => 0,
            (Some(count), true) => count,
            (Some(count), false) => count.saturating_add(1),
        };
        lease.metadata.name = Some(self.name.clone());
        lease.metadata.managed_fields = None;
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.terms.duration.as_secs()).ok(),
            acquire_time: if is_ours {
                earlier.acquire_time
            } else {
                Some(MicroTime(renewed))
            },
            renew_time: Some(MicroTime(renewed)),
            lease_transitions: Some(transitions),
            ..earlier
        });
        lease
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

fn version(lease: &Lease) -> (String, String) {
    let meta = &lease.metadata;
    (
        meta.uid.clone().unwrap_or_default(),
        meta.resource_version.clone().unwrap_or_default(),
    )
}
