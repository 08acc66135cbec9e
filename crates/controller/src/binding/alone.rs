//! Whether another instance of the cluster may work on a binding's role.

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::RoleStep,
    vocabulary::{ConditionType, FORCE_DELETE, Reason},
};
use irsa_pipeline::step_error::StepError;
use kube::ResourceExt;

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// A role that is there may be another instance's: a copy of this cluster has the same bindings. A new one is nobody's;
    /// but one that is made again was there when the copy was made.
    pub(super) async fn check_alone(&self, binding: &IamRoleBinding, steps: &[RoleStep]) -> Result<(), StepError> {
        let had_role = binding.status.as_ref().is_some_and(|status| status.role_id.is_some());
        if !had_role && matches!(steps.first(), Some(RoleStep::CreateRole { .. })) {
            return Ok(());
        }
        self.check_instance(binding).await.map_err(|mut failure| {
            let forced =
                binding.metadata.deletion_timestamp.is_some() && binding.annotations().contains_key(FORCE_DELETE);
            if forced {
                failure.message = format!(
                    "{} Until then {FORCE_DELETE} counts only after five minutes.",
                    failure.message
                );
            }
            let reason = match failure.reason {
                Reason::ClusterCopied => Reason::FederationNotReady,
                other => other,
            };
            StepError::new(ConditionType::FederationReady, reason, failure.message)
        })
    }

    /// Whether another instance may work on the roles of the binding's federation. Its claim counts here also while it does
    /// not look itself: it may be on its way out and wait for this binding, or be suspended.
    pub(super) async fn check_instance(&self, binding: &IamRoleBinding) -> Result<(), StepError> {
        let name = &binding.spec.federation_ref.name;
        let claim = self.federations.get(name).and_then(|known| known.usage.claim.clone());
        self.instances.check(name, claim.as_deref()).await
    }
}
