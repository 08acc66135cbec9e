//! Steps become calls: one call each, each with the right to write asked for first.

use irsa_api::IamRoleBinding;
use irsa_aws::{Connect, NewRole, Role, Roles};
use irsa_core::{
    naming::RoleName,
    plan::binding::BindingStep,
    vocabulary::{ConditionType, Reason},
};

use super::{Bindings, aws_errors::refused};
use crate::{halt::Halt, leadership::Leadership, log};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// A role that is there may be another instance's: a copy of this cluster has the same bindings. A new one is nobody's.
    pub(super) async fn check_alone(&self, binding: &IamRoleBinding, steps: &[BindingStep]) -> Result<(), Halt> {
        if matches!(steps.first(), Some(BindingStep::CreateRole { .. })) {
            return Ok(());
        }
        let checked = self.instances.check(&binding.spec.federation_ref.name, None).await;
        checked.map_err(|halt| {
            let reason = match halt.reason {
                Reason::ClusterCopied => Reason::FederationNotReady,
                other => other,
            };
            Halt::new(ConditionType::FederationReady, reason, halt.message)
        })
    }
}

/// Does the steps in order and stops at the first that fails. `created` is told the role as soon as a step has created
/// it, so that it is known whatever fails later.
pub(crate) async fn execute<A: Roles>(
    aws: &A,
    leadership: &impl Leadership,
    role: &RoleName,
    steps: &[BindingStep],
    mut created: impl FnMut(Role) + Send,
) -> Result<(), Halt> {
    for step in steps {
        let _permit = leadership
            .permit()
            .map_err(|error| Halt::not_leader(step.aspect(), error))?;
        let made = call(aws, role, step).await?;
        log::changed(step);
        if let Some(role) = made {
            created(role);
        }
    }
    Ok(())
}

async fn call<A: Roles>(aws: &A, role: &RoleName, step: &BindingStep) -> Result<Option<Role>, Halt> {
    let name = role.as_str();
    let done = match step {
        BindingStep::CreateRole {
            path,
            trust,
            tags,
            boundary,
            description,
            max_session_seconds,
        } => {
            let new = NewRole {
                name: role.to_string(),
                path: path.clone(),
                trust_policy: trust.clone(),
                description: description.clone(),
                max_session_seconds: *max_session_seconds,
                permissions_boundary: boundary.clone(),
                tags: tags.clone(),
            };
            return aws
                .create_role(&new)
                .await
                .map(Some)
                .map_err(|error| refused(role, step, &error));
        }
        BindingStep::PutBoundary { arn } => aws.put_permissions_boundary(name, arn).await,
        BindingStep::DeleteInline { name: policy } => aws.delete_inline_policy(name, policy).await,
        BindingStep::Detach { arn } => aws.detach_policy(name, arn.as_str()).await,
        BindingStep::UpdateTrust { trust } => aws.update_trust_policy(name, trust).await,
        BindingStep::Untag { keys } => aws.untag_role(name, keys).await,
        BindingStep::Adopt { tags } | BindingStep::Tag { tags } => aws.tag_role(name, tags).await,
        BindingStep::UpdateRole {
            description,
            max_session_seconds,
        } => aws.update_role(name, description, *max_session_seconds).await,
        BindingStep::Attach { arn } => aws.attach_policy(name, arn.as_str()).await,
        BindingStep::PutInline { name: policy, document } => aws.put_inline_policy(name, policy, document).await,
        BindingStep::DeleteBoundary => aws.delete_permissions_boundary(name).await,
        BindingStep::DeleteRole => aws.delete_role(name).await,
    };
    done.map(|()| None).map_err(|error| refused(role, step, &error))
}
