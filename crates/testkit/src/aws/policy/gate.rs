//! [`Gate`]: all policies that limit one caller, evaluated together.

use serde_json::Value;

use super::{
    Context, Verdict,
    evaluate::{Identity, Reach, Request, judge, named},
};
use crate::aws::wire::{AwsError, Caller, Principal, PrincipalKind};

/// The policies that limit one caller, and who it is.
#[derive(Debug, Clone)]
pub struct Gate {
    caller: Caller,
    role_arn: Option<String>,
    identity: Vec<Value>,
    boundary: Option<Value>,
    session: Option<Value>,
    control: Vec<Value>,
}

/// Which kind of policy decided, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Identity,
    Resource,
    Boundary,
    Session,
    Control,
}

impl Default for Gate {
    fn default() -> Self {
        Self::anonymous()
    }
}

impl Gate {
    /// Nobody signed: only resource policies can allow.
    pub fn anonymous() -> Self {
        Self {
            caller: Caller::Anonymous,
            role_arn: None,
            identity: Vec::new(),
            boundary: None,
            session: None,
            control: Vec::new(),
        }
    }

    /// A signed caller with its identity policies (inline and attached). Root needs none.
    pub fn new(principal: Principal, identity: Vec<Value>) -> Self {
        Self {
            caller: Caller::Principal(principal),
            role_arn: None,
            identity,
            boundary: None,
            session: None,
            control: Vec::new(),
        }
    }

    /// With a permissions boundary.
    #[must_use]
    pub fn with_boundary(mut self, document: Value) -> Self {
        self.boundary = Some(document);
        self
    }

    /// With a session policy.
    #[must_use]
    pub fn with_session_policy(mut self, document: Value) -> Self {
        self.session = Some(document);
        self
    }

    /// Under service control policies of the organisation, each of which denies something. That they allow everything
    /// else is how AWS starts an organisation (`FullAWSAccess`) [Organizations UG, SCP evaluation]; they hold for the
    /// account's root too.
    #[must_use]
    pub fn with_control_policies(mut self, documents: Vec<Value>) -> Self {
        self.control = documents;
        self
    }

    /// For a session of a role: the role's own ARN, path included, which resource policies name.
    #[must_use]
    pub fn with_role_arn(mut self, arn: impl Into<String>) -> Self {
        self.role_arn = Some(arn.into());
        self
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller's account; `None` for an anonymous call.
    pub fn account(&self) -> Option<&str> {
        match &self.caller {
            Caller::Anonymous => None,
            Caller::Principal(principal) => Some(&principal.account),
        }
    }

    /// Whether the caller is the root of `account`.
    pub fn is_root_of(&self, account: &str) -> bool {
        matches!(&self.caller, Caller::Principal(principal)
            if principal.kind == PrincipalKind::Root && principal.account == account)
    }

    /// The caller as `Principal` elements see it.
    pub fn who(&self) -> Identity {
        match &self.caller {
            Caller::Anonymous => Identity::Anonymous,
            Caller::Principal(principal) => Identity::Aws {
                account: principal.account.clone(),
                arns: std::iter::once(principal.arn.clone())
                    .chain(self.role_arn.clone())
                    .collect(),
            },
        }
    }

    /// May the caller do `action` on `resource` (an ARN, or `*`) of its own account, by identity policies alone?
    pub fn authorize(&self, action: &str, resource: &str, context: &Context) -> Result<(), AwsError> {
        self.authorize_on(action, resource, context, self.account().unwrap_or_default(), None)
    }

    /// The same for a resource of account `owner` that may have a policy of its own (a bucket policy; a trust policy,
    /// whose statements name no resource).
    ///
    /// A denial anywhere wins. In one account identity and resource policies add up; across accounts both must allow.
    /// Boundary and session policy cap what identity policies grant, and what a resource policy grants to the role;
    /// not what it grants to the user or the session itself
    /// [IAMUG-2023 reference_policies_evaluation-logic, access_policies_boundaries].
    pub fn authorize_on(
        &self,
        action: &str,
        resource: &str,
        context: &Context,
        owner: &str,
        policy: Option<&Value>,
    ) -> Result<(), AwsError> {
        let context = self.principal_context(context);
        let request = Request {
            action,
            resource: Some(resource),
            context: &context,
        };
        let by_resource = self.judge_resource(policy, &request);
        match &self.caller {
            Caller::Principal(principal) => self.decide(principal, &request, resource, owner, by_resource),
            Caller::Anonymous if by_resource.0 == Verdict::Allow => Ok(()),
            Caller::Anonymous => Err(AwsError::new(403, "AccessDenied", "Access Denied")),
        }
    }

    /// May the caller assume the role `arn` of account `owner`, whose trust policy is `trust`?
    ///
    /// Unlike another resource's policy, a trust policy must allow in any case, also in one account; one that names the
    /// account only delegates to identity policies [IAMUG-2023 access_policies-cross-account, "role trust policies"].
    pub fn authorize_assume(&self, arn: &str, context: &Context, owner: &str, trust: &Value) -> Result<(), AwsError> {
        const ACTION: &str = "sts:AssumeRole";
        let Caller::Principal(principal) = &self.caller else {
            return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
        };
        let context = self.principal_context(context);
        let request = |resource| Request {
            action: ACTION,
            resource,
            context: &context,
        };
        let by_trust = self.judge_resource(Some(trust), &request(None));
        if by_trust.0 == Verdict::ImplicitDeny {
            let message = format!(
                "User: {} is not authorized to perform: {ACTION} on resource: {arn}",
                principal.arn
            );
            return Err(AwsError::new(403, "AccessDenied", message));
        }
        self.decide(principal, &request(Some(arn)), arn, owner, by_trust)
    }

    /// Weighs the layers against each other.
    fn decide(
        &self,
        principal: &Principal,
        request: &Request<'_>,
        resource: &str,
        owner: &str,
        (by_resource, reach): (Verdict, Option<Reach>),
    ) -> Result<(), AwsError> {
        let action = request.action;
        let refused = |reason: &str| Err(refusal(principal, action, resource, owner, reason));
        let by_identity = self.judge_identity(principal, request);
        let by_boundary = cap(self.boundary.as_ref(), request);
        let by_session = cap(self.session.as_ref(), request);
        let by_control = self
            .control
            .iter()
            .map(|document| judge(document, request, |_| Some(Reach::Direct)).0);
        if by_control.into_iter().any(|verdict| verdict == Verdict::ExplicitDeny) {
            return refused(&format!("with an explicit deny in {}", Layer::Control.with_article()));
        }
        for (verdict, layer) in [
            (by_identity, Layer::Identity),
            (by_resource, Layer::Resource),
            (by_boundary, Layer::Boundary),
            (by_session, Layer::Session),
        ] {
            if verdict == Verdict::ExplicitDeny {
                return refused(&format!("with an explicit deny in {}", layer.with_article()));
            }
        }

        let same_account = principal.account == owner;
        if same_account && by_resource == Verdict::Allow && reach == Some(Reach::Direct) {
            return Ok(());
        }
        let by_role = same_account && by_resource == Verdict::Allow && reach == Some(Reach::Role);
        let missing = if !same_account && by_resource != Verdict::Allow {
            Layer::Resource
        } else if by_identity != Verdict::Allow && !by_role {
            Layer::Identity
        } else if by_boundary != Verdict::Allow {
            Layer::Boundary
        } else if by_session != Verdict::Allow {
            Layer::Session
        } else {
            return Ok(());
        };
        refused(&format!("because no {} allows the {action} action", missing.name()))
    }

    fn judge_resource(&self, policy: Option<&Value>, request: &Request<'_>) -> (Verdict, Option<Reach>) {
        let Some(policy) = policy else {
            return (Verdict::ImplicitDeny, None);
        };
        let who = self.who();
        judge(policy, request, |statement| named(statement, &who))
    }

    /// Root needs no policy [IAMUG-2023 id_root-user].
    fn judge_identity(&self, principal: &Principal, request: &Request<'_>) -> Verdict {
        let mut found = if principal.kind == PrincipalKind::Root {
            Verdict::Allow
        } else {
            Verdict::ImplicitDeny
        };
        for document in &self.identity {
            match judge(document, request, |_| Some(Reach::Direct)).0 {
                Verdict::ExplicitDeny => return Verdict::ExplicitDeny,
                Verdict::Allow => found = Verdict::Allow,
                Verdict::ImplicitDeny => {}
            }
        }
        found
    }

    /// `aws:PrincipalArn` of a session is its role's ARN, not the session's [IAMUG-2023 global condition keys].
    fn principal_context(&self, context: &Context) -> Context {
        match &self.role_arn {
            Some(arn) => context.clone().with("aws:PrincipalArn", arn.as_str()),
            None => context.clone(),
        }
    }
}

/// A boundary or session policy that is absent caps nothing.
fn cap(document: Option<&Value>, request: &Request<'_>) -> Verdict {
    document.map_or(Verdict::Allow, |document| {
        judge(document, request, |_| Some(Reach::Direct)).0
    })
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Control => "service control policy",
        }
    }

    fn with_article(self) -> String {
        let article = if self == Self::Identity { "an" } else { "a" };
        format!("{article} {}", self.name())
    }
}

/// S3 puts the ARN in quotes and explains itself only within the account; other services do neither
/// [IAMUG troubleshoot_access-denied, S3UG troubleshoot-403-errors].
fn refusal(principal: &Principal, action: &str, resource: &str, owner: &str, reason: &str) -> AwsError {
    let s3 = action.starts_with("s3:");
    if s3 && principal.account != owner {
        return AwsError::new(403, "AccessDenied", "Access Denied");
    }
    let quote = if s3 { "\"" } else { "" };
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {quote}{resource}{quote} {reason}",
        principal.arn
    );
    AwsError::new(403, "AccessDenied", message)
}

#[cfg(test)]
mod tests;
