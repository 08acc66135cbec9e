//! What this process remembers of the proof of one role. What was proven is in the binding's status, by its digest.

use std::{mem, time::Duration};

use irsa_core::trust::Denies;
use irsa_pipeline::step_error::StepError;
use tokio::time::Instant;

use crate::memory::propagation::SHOWN_AFTER;

/// How long STS's refusal may be because IAM does not show a change everywhere yet. Usually that takes seconds and rarely a minute;
/// Terraform waits two [terraform-provider-aws, propagationTimeout].
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// For so long a proof is as good as a new one.
const FRESH: Duration = Duration::from_mins(1);
/// For so long a no is as good as a new one.
const NO_IS_FRESH: Duration = Duration::from_secs(15);
/// Between two proofs of a role that has not changed, ± a quarter.
pub(super) const PERIOD: Duration = Duration::from_hours(24);

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct ProofRecord {
    /// Something was done to the role since it was proven.
    in_doubt: bool,
    /// When it was last proven.
    proven_at: Option<Instant>,
    /// When this process was last about to write whom the role lets in.
    written_at: Option<Instant>,
    /// What STS refuses, and since when.
    refused: Option<Refused>,
    /// What was last said instead of that it is proven.
    no: Option<Box<No>>,
    /// What others deny in the role's trust policy.
    denies: Denies,
}

#[derive(Debug)]
struct No {
    digest: String,
    until: Instant,
    failure: StepError,
}

#[derive(Debug)]
struct Refused {
    digest: String,
    since: Instant,
}

impl ProofRecord {
    /// This process is about to make the role, or to write whom it lets in.
    pub(super) fn will_write(&mut self) {
        self.in_doubt = true;
        self.written_at = Some(Instant::now());
        self.refused = None;
        self.no = None;
    }

    /// Somebody wants it proven again. What was proven a moment ago is good enough: an annotation must not be a lever on STS.
    pub(super) fn request(&mut self) {
        let is_fresh = self.proven_at.is_some_and(|at| at.elapsed() < FRESH);
        self.in_doubt |= !is_fresh;
    }

    /// Whether IAM may not show yet what this process has written.
    pub(super) fn was_just_written(&self) -> bool {
        self.written_at.is_some_and(|at| at.elapsed() < SHOWN_AFTER)
    }

    /// Whether it must be proven again, although what it rests on seems to be the same.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// When it was last proven by this process.
    pub(super) const fn proven_at(&self) -> Option<Instant> {
        self.proven_at
    }

    /// It is proven now.
    pub(super) fn proven(&mut self) {
        *self = Self {
            proven_at: Some(Instant::now()),
            written_at: self.written_at,
            denies: mem::take(&mut self.denies),
            ..Self::default()
        };
    }

    /// It is not proven what this digest stands for, and is not to be asked again before that time, and for a while at most.
    pub(super) fn not_proven(&mut self, digest: String, failure: StepError, look_again: Option<Duration>) {
        let until = Instant::now() + look_again.map_or(NO_IS_FRESH, |left| left.min(NO_IS_FRESH));
        self.no = Some(Box::new(No { digest, until, failure }));
    }

    /// Why it is not proven, and for how long that is good enough: whoever may touch an object must not have STS asked each time.
    pub(super) fn fresh_no(&self, digest: &str) -> Option<(StepError, Duration)> {
        let no = self.no.as_ref().filter(|no| no.digest == digest)?;
        let left = no.until.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then(|| (no.failure.clone(), left))
    }

    /// What others deny in the role's trust policy, which is left to them.
    pub(super) fn left_denied(&mut self, denies: Denies) {
        self.denies = denies;
    }

    /// The same, as it was last seen.
    pub(super) const fn denies(&self) -> &Denies {
        &self.denies
    }

    /// STS refuses what this digest stands for. Since when; where an earlier process has waited long enough (`known`), as long ago as
    /// the patience lasts.
    pub(super) fn refused(&mut self, digest: &str, known: bool) -> Duration {
        let now = Instant::now();
        let since = match &self.refused {
            Some(refused) if refused.digest == digest => refused.since,
            None if known => now.checked_sub(PATIENCE).unwrap_or(now),
            _ => now,
        };
        let digest = digest.to_owned();
        self.refused = Some(Refused { digest, since });
        now.duration_since(since)
    }
}

/// A number in 0..1 that is the object's own: the same after each restart.
pub(super) fn share_of(uid: &str) -> f64 {
    let digest = irsa_core::digest::sha256_hex(uid.as_bytes());
    let first = u32::from_str_radix(digest.get(..8).unwrap_or_default(), 16);
    f64::from(first.unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use irsa_core::vocabulary::{ConditionType, Reason};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_is_for_each_change_and_is_not_begun_again_by_a_restart() {
        let mut record = ProofRecord::default();
        assert_eq!(record.refused("a", false), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(50)).await;
        assert_eq!(record.refused("a", false), Duration::from_secs(50));
        assert_eq!(record.refused("b", false), Duration::ZERO, "something else is refused");
        tokio::time::advance(PATIENCE).await;
        assert_eq!(record.refused("b", false), PATIENCE);
        record.proven();
        assert_eq!(record.refused("b", false), Duration::ZERO);
        let mut restarted = ProofRecord::default();
        assert_eq!(restarted.refused("b", true), PATIENCE, "an earlier process has waited");
        assert_eq!(restarted.refused("c", true), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_is_repeated_for_what_it_was_said_of_and_for_a_while() {
        let mut record = ProofRecord::default();
        let no = StepError::new(ConditionType::Verified, Reason::AssumeRoleRefused, "no");
        record.not_proven("a".to_owned(), no.clone(), None);
        assert_eq!(record.fresh_no("a"), Some((no.clone(), NO_IS_FRESH)));
        assert_eq!(record.fresh_no("b"), None);
        tokio::time::advance(NO_IS_FRESH).await;
        assert_eq!(record.fresh_no("a"), None);
        record.not_proven("a".to_owned(), no, Some(Duration::from_secs(1)));
        record.will_write();
        assert_eq!(record.fresh_no("a"), None, "it is another role then");
    }

    #[test]
    fn a_share_is_the_objects_own_and_they_are_spread() {
        let shares: Vec<f64> = (0..1_000).map(|number| share_of(&number.to_string())).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let early = shares.iter().filter(|share| **share < 0.5).count();
        assert!((400..600).contains(&early), "{early}");
        assert!((share_of("1") - shares[1]).abs() < f64::EPSILON);
    }
}
