//! Evaluation of one policy document.

use serde_json::Value;

use super::{
    Context,
    condition::{all_hold, texts},
    pattern::Pattern,
};

/// What a document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some statement allows it and none denies it.
    Allow,
    /// Some statement denies it.
    ExplicitDeny,
    /// No statement speaks of it.
    ImplicitDeny,
}

/// Who asks, as a `Principal` element sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nobody signed.
    Anonymous,
    /// A signed caller.
    Aws {
        /// Twelve digits.
        account: String,
        /// Every ARN it answers to, its own first: a user's; a session's, then its role's.
        arns: Vec<String>,
    },
    /// A web identity: the ARN of the IAM provider that vouches for it.
    Federated(String),
    /// An AWS service (`cloudfront.amazonaws.com`).
    Service(String),
}

/// How closely a `Principal` element names the caller. The closer, the less else limits the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Its whole account, which must then grant by identity policy.
    Account,
    /// The role behind the session: boundary and session policy still cap the grant.
    Role,
    /// The caller itself, or everybody.
    Direct,
}

/// One request as documents see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) action: &'a str,
    /// `None` where the document belongs to the resource and names none (a trust policy).
    pub(super) resource: Option<&'a str>,
    pub(super) context: &'a Context,
}

/// Judges an identity policy (no `Principal`): explicit deny wins, then allow, else nothing is said
/// [IAMUG-2023 reference_policies_evaluation-logic].
pub fn evaluate(document: &Value, action: &str, resource: &str, context: &Context) -> Verdict {
    let request = Request {
        action,
        resource: Some(resource),
        context,
    };
    judge(document, &request, |_| Some(Reach::Direct)).0
}

/// Judges a resource policy (bucket policy) for `who`.
pub fn evaluate_resource(document: &Value, who: &Identity, action: &str, resource: &str, context: &Context) -> Verdict {
    judge(
        document,
        &Request {
            action,
            resource: Some(resource),
            context,
        },
        |statement| named(statement, who),
    )
    .0
}

/// Judges a role's trust policy, which has no `Resource`, for `who`.
pub fn evaluate_trust(document: &Value, who: &Identity, action: &str, context: &Context) -> Verdict {
    judge(
        document,
        &Request {
            action,
            resource: None,
            context,
        },
        |statement| named(statement, who),
    )
    .0
}

/// The statements of a document: one object or a list of them.
pub(super) fn statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// The verdict and, for an allow, the closest reach among the statements that allow.
pub(super) fn judge(
    document: &Value,
    request: &Request<'_>,
    names: impl Fn(&Value) -> Option<Reach>,
) -> (Verdict, Option<Reach>) {
    let variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
    let mut closest = None;
    for statement in statements(document) {
        let Some(reach) = names(statement) else { continue };
        if !applies(statement, request, variables) {
            continue;
        }
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") => return (Verdict::ExplicitDeny, None),
            Some("Allow") => closest = closest.max(Some(reach)),
            _ => {}
        }
    }
    (
        if closest.is_some() {
            Verdict::Allow
        } else {
            Verdict::ImplicitDeny
        },
        closest,
    )
}

fn applies(statement: &Value, request: &Request<'_>, variables: bool) -> bool {
    action_matches(statement, request.action)
        && resource_matches(statement, request, variables)
        && statement
            .get("Condition")
            .is_none_or(|block| all_hold(block, request.context, variables))
}

/// Actions compare without regard to case [IAMUG-2023 reference_policies_elements_action].
fn action_matches(statement: &Value, action: &str) -> bool {
    let one_of = |list: &Value| {
        texts(list)
            .iter()
            .any(|text| Pattern::wild(text, None).matches_ignoring_case(action))
    };
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(list), _) => one_of(list),
        (None, Some(list)) => !one_of(list),
        (None, None) => false,
    }
}

fn resource_matches(statement: &Value, request: &Request<'_>, variables: bool) -> bool {
    let Some(resource) = request.resource else { return true };
    let scope = variables.then_some(request.context);
    // A call that is about no single resource is judged against "*", which only a statement on "*" covers.
    let one_of = |list: &Value| {
        texts(list)
            .iter()
            .any(|text| text == "*" || Pattern::wild(text, scope).matches_arn(resource))
    };
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(list), _) => one_of(list),
        (None, Some(list)) => !one_of(list),
        (None, None) => false,
    }
}

/// How a statement's `Principal` (or `NotPrincipal`) names `who`; `None`: not at all.
pub(super) fn named(statement: &Value, who: &Identity) -> Option<Reach> {
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principal), _) => reach(principal, who),
        (None, Some(principal)) => reach(principal, who).is_none().then_some(Reach::Direct),
        (None, None) => None,
    }
}

fn reach(principal: &Value, who: &Identity) -> Option<Reach> {
    if principal.as_str() == Some("*") {
        // In a resource policy "*" is {"AWS": "*"} [IAMUG-2023 reference_policies_elements_principal].
        return matches!(who, Identity::Anonymous | Identity::Aws { .. }).then_some(Reach::Direct);
    }
    let of = |kind: &str| principal.get(kind).map(texts).unwrap_or_default();
    match who {
        Identity::Anonymous => of("AWS").iter().any(|text| text == "*").then_some(Reach::Direct),
        Identity::Aws { account, arns } => of("AWS").iter().filter_map(|text| aws_reach(text, account, arns)).max(),
        Identity::Federated(provider) => of("Federated").contains(provider).then_some(Reach::Direct),
        Identity::Service(name) => of("Service").contains(name).then_some(Reach::Direct),
    }
}

/// A principal is everybody, an account (twelve digits or its root's ARN), or exactly one ARN: partial wildcards are
/// refused on input [IAMUG-2023 reference_policies_elements_principal].
fn aws_reach(text: &str, account: &str, arns: &[String]) -> Option<Reach> {
    let of_account = text
        .strip_suffix(":root")
        .and_then(|head| head.strip_prefix("arn:"))
        .and_then(|head| head.split_once(":iam::"))
        .is_some_and(|(_, id)| id == account);
    match arns.iter().position(|arn| arn == text) {
        _ if text == "*" => Some(Reach::Direct),
        Some(0) => Some(Reach::Direct),
        Some(_) => Some(Reach::Role),
        None => (of_account || text == account).then_some(Reach::Account),
    }
}

#[cfg(test)]
mod tests;
