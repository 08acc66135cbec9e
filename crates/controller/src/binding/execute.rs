//! Doing what a plan has, and telling what came of it.

use std::time::Duration;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{Aws, Connect, Role};
use irsa_core::{
    naming::RoleName,
    plan::{
        Cause, Step,
        binding::{BindingPlan, RoleStep, subjects_after},
    },
    vocabulary::{ConditionType, EventReason, Reason},
};
use irsa_pipeline::{
    binding::{
        conclude::{Unfinished, contested_in_words, names_taken, policies_in_words, role_in_words},
        execute::role::{Executed, RoleWork, execute},
        observe::{context::Context, role::IamRole},
        validate::ValidatedBinding,
    },
    object::{ObjectKey, ObjectKind},
    spec::federation_view::Usage,
    step_error::{Draft, StepError},
};
use kube::Resource;

use super::{
    bindings::Bindings,
    contest::{Contests, ROUNDS, What},
    inventory::Touch,
    proof_record::ProofRecord,
};
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Does to the role what the plan has for it.
    #[allow(clippy::too_many_arguments, reason = "everything that a pass has found")]
    pub(super) async fn execute_role(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        context: &Context,
        validated: &ValidatedBinding,
        plan: &BindingPlan,
        found: Option<IamRole>,
        draft: &mut Draft<IamRoleBindingStatus>,
    ) -> Result<Option<Unfinished>, StepError> {
        let key = ObjectKey::of(binding);
        let settling = self
            .memory
            .settles_in(&key)
            .filter(|_| plan.role.cause == Cause::Drift && !plan.role.steps.is_empty());
        draft.look_again = settling;
        let steps = if settling.is_some() {
            &[]
        } else {
            plan.role.steps.as_slice()
        };
        let trust = found.as_ref().map(|found| found.role.trust.clone());
        if let Some(IamRole { arn, id, .. }) = found {
            draft.status.role_arn = Some(arn);
            draft.status.role_id = Some(id);
        }
        let contest = self.contest(&key, plan, steps);
        let status = &mut draft.status;
        let work = RoleWork {
            steps,
            order: &plan.order,
            put_off: &contest.put_off,
        };
        let writing = self.write_role(
            binding,
            &context.federation.usage,
            aws,
            &validated.role.name,
            work,
            |role| {
                status.role_arn = Some(role.arn);
                status.role_id = Some(role.id);
            },
        );
        let executed = self.propagation.during(&key, !steps.is_empty(), writing).await?;
        let done = executed.done(steps);
        self.announce(binding, plan.role.cause, &done).await;
        if plan.role.cause == Cause::Drift && !done.is_empty() {
            self.note_round(binding, &done, context.federation.interval).await;
        }
        let taken = names_taken(validated, plan);
        let ended = executed.result(steps).and_then(|()| contest.result(steps));
        let ended = ended.and_then(|()| taken.clone().map_or(Ok(()), Err));
        if let (Err(failure), Some(left)) = (&ended, contest.left)
            && failure.reason == Reason::DriftContested
        {
            draft.look_again = Some(left);
        }
        let in_words = [
            (ConditionType::RoleSynced, role_in_words(validated, &plan.kept)),
            (ConditionType::PoliciesSynced, policies_in_words(validated)),
        ];
        for (aspect, words) in in_words {
            let words = self.with_contests(&key, aspect, words);
            let finished = executed.has_finished(steps, aspect);
            note_aspect(draft, (aspect, words), finished, &ended, taken.as_ref());
        }
        if let Err(failure) = ended {
            if !failure.is_refusal() {
                return Err(failure);
            }
            let subjects = subjects_after(trust.as_deref(), done.into_iter());
            let subjects = validated.subjects.iter().filter(|subject| subjects.contains(*subject));
            return Ok(Some(Unfinished {
                subjects: subjects.cloned().collect(),
                failure,
            }));
        }
        draft.status.audiences = validated.audiences.iter().cloned().collect();
        draft.status.trust_policy_bytes = u32::try_from(validated.trust_size).ok();
        self.memory
            .remember(&key, validated.role.fingerprint(), !steps.is_empty());
        Ok(None)
    }

    /// What is true of an aspect, and what of it somebody keeps changing back.
    fn with_contests(&self, key: &ObjectKey, aspect: ConditionType, words: String) -> String {
        match self.memory.contests(key, |contests| contests.in_words(aspect)) {
            Some(what) => format!("{words} Somebody keeps changing this back in AWS: {what}."),
            None => words,
        }
    }

    /// Does steps to a role. What listings said of it counts no longer, however far the steps come.
    pub(super) async fn write_role<A: Aws>(
        &self,
        binding: &IamRoleBinding,
        usage: &Usage,
        aws: &A,
        name: &RoleName,
        work: RoleWork<'_>,
        created: impl FnMut(Role) + Send,
    ) -> Result<Executed, StepError> {
        if work.steps.is_empty() {
            return Ok(Executed::default());
        }
        self.check_alone(binding, work.steps).await?;
        let opens = |step: &RoleStep| matches!(step, RoleStep::CreateRole { .. } | RoleStep::UpdateTrust { .. });
        if work.steps.iter().any(opens) {
            self.memory.proof(&ObjectKey::of(binding), ProofRecord::will_write);
        }
        let _touch = Touch::new(&self.inventories, usage, name);
        Ok(execute(aws, self.driver.leadership.as_ref(), name, work, created).await)
    }

    async fn announce(&self, binding: &IamRoleBinding, cause: Cause, steps: &[&RoleStep]) {
        if steps.is_empty() {
            return;
        }
        let about = binding.object_ref(&());
        let what = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match cause {
            Cause::Spec => {
                self.driver
                    .events
                    .normal(&about, EventReason::Applied, &format!("Applied to AWS: {what}"))
                    .await;
            }
            Cause::Drift => {
                self.driver.metrics.count_drift_repaired(ObjectKind::Binding);
                let note = format!("Somebody changed this in AWS; it was put back: {what}");
                self.driver
                    .events
                    .warning(&about, EventReason::DriftRepaired, &note)
                    .await;
            }
        }
    }

    /// What of the plan is put off, because somebody keeps changing it back.
    fn contest(&self, key: &ObjectKey, plan: &BindingPlan, steps: &[RoleStep]) -> Contested {
        if steps.is_empty() {
            return Contested::default();
        }
        if plan.role.cause == Cause::Spec {
            self.memory.contests(key, Contests::clear);
            return Contested::default();
        }
        let waiting = steps.iter().enumerate().filter_map(|(place, step)| {
            let left = self.memory.contests(key, |contests| contests.put_off(&named(step)))?;
            plan.order.may_be_put_off(place).then_some((place, left))
        });
        let (put_off, waits): (Vec<_>, Vec<_>) = waiting.unzip();
        Contested {
            put_off,
            left: waits.into_iter().min(),
        }
    }

    /// These were put back once more.
    async fn note_round(&self, binding: &IamRoleBinding, done: &[&RoleStep], interval: Duration) {
        let what = done.iter().map(|step| named(step)).collect();
        let key = ObjectKey::of(binding);
        let too_often = self.memory.contests(&key, |contests| contests.repaired(what, interval));
        if !too_often.is_empty() {
            let contested = done.iter().copied().filter(|step| too_often.contains(&named(step)));
            let note = contested_in_words(contested, ROUNDS);
            let about = binding.object_ref(&());
            self.driver
                .events
                .warning(&about, EventReason::DriftContested, &note)
                .await;
        }
    }
}

/// What a pass found out about an aspect of the role, of which all was done (`finished`) or not.
fn note_aspect(
    draft: &mut Draft<IamRoleBindingStatus>,
    (aspect, words): (ConditionType, String),
    finished: bool,
    ended: &Result<(), StepError>,
    taken: Option<&StepError>,
) {
    match (ended, taken) {
        (_, Some(failure)) if failure.aspect == aspect && finished => draft.note(failure),
        _ if finished => draft.holds(aspect, words),
        (Err(failure), _) if failure.aspect != aspect => draft.note(&StepError {
            aspect,
            ..failure.clone()
        }),
        _ => {}
    }
}

/// What is not put back this time.
#[derive(Debug, Default)]
struct Contested {
    put_off: Vec<usize>,
    /// Until it is.
    left: Option<Duration>,
}

impl Contested {
    fn result(&self, steps: &[RoleStep]) -> Result<(), StepError> {
        let left = self.put_off.iter().filter_map(|place| steps.get(*place));
        match left.clone().next() {
            None => Ok(()),
            Some(first) => Err(StepError::new(
                first.aspect(),
                Reason::DriftContested,
                contested_in_words(left, ROUNDS),
            )),
        }
    }
}

fn named(step: &RoleStep) -> What {
    (step.aspect(), step.to_string())
}
