//! Steps become calls: one call each, each with the right to write asked for first.

use irsa_api::IamRoleBinding;
use irsa_aws::{Connect, NewRole, Role, Roles};
use irsa_core::{
    naming::RoleName,
    plan::binding::{BindingStep, Order},
    vocabulary::{Class, ConditionType, FORCE_DELETE, Reason},
};
use kube::ResourceExt;

use super::{Bindings, aws_errors::refused};
use crate::{leadership::Leadership, log, step_error::StepError};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// A role that is there may be another instance's: a copy of this cluster has the same bindings. A new one is nobody's;
    /// but one that is made again was there when the copy was made.
    pub(super) async fn check_alone(&self, binding: &IamRoleBinding, steps: &[BindingStep]) -> Result<(), StepError> {
        let had_role = binding.status.as_ref().is_some_and(|status| status.role_id.is_some());
        if !had_role && matches!(steps.first(), Some(BindingStep::CreateRole { .. })) {
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
        let claim = self.federations.get(name).and_then(|known| known.usage.claim);
        self.instances.check(name, claim.as_deref()).await
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoleWork<'a> {
    pub(crate) steps: &'a [BindingStep],
    pub(crate) order: &'a Order,
    /// Places of steps that are not done this time.
    pub(crate) put_off: &'a [usize],
}

/// How far the steps came.
#[derive(Debug, Default)]
pub(crate) struct Executed {
    done: Vec<usize>,
    refused: Vec<(usize, StepError)>,
    held_up: Vec<usize>,
    put_off: Vec<usize>,
    stopped: Option<StepError>,
}

/// Does the steps in order. A step that AWS refuses holds up those that must not come without it, and no other; any other
/// trouble ends the work. `created` is told the role as soon as a step has created it, so that it is known whatever fails
/// later.
pub(crate) async fn execute<A: Roles>(
    aws: &A,
    leadership: &impl Leadership,
    role: &RoleName,
    work: RoleWork<'_>,
    mut created: impl FnMut(Role) + Send,
) -> Executed {
    let mut executed = Executed::default();
    for (place, step) in work.steps.iter().enumerate() {
        if work.put_off.contains(&place) {
            executed.put_off.push(place);
            continue;
        }
        if !work.order.allows(place, &executed.undone(work.put_off)) {
            executed.held_up.push(place);
            continue;
        }
        match attempt(aws, leadership, role, step).await {
            Ok(made) => {
                log::changed(step);
                executed.done.push(place);
                if let Some(role) = made {
                    created(role);
                }
            }
            Err(failure) if is_refusal(&failure) => executed.refused.push((place, failure)),
            Err(failure) => {
                executed.stopped = Some(failure);
                break;
            }
        }
    }
    executed
}

/// Whether somebody has to do something first, so that the same call would be answered the same, and another one need not be.
pub(crate) const fn is_refusal(failure: &StepError) -> bool {
    matches!(failure.reason.class(), Class::Stalled | Class::Wait)
}

impl Executed {
    /// The places of the steps that were refused or held up, and of those that are put off.
    fn undone(&self, put_off: &[usize]) -> Vec<usize> {
        let refused = self.refused.iter().map(|(place, _)| *place);
        let others = self.held_up.iter().chain(put_off).copied();
        refused.chain(others).collect()
    }

    /// The steps that were done.
    pub(crate) fn done<'a>(&self, steps: &'a [BindingStep]) -> Vec<&'a BindingStep> {
        self.done.iter().filter_map(|place| steps.get(*place)).collect()
    }

    /// Whether no step of this aspect is left.
    pub(crate) fn has_finished(&self, steps: &[BindingStep], aspect: ConditionType) -> bool {
        let left = |place: usize| !self.done.contains(&place);
        !steps
            .iter()
            .enumerate()
            .any(|(place, step)| left(place) && step.aspect() == aspect)
    }

    /// What was refused first, and all that is unfinished; or why the work ended.
    ///
    /// # Errors
    /// As said, unless all was done.
    pub(crate) fn result(&self, steps: &[BindingStep]) -> Result<(), StepError> {
        let Some((_, failure)) = self.refused.first() else {
            return self.stopped.clone().map_or(Ok(()), Err);
        };
        let named = |place: &usize, how: &str| steps.get(*place).map(|step| format!("{step} ({how})"));
        let refused = self.refused.iter().filter_map(|(place, _)| named(place, "refused"));
        let held_up = self.held_up.iter().filter_map(|place| named(place, "waits for that"));
        let put_off = self.put_off.iter().filter_map(|place| named(place, "put off"));
        let unfinished: Vec<String> = refused.chain(held_up).chain(put_off).collect();
        let rest = match &self.stopped {
            Some(stopped) => format!(
                "It ended there, and what would follow was not tried: {}",
                stopped.message
            ),
            None => "Everything else is done.".to_owned(),
        };
        Err(StepError {
            message: format!("{} Unfinished: {}. {rest}", failure.message, unfinished.join("; ")),
            ..failure.clone()
        })
    }
}

async fn attempt<A: Roles>(
    aws: &A,
    leadership: &impl Leadership,
    role: &RoleName,
    step: &BindingStep,
) -> Result<Option<Role>, StepError> {
    let _permit = leadership
        .permit()
        .map_err(|error| StepError::not_leader(step.aspect(), error))?;
    call(aws, role, step).await
}

async fn call<A: Roles>(aws: &A, role: &RoleName, step: &BindingStep) -> Result<Option<Role>, StepError> {
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
