//! Observing a binding's role, and planning what is to be done to it.

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::BindingPlan,
    trust::Divided,
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    binding::{
        aws_errors::step_error,
        observe::{
            context::Context,
            role::{self, Depth, IamRole},
        },
        plan::role as planning,
        validate::ValidatedBinding,
    },
    object::{Managed, ObjectKey},
    step_error::StepError,
};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The role: as the inventory shows it if that is as it must be, or else read by itself, for what is written next
    /// must not rest on a listing.
    pub(super) async fn observe_role(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        context: &Context,
        validated: &ValidatedBinding,
    ) -> Result<Option<IamRole>, StepError> {
        let (usage, desired) = (&context.federation.usage, &validated.role);
        let key = ObjectKey::of(binding);
        if let Some(made) = self.just_made(binding, validated) {
            return Ok(Some(made));
        }
        if binding.is_ready() && self.may_rely_on_listings(binding) {
            let interval = context.federation.interval;
            let listed = self.look_up(aws, usage, &desired.name, interval, None).await;
            let good = |found: &IamRole| {
                self.plan_role(binding, validated, Some(found))
                    .is_ok_and(|plan| plan.role.steps.is_empty())
            };
            if let Some(found) = listed.filter(good) {
                return Ok(Some(found));
            }
        }
        self.memory.will_look(&key);
        let ours = |tags: &_| desired.may_take(tags);
        let read = role::role(aws, desired.name.as_str(), ours, Depth::Documents).await;
        let found = read.map_err(|error| step_error(ConditionType::RoleSynced, &error))?;
        self.memory.has_looked(&key);
        if let Some(found) = found.as_ref().filter(|found| desired.owner.owns(&found.role.tags)) {
            self.was_read(usage, &desired.name, found);
        }
        Ok(found)
    }

    /// The role that this process has just made, where the pass is only for STS to be asked once more: IAM may not show it yet, and what
    /// a read says would not be acted upon.
    fn just_made(&self, binding: &IamRoleBinding, validated: &ValidatedBinding) -> Option<IamRole> {
        let verified = binding.condition(ConditionType::Verified)?;
        let status = binding
            .status
            .as_ref()
            .filter(|_| verified.reason == Reason::Verifying.as_str())?;
        let (arn, id) = (status.role_arn.clone()?, status.role_id.clone()?);
        let fingerprint = validated.role.fingerprint();
        let is_new =
            self.memory.has_just_made(&ObjectKey::of(binding), fingerprint) && self.may_rely_on_listings(binding);
        is_new.then(|| {
            let mut role = validated.role.as_made();
            let denies = self
                .memory
                .known_proof(&ObjectKey::of(binding), |record| record.denies().clone());
            role.trust = denies.unwrap_or_default().added_to(&role.trust);
            IamRole { arn, id, role }
        })
    }

    /// The trust policy that the role has once it is as it must be: the binding's own, with what others deny in it, which is left to them
    /// and remembered.
    pub(super) fn trust_of(
        &self,
        binding: &IamRoleBinding,
        validated: &ValidatedBinding,
        found: Option<&IamRole>,
    ) -> String {
        let denies = found.map(|found| Divided::of(&found.role.trust).denies);
        let denies = denies.unwrap_or_default();
        let trust = denies.added_to(&validated.role.trust);
        self.memory
            .proof(&ObjectKey::of(binding), |record| record.left_denied(denies));
        trust
    }

    /// Whether an inventory may answer for the binding's role: not where somebody asks for a look by the annotation, and not
    /// before a look that failed was made up for.
    pub(super) fn may_rely_on_listings(&self, binding: &IamRoleBinding) -> bool {
        !is_asked_for(binding) && !self.memory.owes_a_look(&ObjectKey::of(binding))
    }

    /// What has to be done to the role.
    pub(super) fn plan_role(
        &self,
        binding: &IamRoleBinding,
        validated: &ValidatedBinding,
        found: Option<&IamRole>,
    ) -> Result<BindingPlan, StepError> {
        let applied = self.memory.applied(&ObjectKey::of(binding));
        planning::make(binding, validated, found, applied)
    }
}

/// Whether somebody asks for a look by the annotation, and no pass has concluded since.
pub(super) fn is_asked_for(binding: &IamRoleBinding) -> bool {
    let status = binding.status.as_ref();
    let handled = status.and_then(|status| status.last_handled_reconcile_at.as_deref());
    binding.requested_at().is_some_and(|at| Some(at) != handled)
}
