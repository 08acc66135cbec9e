//! The least that the operator must be allowed in AWS for one federation: `docs/iam-policy.json`, and what its page says of other settings.

mod probe;

use serde_json::{Value, json};

pub use self::probe::{AccessProbe, access_probes};

/// What of a federation decides over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyScope {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `spec.issuer` without its scheme.
    pub issuer: String,
    /// Path of the roles, with both slashes.
    pub role_path: String,
    /// What the names of the roles begin with; `None`: bindings may choose any.
    pub role_name_prefix: Option<String>,
    /// ARN of the permissions boundary, where there is one: the operator is held to it.
    pub boundary: Option<String>,
    /// ARNs of roles that others keep and bindings use.
    pub existing_roles: Vec<String>,
    /// ARNs of roles under other paths that bindings have taken over, or may.
    pub adopted_roles: Vec<String>,
    /// Whether the operator makes and keeps the provider.
    pub manages_provider: bool,
    /// Where it publishes; `None`: somebody else does.
    pub publishes: Option<PublishScope>,
}

/// Where the operator publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishScope {
    /// The bucket.
    pub bucket: String,
    /// Keys of both objects.
    pub keys: [String; 2],
    /// Whether it keeps its statement of the bucket's policy.
    pub keeps_policy: bool,
    /// Whether it makes the bucket.
    pub creates: bool,
}

/// What makes roles, or gives them something: under a boundary only with it.
const GIVES: [&str; 4] = [
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
];

/// All that is done to roles, in the order of the page.
const ROLES: [&str; 16] = [
    "iam:CreateRole",
    "iam:GetRole",
    "iam:UpdateRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteRole",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:PutRolePermissionsBoundary",
    "iam:DeleteRolePermissionsBoundary",
    "iam:ListAttachedRolePolicies",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:ListRolePolicies",
    "iam:GetRolePolicy",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
];

const PROVIDER: [&str; 8] = [
    "iam:CreateOpenIDConnectProvider",
    "iam:GetOpenIDConnectProvider",
    "iam:DeleteOpenIDConnectProvider",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "iam:UpdateOpenIDConnectProviderThumbprint",
    "iam:TagOpenIDConnectProvider",
    "iam:UntagOpenIDConnectProvider",
];

/// The policy, as IAM takes it.
///
/// With a boundary nothing in it takes a boundary off a role: where the federation no longer names one, an administrator must.
pub fn operator_policy(scope: &PolicyScope) -> Value {
    let mut statements = roles(scope);
    let iam = |resource: &str| format!("arn:{}:iam::{}:{resource}", scope.partition, scope.account);
    let named = scope.role_name_prefix.as_deref().unwrap_or_default();
    statements.push(allow(
        "RolesThatAreNotThereYet",
        &json!("iam:GetRole"),
        &json!(iam(&format!("role/{named}*"))),
    ));
    if !scope.existing_roles.is_empty() {
        let roles = json!(scope.existing_roles);
        statements.push(allow("RolesOfOthers", &json!("iam:GetRole"), &roles));
    }
    let pages = json!(["iam:ListRoles", "iam:GetAccountAuthorizationDetails"]);
    statements.push(allow("RolesByThePage", &pages, &json!("*")));
    let provider = if scope.manages_provider {
        json!(PROVIDER)
    } else {
        json!("iam:GetOpenIDConnectProvider")
    };
    let arn = iam(&format!("oidc-provider/{}", scope.issuer));
    statements.push(allow("OurProvider", &provider, &json!(arn)));
    statements.extend(
        scope
            .publishes
            .iter()
            .flat_map(|publish| documents(&scope.partition, publish)),
    );
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn roles(scope: &PolicyScope) -> Vec<Value> {
    let own = format!(
        "arn:{}:iam::{}:role{}*",
        scope.partition, scope.account, scope.role_path
    );
    let arn = if scope.adopted_roles.is_empty() {
        json!(own)
    } else {
        json!(std::iter::once(&own).chain(&scope.adopted_roles).collect::<Vec<_>>())
    };
    let Some(boundary) = &scope.boundary else {
        return vec![allow("OurRoles", &json!(ROLES), &arn)];
    };
    let others = ROLES
        .iter()
        .filter(|action| !GIVES.contains(action) && **action != "iam:DeleteRolePermissionsBoundary");
    let others: Vec<&str> = others.copied().collect();
    let mut within = allow("OurRolesWithinTheBoundary", &json!(GIVES), &arn);
    if let Some(statement) = within.as_object_mut() {
        let held = json!({"StringEquals": {"iam:PermissionsBoundary": boundary}});
        statement.insert("Condition".to_owned(), held);
    }
    vec![within, allow("OurRoles", &json!(others), &arn)]
}

fn documents(partition: &str, publish: &PublishScope) -> Vec<Value> {
    let bucket = format!("arn:{partition}:s3:::{}", publish.bucket);
    let objects: Vec<String> = publish.keys.iter().map(|key| format!("{bucket}/{key}")).collect();
    let actions = json!(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]);
    let mut statements = vec![allow("OurDocuments", &actions, &json!(objects))];
    if publish.keeps_policy {
        let actions = json!([
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
        ]);
        statements.push(allow("OurStatementOfTheBucketPolicy", &actions, &json!(bucket)));
    }
    if publish.creates {
        let actions = json!(["s3:CreateBucket", "s3:DeleteBucket", "s3:PutBucketPublicAccessBlock"]);
        statements.push(allow("OurBucket", &actions, &json!(bucket)));
    }
    statements
}

fn allow(sid: &str, action: &Value, resource: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource})
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/iam-policy.json");

    fn scope() -> PolicyScope {
        PolicyScope {
            partition: "<partition>".to_owned(),
            account: "<account>".to_owned(),
            issuer: "<issuer>".to_owned(),
            role_path: "/irsa/<id>/".to_owned(),
            role_name_prefix: Some("irsa-<id>-".to_owned()),
            boundary: None,
            existing_roles: Vec::new(),
            adopted_roles: Vec::new(),
            manages_provider: true,
            publishes: Some(PublishScope {
                bucket: "<bucket>".to_owned(),
                keys: [
                    "<prefix>/.well-known/openid-configuration".to_owned(),
                    "<prefix>/openid/v1/jwks".to_owned(),
                ],
                keeps_policy: true,
                creates: false,
            }),
        }
    }

    fn sids(policy: &Value) -> Vec<&str> {
        let statements = policy["Statement"].as_array().unwrap();
        statements
            .iter()
            .map(|statement| statement["Sid"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn the_usual_one_is_the_one_of_the_page() {
        let page: Value = serde_json::from_str(PAGE).unwrap();
        assert_eq!(operator_policy(&scope()), page);
    }

    #[test]
    fn what_others_keep_is_not_in_it() {
        let external = PolicyScope {
            manages_provider: false,
            publishes: None,
            role_name_prefix: None,
            ..scope()
        };
        let policy = operator_policy(&external);
        assert_eq!(
            sids(&policy),
            ["OurRoles", "RolesThatAreNotThereYet", "RolesByThePage", "OurProvider"]
        );
        assert_eq!(
            policy["Statement"][1]["Resource"],
            "arn:<partition>:iam::<account>:role/*"
        );
        assert_eq!(policy["Statement"][3]["Action"], "iam:GetOpenIDConnectProvider");
        let mut made = scope();
        let publish = made.publishes.as_mut().unwrap();
        publish.keeps_policy = false;
        publish.creates = true;
        assert_eq!(sids(&operator_policy(&made))[4..], ["OurDocuments", "OurBucket"]);
    }

    #[test]
    fn roles_of_others_are_read_and_those_taken_over_are_kept() {
        let other = "arn:aws:iam::123456789012:role/theirs";
        let taken = "arn:aws:iam::123456789012:role/old/app";
        let policy = operator_policy(&PolicyScope {
            existing_roles: vec![other.to_owned()],
            adopted_roles: vec![taken.to_owned()],
            ..scope()
        });
        assert_eq!(
            policy["Statement"][0]["Resource"],
            json!(["arn:<partition>:iam::<account>:role/irsa/<id>/*", taken])
        );
        assert_eq!(sids(&policy)[2], "RolesOfOthers");
        assert_eq!(policy["Statement"][2]["Resource"], json!([other]));
    }

    #[test]
    fn under_a_boundary_nothing_is_given_without_it_and_none_is_taken_off() {
        let boundary = "arn:aws:iam::123456789012:policy/irsa-boundary";
        let bounded = PolicyScope {
            boundary: Some(boundary.to_owned()),
            ..scope()
        };
        let policy = operator_policy(&bounded);
        let within = &policy["Statement"][0];
        assert_eq!(within["Condition"]["StringEquals"]["iam:PermissionsBoundary"], boundary);
        assert_eq!(within["Action"], json!(GIVES));
        let actions = |statement: &Value| statement["Action"].as_array().unwrap().len();
        assert_eq!(actions(within) + actions(&policy["Statement"][1]), ROLES.len() - 1);
        assert!(!policy.to_string().contains("iam:DeleteRolePermissionsBoundary"));
    }
}
