//! The policy simulator: SimulatePrincipalPolicy.

use super::{
    errors::{constraint, no_such_entity},
    exchange::{Answer, Exchange},
    identity::Policies,
    state::key,
    versioned::View,
    xml::Xml,
};
use crate::aws::{
    policy::{Context, Gate},
    wire::{AwsError, Principal, PrincipalKind},
};

impl Exchange<'_> {
    /// Each action on one resource, by the policies of a user or role and with no other context than what is given. The
    /// double has no groups, and answers about one resource at a time. Service control policies are left out.
    pub(super) fn simulate_principal_policy(&self) -> Answer {
        let source = self.request.arn("PolicySourceArn")?;
        let actions = self.request.list("ActionNames");
        if actions.is_empty() {
            return Err(constraint("actionNames", "Member must not be null"));
        }
        let resources = self.request.list("ResourceArns");
        let resource = match resources.as_slice() {
            [] => "*",
            [one] => one.as_str(),
            _ => {
                return Err(AwsError::new(
                    501,
                    "NotImplemented",
                    "the double simulates one resource at a time",
                ));
            }
        };
        self.request
            .authorize("SimulatePrincipalPolicy", source, &self.request.context())?;
        let gate = self.simulated(source)?;
        let context = self.given_context();
        let cursor = self.cursor()?;
        let after = cursor.after.clone().unwrap_or_default();
        let decided = actions.iter().enumerate().map(|(index, action)| {
            let decision = decision(&gate, action, resource, &context);
            (format!("{index:06}"), (action, decision))
        });
        let page = cursor.cut(decided.filter(|(place, _)| *place > after));
        let mut xml = Xml::new();
        xml.list("EvaluationResults", &page.items, |xml, (action, decision)| {
            xml.text("EvalActionName", action)
                .text("EvalResourceName", resource)
                .text("EvalDecision", decision);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    /// A user or a role of the account, by its ARN.
    fn simulated(&self, arn: &str) -> Result<Gate, AwsError> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        let user = self.account.users.get(&key(name), View::Newest);
        let role = self.account.roles.get(&key(name), View::Newest);
        let found = match (user.filter(|user| user.arn == arn), role.filter(|role| role.arn == arn)) {
            (Some(user), _) => Some((user.id.clone(), PrincipalKind::User(user.name.clone()))),
            (None, Some(role)) => {
                let kind = PrincipalKind::AssumedRole {
                    role: role.name.clone(),
                    session_policy: None,
                };
                Some((format!("{}:simulated", role.id), kind))
            }
            (None, None) => None,
        };
        let (user_id, kind) = found.ok_or_else(|| no_such_entity(format!("The entity {arn} cannot be found.")))?;
        let principal = Principal {
            account: self.request.account_id.clone(),
            arn: arn.to_owned(),
            user_id,
            kind,
        };
        let policies = Policies {
            account: self.account,
            catalogue: self.catalogue,
        };
        Ok(policies.gate(&principal))
    }

    fn given_context(&self) -> Context {
        let mut context = Context::default();
        for index in 1.. {
            let entry = format!("ContextEntries.member.{index}");
            let Some(name) = self.request.text(&format!("{entry}.ContextKeyName")) else {
                break;
            };
            let values = self.request.list(&format!("{entry}.ContextKeyValues"));
            context.insert(name, values);
        }
        context
    }
}

/// In AWS's words [IAM-model PolicyEvaluationDecisionType].
fn decision(gate: &Gate, action: &str, resource: &str, context: &Context) -> &'static str {
    match gate.authorize(action, resource, context) {
        Ok(()) => "allowed",
        Err(refused) if refused.message.contains("explicit deny") => "explicitDeny",
        Err(_) => "implicitDeny",
    }
}
