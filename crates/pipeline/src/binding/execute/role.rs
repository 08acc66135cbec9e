//! Steps on a role become calls: one call each, each with the right to write asked for first.

use futures::future::join_all;
use irsa_aws::{NewRole, Role, Roles};
use irsa_core::{
    naming::RoleName,
    plan::{
        Step,
        binding::{Order, RoleStep},
    },
    vocabulary::ConditionType,
};

use crate::{binding::aws_errors::refused, permit::Leadership, stage::changed, step_error::StepError};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct RoleWork<'a> {
    /// The steps, in order.
    pub steps: &'a [RoleStep],
    /// What may go on when one is refused.
    pub order: &'a Order,
    /// Places of steps that are not done this time.
    pub put_off: &'a [usize],
}

/// How far the steps came.
#[derive(Debug, Default)]
pub struct Executed {
    done: Vec<usize>,
    refused: Vec<(usize, StepError)>,
    held_up: Vec<usize>,
    put_off: Vec<usize>,
    stopped: Option<StepError>,
}

/// Does the steps in order, and policies that only give or only take together. A step that AWS refuses holds up those that must
/// not come without it, and no other; any other trouble ends the work. `created` is told the role as soon as a step has created
/// it, so that it is known whatever fails later.
pub async fn execute<A: Roles>(
    aws: &A,
    leadership: &impl Leadership,
    role: &RoleName,
    work: RoleWork<'_>,
    mut created: impl FnMut(Role) + Send,
) -> Executed {
    let mut executed = Executed::default();
    let mut rest = work.steps.iter().enumerate().peekable();
    while let Some(first) = rest.next() {
        let mut together = vec![first];
        while let Some(next) = rest.next_if(|next| work.goes_with(together.last(), *next)) {
            together.push(next);
        }
        let undone = executed.undone(work.put_off);
        let mut attempts = Vec::new();
        for (place, step) in together {
            if work.put_off.contains(&place) {
                executed.put_off.push(place);
            } else if work.order.allows(place, &undone) {
                attempts.push(async move { (place, step, attempt(aws, leadership, role, step).await) });
            } else {
                executed.held_up.push(place);
            }
        }
        for (place, step, ended) in join_all(attempts).await {
            match ended {
                Ok(made) => {
                    changed(step);
                    executed.done.push(place);
                    made.into_iter().for_each(&mut created);
                }
                Err(failure) if failure.is_refusal() => executed.refused.push((place, failure)),
                Err(failure) => {
                    executed.stopped.get_or_insert(failure);
                }
            }
        }
        if executed.stopped.is_some() {
            break;
        }
    }
    executed
}

impl RoleWork<'_> {
    /// Whether a step need not wait for the one before it: both are about policies, and the order lets them go together.
    fn goes_with(&self, before: Option<&(usize, &RoleStep)>, (next, step): (usize, &RoleStep)) -> bool {
        let policies = ConditionType::PoliciesSynced;
        before.is_some_and(|(place, before)| {
            before.aspect() == policies && step.aspect() == policies && self.order.are_independent(*place, next)
        })
    }
}

impl Executed {
    /// The places of the steps that were refused or held up, and of those that are put off.
    fn undone(&self, put_off: &[usize]) -> Vec<usize> {
        let refused = self.refused.iter().map(|(place, _)| *place);
        let others = self.held_up.iter().chain(put_off).copied();
        refused.chain(others).collect()
    }

    /// The steps that were done.
    pub fn done<'a>(&self, steps: &'a [RoleStep]) -> Vec<&'a RoleStep> {
        self.done.iter().filter_map(|place| steps.get(*place)).collect()
    }

    /// Whether no step of this aspect is left.
    pub fn has_finished(&self, steps: &[RoleStep], aspect: ConditionType) -> bool {
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
    pub fn result(&self, steps: &[RoleStep]) -> Result<(), StepError> {
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
    step: &RoleStep,
) -> Result<Option<Role>, StepError> {
    let _permit = leadership
        .permit()
        .map_err(|error| StepError::not_leader(step.aspect(), error))?;
    call(aws, role, step).await
}

async fn call<A: Roles>(aws: &A, role: &RoleName, step: &RoleStep) -> Result<Option<Role>, StepError> {
    let name = role.as_str();
    let done = match step {
        RoleStep::CreateRole {
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
        RoleStep::PutBoundary { arn } => aws.put_permissions_boundary(name, arn).await,
        RoleStep::DeleteInline { name: policy } => aws.delete_inline_policy(name, policy).await,
        RoleStep::Detach { arn } => aws.detach_policy(name, arn.as_str()).await,
        RoleStep::UpdateTrust { trust } => aws.update_trust_policy(name, trust).await,
        RoleStep::Untag { keys } => aws.untag_role(name, keys).await,
        RoleStep::Adopt { tags } | RoleStep::Tag { tags } => aws.tag_role(name, tags).await,
        RoleStep::UpdateRole {
            description,
            max_session_seconds,
        } => aws.update_role(name, description, *max_session_seconds).await,
        RoleStep::Attach { arn } => aws.attach_policy(name, arn.as_str()).await,
        RoleStep::PutInline { name: policy, document } => aws.put_inline_policy(name, policy, document).await,
        RoleStep::DeleteBoundary => aws.delete_permissions_boundary(name).await,
        RoleStep::DeleteRole => aws.delete_role(name).await,
    };
    done.map(|()| None).map_err(|error| refused(role, step, &error))
}
