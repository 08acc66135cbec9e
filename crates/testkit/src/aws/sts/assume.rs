//! AssumeRole.

use std::collections::BTreeMap;

use super::{
    answer::{answer, session_elements},
    parameters::{Parameters, role_arn, validation, within_role_limit},
    state::Grant,
};
use crate::aws::{
    policy::Context,
    wire::{AwsError, Call, Caller, Outcome, PrincipalKind},
    world::World,
};

/// AssumeRole itself has no limit of its own for `Policy` besides the packed size, which the double takes to be 2,048
/// characters as for the other call [STS-model AssumeRole "The plaintext … can't exceed 2,048 characters"].
const POLICY_LIMIT: usize = 2048;

pub(super) fn assume_role(world: &World, call: &Call, form: &BTreeMap<String, String>) -> Outcome {
    let Caller::Principal(caller) = &call.caller else {
        return Err(AwsError::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ));
    };
    let parameters = Parameters::of(form, POLICY_LIMIT)?;
    let target = role_arn(parameters.role_arn, call)?;
    // "Roles cannot be assumed by root accounts" [IAMUG-2023: root cannot switch role].
    if caller.kind == PrincipalKind::Root {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "Roles may not be assumed by root accounts.",
        ));
    }
    let mut state = world.lock();
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller.arn, parameters.role_arn
        );
        AwsError::new(403, "AccessDenied", message)
    };
    // A role that is not there is refused like one that does not trust the caller.
    let role = state.iam.role(target.account, target.name, call.now);
    let role = role.filter(|role| role.arn == parameters.role_arn).ok_or_else(denied)?;
    let mut context = Context::of(call).with("sts:RoleSessionName", parameters.session_name);
    if let Some(id) = form.get("ExternalId") {
        context.insert("sts:ExternalId", [id.as_str()]);
    }
    let gate = state.iam.gate(&call.caller);
    gate.authorize_assume(&role.arn, &context, target.account, &role.trust)?;
    within_role_limit(parameters.seconds, role.max_session_duration)?;
    // Role chaining: at most one hour [STS-model AssumeRole DurationSeconds].
    if matches!(caller.kind, PrincipalKind::AssumedRole { .. }) && parameters.seconds > 3600 {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    let grant = Grant {
        role: &role,
        account: target.account,
        partition: target.partition,
        session_name: parameters.session_name,
        session_policy: parameters.policy,
        seconds: parameters.seconds,
    };
    let session = state.sts.open_session(&grant, call.now);
    Ok(answer(call, "AssumeRole", &session_elements(&session)))
}
