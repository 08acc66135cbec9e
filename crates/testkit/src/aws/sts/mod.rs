//! STS: temporary credentials.
//!
//! STS here knows the issuer of a token as a URL only. It dials it as a stranger, over TLS, by host name, and has no
//! other way into S3 or any other service.

mod answer;
mod assume;
pub(crate) mod fetch;
mod jwks;
mod jwt;
mod parameters;
mod state;
mod web_identity;

use self::{answer::answer, fetch::Dialer};
use super::{
    wire::{AwsError, Call, Caller, Outcome, xml_escape},
    world::World,
};
pub use state::Sts;

/// Serves one call.
pub(crate) async fn handle(world: &World, dialer: &Dialer, call: &Call) -> Outcome {
    let form = call.form();
    let action = form.get("Action").map_or("", String::as_str);
    match action {
        "GetCallerIdentity" => get_caller_identity(call),
        "AssumeRole" => assume::assume_role(world, call, &form),
        "AssumeRoleWithWebIdentity" => web_identity::assume_role_with_web_identity(world, dialer, call, &form).await,
        // [VGW iamerr InvalidAction]
        _ => {
            let version = form.get("Version").map_or("", String::as_str);
            let message = format!("Could not find operation {action} for version {version}");
            Err(AwsError::new(400, "InvalidAction", message))
        }
    }
}

/// "No permissions are required to perform this operation" [STS-model GetCallerIdentity].
fn get_caller_identity(call: &Call) -> Outcome {
    let Caller::Principal(principal) = &call.caller else {
        return Err(AwsError::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ));
    };
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        xml_escape(&principal.arn),
        xml_escape(&principal.user_id),
        principal.account
    );
    Ok(answer(call, "GetCallerIdentity", &result))
}
