//! The proof of a binding's role, when it is due: STS itself is asked.

use std::time::Duration;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus, Verification};
use irsa_aws::Connect;
use irsa_core::{
    outcome::whole_seconds,
    proof::{Proven, RoleProof, ShownToken},
    vocabulary::{Class, ConditionType, Reason},
};
use irsa_pipeline::{
    binding::verify::{
        RefusedToken, Told, Unproven, audiences_shared, cause, not_yet, not_yet_permitted, prove, refused,
        still_lets_in, too_permissive,
    },
    object::{Managed, ObjectKey},
    spec::federation_view::Usage,
    stage::Stage,
    step_error::{Draft, StepError},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{
    bindings::Bindings,
    proof_record::{PATIENCE, PERIOD, ProofRecord, share_of},
    role::is_asked_for,
};
use crate::{leadership::Leadership, metrics::ProofResult};

const ASPECT: ConditionType = ConditionType::Verified;
/// The first try after a refusal; each further one waits as long as STS has refused so far.
const NEXT_TRY: Duration = Duration::from_secs(1);
/// Longest that a proof may take.
const ASKED_WITHIN: Duration = Duration::from_mins(1);
/// Within this an API server's own watch shows it a label that was put on a ServiceAccount.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Takes note, before anything of a pass can fail, that somebody asks for it.
    pub(super) fn note_request(&self, binding: &IamRoleBinding) {
        if is_asked_for(binding) {
            self.memory.proof(&ObjectKey::of(binding), ProofRecord::request);
        }
    }

    /// Whether STS itself says that the role lets in whom it must and not everybody: asked where that is due, and known from the status
    /// where nothing has changed since. `false` where it was not asked.
    ///
    /// # Errors
    /// STS refuses, or lets somebody else in; or it cannot be asked now.
    pub(super) async fn verify(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        usage: &Usage,
        proof: &RoleProof,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<bool, StepError> {
        let digest = proof.digest();
        let stands = draft.status.verified_digest.as_deref() == Some(&digest) && !self.is_in_doubt(binding);
        if binding.spec.verify == Verification::Never {
            forget(&mut draft.status);
            draft.cannot_tell(ASPECT, Reason::NotAsked, "spec.verify is Never: STS is not asked.");
            return Ok(false);
        }
        if stands && !self.is_old(binding) {
            draft.holds(ASPECT, words_before(binding, proof));
            return Ok(true);
        }
        let key = ObjectKey::of(binding);
        if let Some((failure, left)) = self
            .memory
            .known_proof(&key, |record| record.fresh_no(&digest))
            .flatten()
        {
            draft.look_again = Some(left);
            return Err(failure);
        }
        match Stage::Verify.run(self.ask_in_time(aws, usage, proof)).await {
            Ok(proven) => {
                self.memory.proof(&ObjectKey::of(binding), ProofRecord::proven);
                if draft.status.verified_digest.as_ref() != Some(&digest) {
                    draft.status.verified_at = Some(Time(whole_seconds(self.driver.now())));
                    draft.status.verified_digest = Some(digest);
                }
                draft.holds(ASPECT, proof.in_words(&proven));
                Ok(true)
            }
            // What was proven has not changed; a periodic proof can only not be made.
            Err(Told::CannotTell(..) | Told::TokenDenied(_)) if stands => {
                draft.holds(ASPECT, words_before(binding, proof));
                Ok(true)
            }
            Err(Told::CannotTell(reason, message)) => {
                forget(&mut draft.status);
                draft.cannot_tell(ASPECT, reason, message);
                Ok(false)
            }
            Err(Told::TokenDenied(message)) => self.token_denied(binding, &digest, message, draft),
            Err(Told::Stops(failure)) => Err(failure),
            Err(Told::Refused(refused)) => {
                let failure = self.refused(binding, aws, proof, &refused, draft).await;
                Err(self.not_proven(&key, digest, failure, draft))
            }
            Err(Told::LetIn(shown)) => {
                let failure = self.let_in(binding, proof, &shown, draft);
                Err(self.not_proven(&key, digest, failure, draft))
            }
        }
    }

    fn not_proven(
        &self,
        key: &ObjectKey,
        digest: String,
        failure: StepError,
        draft: &Draft<IamRoleBindingStatus>,
    ) -> StepError {
        self.memory.proof(key, |record| {
            record.not_proven(digest, failure.clone(), draft.look_again);
        });
        failure
    }

    /// Whether a role must be proven again that seems to be as it was.
    fn is_in_doubt(&self, binding: &IamRoleBinding) -> bool {
        let known = self
            .memory
            .known_proof(&ObjectKey::of(binding), ProofRecord::is_in_doubt);
        known.unwrap_or_default()
    }

    /// Whether a proof is so old that a periodic one is due. After a restart the age is not known, and each has its own moment.
    fn is_old(&self, binding: &IamRoleBinding) -> bool {
        if binding.spec.verify != Verification::Periodic {
            return false;
        }
        let known = self.memory.known_proof(&ObjectKey::of(binding), ProofRecord::proven_at);
        let share = share_of(&binding.uid().unwrap_or_default());
        match known.flatten() {
            Some(at) => at.elapsed() >= PERIOD.mul_f64(0.75 + 0.5 * share),
            None => self.prover.started.elapsed() >= PERIOD.mul_f64(share),
        }
    }

    /// Asks, and gives it up before the pass is: what else the pass has found is told then.
    async fn ask_in_time(&self, aws: &C::Aws, usage: &Usage, proof: &RoleProof) -> Result<Proven, Told> {
        let asking = Box::pin(self.ask(aws, usage, proof));
        tokio::time::timeout(ASKED_WITHIN, asking).await.unwrap_or_else(|_| {
            let seconds = ASKED_WITHIN.as_secs();
            let message = format!("STS and the API server did not answer all that a proof asks within {seconds} s.");
            Err(Told::Stops(StepError::new(ASPECT, Reason::AwsUnavailable, message)))
        })
    }

    async fn ask(&self, aws: &C::Aws, usage: &Usage, proof: &RoleProof) -> Result<Proven, Told> {
        if usage.audiences_shared {
            return Err(audiences_shared());
        }
        let canary = self.prover.canary().await?;
        let ended = Box::pin(prove(&self.prover.tokens, aws, proof, &canary)).await;
        let counted = match &ended {
            Ok(_) => Some(ProofResult::Proven),
            Err(Unproven::Refused(_)) => Some(ProofResult::Refused),
            Err(Unproven::NotJudged(_)) => Some(ProofResult::NotJudged),
            Err(Unproven::LetIn(_) | Unproven::NotGuarded(_) | Unproven::NoToken(..)) => None,
        };
        if let Some(result) = counted {
            self.driver.metrics.count_proof(result);
        }
        ended.map_err(|unproven| unproven.told(&canary))
    }

    /// A rule of the cluster keeps the operator from a token. It may not have seen yet what was put on the ServiceAccount a moment ago.
    fn token_denied(
        &self,
        binding: &IamRoleBinding,
        digest: &str,
        message: String,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<bool, StepError> {
        let known = has_said(binding, Reason::NotPermitted);
        let since = self.memory.proof(&ObjectKey::of(binding), |record| {
            record.refused(&format!("denied {digest}"), known)
        });
        if since < SEEN_WITHIN {
            draft.look_again = Some(NEXT_TRY);
            return Err(not_yet_permitted(message));
        }
        forget(&mut draft.status);
        draft.cannot_tell(ASPECT, Reason::NotPermitted, message);
        Ok(false)
    }

    /// STS refuses: for as long as that may be because IAM does not show a change everywhere, it is asked again; then it is told why.
    async fn refused(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        proof: &RoleProof,
        token: &RefusedToken,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> StepError {
        let known = has_said(binding, Reason::AssumeRoleRefused);
        let key = ObjectKey::of(binding);
        let since = self.memory.proof(&key, |record| record.refused(&proof.digest(), known));
        if since < PATIENCE {
            draft.look_again = Some(since.max(NEXT_TRY));
            return not_yet(token);
        }
        let public = self.connect.public();
        let found = Box::pin(cause(aws, &public, proof, token, &|| self.driver.now())).await;
        refused(token, found.as_ref())
    }

    /// STS lets somebody in. What this process has just changed IAM may not show yet; otherwise it is told at once, and the role is not
    /// taken to be what a listing says.
    fn let_in(
        &self,
        binding: &IamRoleBinding,
        proof: &RoleProof,
        shown: &ShownToken,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> StepError {
        let key = ObjectKey::of(binding);
        let is_new = self.memory.known_proof(&key, ProofRecord::was_just_written);
        if is_new.unwrap_or_default() {
            let digest = format!("let in {}", proof.digest());
            let since = self.memory.proof(&key, |record| record.refused(&digest, false));
            draft.look_again = Some(since.max(NEXT_TRY));
            return still_lets_in(shown);
        }
        self.driver.metrics.count_proof(ProofResult::TooPermissive);
        self.memory.will_look(&key);
        too_permissive(shown, proof, binding.spec.existing_role.is_none())
    }
}

/// What was proven is forgotten with whatever ends a pass in another way than by our own trouble: nobody has said yes to what is there
/// then. The same for trouble with a proof itself, which was due.
pub(super) fn forget_proof(status: &mut IamRoleBindingStatus, failure: &StepError) {
    if failure.reason.class() != Class::Retry || failure.aspect == ASPECT {
        forget(status);
    }
}

/// What was said of the same proof before, where that is still there.
fn words_before(binding: &IamRoleBinding, proof: &RoleProof) -> String {
    let verified = binding.condition(ASPECT).filter(|verified| verified.status == "True");
    verified.map_or_else(
        || proof.in_words(&Proven::default()),
        |verified| verified.message.clone(),
    )
}

/// Whether this is what the condition says.
fn has_said(binding: &IamRoleBinding, reason: Reason) -> bool {
    let verified = binding.condition(ASPECT);
    verified.is_some_and(|verified| {
        verified.reason == reason.as_str() && verified.observed_generation == binding.metadata.generation
    })
}

/// Nothing is proven.
fn forget(status: &mut IamRoleBindingStatus) {
    status.verified_at = None;
    status.verified_digest = None;
}
