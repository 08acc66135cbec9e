//! Everything that limits one caller.

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
}

/// Which kind of policy decided, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Identity,
    Resource,
    Boundary,
    Session,
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
        let Caller::Principal(principal) = &self.caller else {
            return self.authorize_anonymous(action, resource, context, policy);
        };
        let context = self.principal_context(context);
        let request = Request {
            action,
            resource: Some(resource),
            context: &context,
        };
        let refused = |reason: &str| Err(refusal(principal, action, resource, owner, reason));

        let (by_resource, reach) = self.judge_resource(policy, &request);
        let by_identity = self.judge_identity(principal, &request);
        let by_boundary = cap(self.boundary.as_ref(), &request);
        let by_session = cap(self.session.as_ref(), &request);
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

    fn authorize_anonymous(
        &self,
        action: &str,
        resource: &str,
        context: &Context,
        policy: Option<&Value>,
    ) -> Result<(), AwsError> {
        let (verdict, _) = self.judge_resource(
            policy,
            &Request {
                action,
                resource: Some(resource),
                context,
            },
        );
        if verdict == Verdict::Allow {
            Ok(())
        } else {
            Err(AwsError::new(403, "AccessDenied", "Access Denied"))
        }
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
mod tests {
    use serde_json::json;

    use super::*;

    const OWN: &str = "111111111111";
    const OTHER: &str = "222222222222";
    const OBJECT: &str = "arn:aws:s3:::b/k";

    fn user() -> Principal {
        Principal {
            account: OWN.into(),
            arn: format!("arn:aws:iam::{OWN}:user/ann"),
            user_id: "AIDAX".into(),
            kind: PrincipalKind::User("ann".into()),
        }
    }

    fn session() -> Principal {
        Principal {
            account: OWN.into(),
            arn: format!("arn:aws:sts::{OWN}:assumed-role/r/s"),
            user_id: "AROAX:s".into(),
            kind: PrincipalKind::AssumedRole {
                role: "r".into(),
                session_policy: None,
            },
        }
    }

    fn root() -> Principal {
        Principal {
            account: OWN.into(),
            arn: format!("arn:aws:iam::{OWN}:root"),
            user_id: OWN.into(),
            kind: PrincipalKind::Root,
        }
    }

    fn statement(effect: &str, action: &str) -> Value {
        json!({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "*"}})
    }

    fn bucket(effect: &str, principal: Value) -> Value {
        json!({"Version": "2012-10-17",
               "Statement": [{"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*"}]})
    }

    fn get(gate: &Gate, owner: &str, policy: Option<&Value>) -> Result<(), String> {
        gate.authorize_on("s3:GetObject", OBJECT, &Context::new(), owner, policy)
            .map_err(|error| error.message)
    }

    #[test]
    fn identity_boundary_and_session_intersect_and_the_refusal_names_which() {
        let message = |gate: Gate, action: &str| {
            gate.authorize(action, "arn:aws:iam::111111111111:role/x", &Context::new())
                .map_err(|error| error.message)
        };
        let head = "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: iam:GetRole on resource: \
                    arn:aws:iam::111111111111:role/x";
        let allowed = || Gate::new(user(), vec![statement("Allow", "iam:*")]);
        assert_eq!(message(allowed(), "iam:GetRole"), Ok(()));
        assert_eq!(
            message(allowed().with_boundary(statement("Allow", "*")), "iam:GetRole"),
            Ok(())
        );
        for (gate, tail) in [
            (
                Gate::new(user(), vec![]),
                "because no identity-based policy allows the iam:GetRole action",
            ),
            (
                Gate::new(user(), vec![statement("Allow", "*"), statement("Deny", "iam:Get*")]),
                "with an explicit deny in an identity-based policy",
            ),
            (
                allowed().with_boundary(statement("Allow", "s3:*")),
                "because no permissions boundary allows the iam:GetRole action",
            ),
            (
                allowed().with_boundary(statement("Deny", "iam:*")),
                "with an explicit deny in a permissions boundary",
            ),
            (
                allowed().with_session_policy(statement("Allow", "s3:*")),
                "because no session policy allows the iam:GetRole action",
            ),
            (
                allowed().with_session_policy(statement("Deny", "*")),
                "with an explicit deny in a session policy",
            ),
        ] {
            assert_eq!(message(gate, "iam:GetRole"), Err(format!("{head} {tail}")));
        }
    }

    #[test]
    fn in_one_account_identity_and_bucket_policy_add_up() {
        let none = || Gate::new(user(), vec![]);
        let arn = json!({"AWS": user().arn});
        assert_eq!(get(&none(), OWN, Some(&bucket("Allow", arn.clone()))), Ok(()));
        assert_eq!(get(&none(), OWN, Some(&bucket("Allow", json!("*")))), Ok(()));
        assert_eq!(
            get(&Gate::new(user(), vec![statement("Allow", "s3:*")]), OWN, None),
            Ok(())
        );
        let account = bucket("Allow", json!({"AWS": OWN}));
        assert_eq!(
            get(&none(), OWN, Some(&account)),
            Err(format!(
                "User: {} is not authorized to perform: s3:GetObject on resource: \"{OBJECT}\" because no \
                 identity-based policy allows the s3:GetObject action",
                user().arn
            )),
            "naming the account only delegates"
        );
        let denied = get(
            &Gate::new(user(), vec![statement("Allow", "*")]),
            OWN,
            Some(&bucket("Deny", arn)),
        );
        assert!(denied.is_err_and(|text| text.ends_with("with an explicit deny in a resource-based policy")));
    }

    #[test]
    fn across_accounts_both_sides_must_allow_and_s3_says_nothing_more() {
        let allowed = Gate::new(user(), vec![statement("Allow", "s3:*")]);
        let grant = bucket("Allow", json!({"AWS": OWN}));
        assert_eq!(get(&allowed, OTHER, Some(&grant)), Ok(()));
        assert_eq!(get(&allowed, OTHER, None), Err("Access Denied".into()));
        assert_eq!(
            get(&Gate::new(user(), vec![]), OTHER, Some(&grant)),
            Err("Access Denied".into())
        );
    }

    #[test]
    fn a_grant_to_the_role_is_capped_a_grant_to_the_session_is_not() {
        let role = format!("arn:aws:iam::{OWN}:role/p/r");
        let gate = Gate::new(session(), vec![])
            .with_role_arn(&role)
            .with_session_policy(statement("Allow", "iam:*"));
        assert!(get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": role})))).is_err());
        assert_eq!(
            get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": session().arn})))),
            Ok(())
        );
        let uncapped = Gate::new(session(), vec![]).with_role_arn(&role);
        assert_eq!(
            get(&uncapped, OWN, Some(&bucket("Allow", json!({"AWS": role})))),
            Ok(())
        );
    }

    #[test]
    fn root_may_everything_in_its_account_but_what_the_bucket_denies() {
        let gate = Gate::new(root(), vec![]);
        assert!(gate.is_root_of(OWN) && !gate.is_root_of(OTHER));
        assert_eq!(get(&gate, OWN, None), Ok(()));
        assert!(get(&gate, OWN, Some(&bucket("Deny", json!("*")))).is_err());
        assert!(get(&gate, OTHER, None).is_err());
    }

    #[test]
    fn nobody_is_let_in_by_a_policy_for_everybody_only() {
        let gate = Gate::anonymous();
        assert_eq!(get(&gate, OWN, Some(&bucket("Allow", json!("*")))), Ok(()));
        assert_eq!(
            get(&gate, OWN, Some(&bucket("Allow", json!({"AWS": OWN})))),
            Err("Access Denied".into())
        );
        assert_eq!(get(&gate, OWN, None), Err("Access Denied".into()));
    }

    #[test]
    fn the_principal_arn_of_a_session_is_its_role() {
        let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": format!("arn:aws:iam::{OWN}:role/p/r")}}}});
        let gate = Gate::new(session(), vec![policy]).with_role_arn(format!("arn:aws:iam::{OWN}:role/p/r"));
        assert_eq!(get(&gate, OWN, None), Ok(()));
    }
}
