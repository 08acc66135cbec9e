//! What to ask IAM's policy simulator to learn whether somebody has the operator's policy, and no more.
//!
//! The simulator is asked about names, not patterns: a role that there is not stands for all of a path. It knows boundaries, but no
//! policies of resources, and for users alone those of an organisation [IAM API, SimulatePrincipalPolicy].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{GIVES, PROVIDER, PolicyScope, ROLES, operator_policy};
use crate::like::like;

/// In the place of a pattern's `*`: nobody has anything of that name.
const NAME: &str = "irsa-anywhere-probe";

/// Whether somebody may do these things to this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessProbe {
    /// Actions such as `iam:GetRole`.
    pub actions: BTreeSet<String>,
    /// An ARN, or `*`.
    pub resource: String,
    /// Condition keys that the call would have.
    pub context: BTreeMap<String, String>,
    /// Whether the operator needs all of it; otherwise it needs none of it, and whoever has it can do harm.
    pub is_needed: bool,
}

/// What the operator needs for a federation, then what nobody should have given it.
pub fn access_probes(scope: &PolicyScope) -> Vec<AccessProbe> {
    let policy = operator_policy(scope);
    let statements = policy.get("Statement").and_then(Value::as_array);
    let statements: Vec<&Value> = statements.into_iter().flatten().collect();
    let needed = statements.iter().flat_map(|statement| of_statement(statement));
    let beyond = beyond(scope).into_iter().filter_map(|mut probe| {
        probe
            .actions
            .retain(|action| !is_given(&statements, action, &probe.resource));
        (!probe.actions.is_empty()).then_some(probe)
    });
    needed.chain(beyond).chain(past_the_boundary(scope)).collect()
}

fn texts(statement: &Value, element: &str) -> Vec<String> {
    let owned = |value: &Value| value.as_str().map(str::to_owned);
    match statement.get(element) {
        Some(Value::Array(values)) => values.iter().filter_map(owned).collect(),
        Some(one) => owned(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn of_statement(statement: &Value) -> Vec<AccessProbe> {
    let context = statement.pointer("/Condition/StringEquals").and_then(Value::as_object);
    let context = context.into_iter().flatten();
    let context: BTreeMap<String, String> = context
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let probe = |resource: String| AccessProbe {
        actions: texts(statement, "Action").into_iter().collect(),
        resource: named(&resource),
        context: context.clone(),
        is_needed: true,
    };
    texts(statement, "Resource").into_iter().map(probe).collect()
}

fn named(pattern: &str) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    pattern.replace('*', NAME)
}

/// Whether the policy itself gives that, under whatever condition.
fn is_given(statements: &[&Value], action: &str, resource: &str) -> bool {
    statements.iter().any(|statement| {
        let given = texts(statement, "Resource");
        texts(statement, "Action").iter().any(|one| one == action) && given.iter().any(|one| like(one, resource))
    })
}

/// With any of it the operator would reach what is not its own, or make itself more than it is.
fn beyond(scope: &PolicyScope) -> Vec<AccessProbe> {
    let iam = |resource: &str| format!("arn:{}:iam::{}:{resource}", scope.partition, scope.account);
    let probe = |actions: &[&str], resource: String| AccessProbe {
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        resource,
        context: BTreeMap::new(),
        is_needed: false,
    };
    let elsewhere = "elsewhere-irsa-anywhere-probe";
    let own_role = iam(&format!("role{}{NAME}", scope.role_path));
    let mut probes = vec![
        probe(&ROLES, iam(&format!("role/{elsewhere}"))),
        probe(&["sts:AssumeRole"], iam(&format!("role/{elsewhere}"))),
        probe(&["iam:PassRole", "sts:AssumeRole"], own_role),
        probe(&PROVIDER, iam(&format!("oidc-provider/{elsewhere}.example.com"))),
        probe(
            &[
                "iam:AttachUserPolicy",
                "iam:CreateAccessKey",
                "iam:CreateLoginProfile",
                "iam:CreateUser",
                "iam:PutUserPolicy",
            ],
            iam(&format!("user/{elsewhere}")),
        ),
        probe(
            &[
                "iam:CreatePolicy",
                "iam:CreatePolicyVersion",
                "iam:SetDefaultPolicyVersion",
            ],
            iam(&format!("policy/{elsewhere}")),
        ),
    ];
    let objects = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"];
    let own_bucket = scope.publishes.as_ref().map(|publish| publish.bucket.as_str());
    for bucket in own_bucket.into_iter().chain([elsewhere]) {
        probes.push(probe(
            &objects,
            format!("arn:{}:s3:::{bucket}/{elsewhere}", scope.partition),
        ));
    }
    let buckets = ["s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock"];
    probes.push(probe(&buckets, format!("arn:{}:s3:::{elsewhere}", scope.partition)));
    probes
}

/// Under a boundary nothing is given without it, and none is taken off.
fn past_the_boundary(scope: &PolicyScope) -> Option<AccessProbe> {
    scope.boundary.as_ref()?;
    let actions = GIVES.iter().chain(&["iam:DeleteRolePermissionsBoundary"]);
    Some(AccessProbe {
        actions: actions.map(|action| (*action).to_owned()).collect(),
        resource: format!(
            "arn:{}:iam::{}:role{}{NAME}",
            scope.partition, scope.account, scope.role_path
        ),
        context: BTreeMap::new(),
        is_needed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator_policy::PublishScope;

    fn scope() -> PolicyScope {
        PolicyScope {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            issuer: "b.s3.eu-central-1.amazonaws.com/x".to_owned(),
            role_path: "/irsa/0a1b2c3d/".to_owned(),
            role_name_prefix: Some("irsa-0a1b2c3d-".to_owned()),
            boundary: None,
            existing_roles: Vec::new(),
            adopted_roles: Vec::new(),
            manages_provider: true,
            publishes: Some(PublishScope {
                bucket: "b".to_owned(),
                keys: ["x/d".to_owned(), "x/k".to_owned()],
                keeps_policy: true,
                creates: false,
            }),
        }
    }

    fn find<'a>(probes: &'a [AccessProbe], action: &str, resource: &str) -> Vec<&'a AccessProbe> {
        let asks = |probe: &&AccessProbe| probe.actions.contains(action) && probe.resource == resource;
        probes.iter().filter(asks).collect()
    }

    #[test]
    fn all_that_the_policy_gives_is_asked_for_by_a_name() {
        let probes = access_probes(&scope());
        let own = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-anywhere-probe";
        let found = find(&probes, "iam:CreateRole", own);
        assert!(found.len() == 1 && found[0].is_needed, "{found:?}");
        let not_yet = "arn:aws:iam::123456789012:role/irsa-0a1b2c3d-irsa-anywhere-probe";
        assert!(find(&probes, "iam:GetRole", not_yet)[0].is_needed);
        assert!(find(&probes, "iam:ListRoles", "*")[0].is_needed);
        assert!(find(&probes, "s3:PutObject", "arn:aws:s3:::b/x/k")[0].is_needed);
        assert!(
            probes
                .iter()
                .all(|probe| probe.resource == "*" || !probe.resource.contains('*'))
        );
    }

    #[test]
    fn what_is_given_is_never_called_too_much() {
        let elsewhere = "arn:aws:iam::123456789012:role/elsewhere-irsa-anywhere-probe";
        let probes = access_probes(&scope());
        assert!(!find(&probes, "iam:GetRole", elsewhere)[0].is_needed);
        // Bindings may choose any name, and a path that is the root holds every role.
        let mut any = scope();
        any.role_name_prefix = None;
        let probes = access_probes(&any);
        assert!(find(&probes, "iam:GetRole", elsewhere).is_empty());
        assert!(!find(&probes, "iam:PutRolePolicy", elsewhere).is_empty());
        any.role_path = "/".to_owned();
        assert!(find(&access_probes(&any), "iam:PutRolePolicy", elsewhere).is_empty());
    }

    #[test]
    fn under_a_boundary_it_is_asked_with_it_and_without() {
        let mut bounded = scope();
        bounded.boundary = Some("arn:aws:iam::123456789012:policy/b".to_owned());
        let own = "arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-anywhere-probe";
        let probes = access_probes(&bounded);
        let found = find(&probes, "iam:CreateRole", own);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].context.get("iam:PermissionsBoundary"),
            bounded.boundary.as_ref()
        );
        assert!(found[0].is_needed && !found[1].is_needed && found[1].context.is_empty());
    }
}
