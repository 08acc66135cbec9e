//! `iam-policy`: what the operator must be allowed in AWS for a federation, and no more; and what somebody has of that.

mod difference;

use std::collections::BTreeSet;

use irsa_api::{Adoption, BucketAccess, IamRoleBinding, OidcFederation, ProviderManagement, Publish, RoleNameRule};
use irsa_core::{
    issuer::IssuerUrl,
    naming::{PolicyArn, account_of, default_role_name_prefix, is_role_arn, partition_of_region},
    operator_policy::{PolicyScope, PublishScope, operator_policy},
    text::{plain, shown},
};
use irsa_pipeline::spec::federation_view::{connection, role_path};
use kube::ResourceExt;
use serde_json::{Value, json};

pub(crate) use self::difference::PolicyDifference;
use crate::{args::PolicyForm, cluster::Cluster, failure::Failure};

/// Characters of a managed policy, blanks not counted [IAM quotas].
const MOST_CHARACTERS: usize = 6_144;

/// What is asked for.
pub(crate) struct PolicyRequest {
    /// Name of the federation.
    pub(crate) federation: String,
    /// The account, where the federation does not name it.
    pub(crate) account: Option<String>,
    /// ARNs of roles that are still to be taken over.
    pub(crate) adopt: Vec<String>,
}

/// The policy for a federation.
///
/// # Errors
/// It cannot be read, or nothing says which account it is of.
pub(crate) async fn iam_policy(
    cluster: &Cluster,
    request: &PolicyRequest,
    form: PolicyForm,
) -> Result<String, Failure> {
    let (federation, scope) = of_cluster(cluster, request).await?;
    if let Some(role) = &federation.spec.aws.assume_role {
        eprintln!(
            "It is the policy of {}, which the operator takes; the operator itself needs sts:AssumeRole on that.",
            plain(&role.arn)
        );
    }
    let policy = operator_policy(&scope);
    let size = policy.to_string().chars().filter(|c| !c.is_whitespace()).count();
    if size > MOST_CHARACTERS {
        eprintln!(
            "It has {size} characters without blanks, and IAM takes {MOST_CHARACTERS} in a managed policy: put the statement RolesOfOthers into a second one."
        );
    }
    Ok(written(
        &policy,
        &format!("irsa-anywhere-{}", federation.name_any()),
        form,
    ))
}

/// What a user or role has of it, and beyond it.
///
/// # Errors
/// As for [`iam_policy`], and where AWS may not be asked.
pub(crate) async fn difference(
    cluster: &Cluster,
    request: &PolicyRequest,
    principal: &str,
) -> Result<PolicyDifference, Failure> {
    let (federation, scope) = of_cluster(cluster, request).await?;
    difference::difference(&scope, connection(&federation).region, principal).await
}

async fn of_cluster(cluster: &Cluster, request: &PolicyRequest) -> Result<(OidcFederation, PolicyScope), Failure> {
    let name = &request.federation;
    if let Some(other) = request.adopt.iter().find(|arn| !is_role_arn(arn)) {
        return Err(format!("--adopt takes the ARN of a role, and {} is none", shown(other)).into());
    }
    let found = cluster.federation(name).await;
    let found = found.map_err(|unseen| format!("the OidcFederation {name} cannot be read: {unseen}"))?;
    let federation = found.ok_or_else(|| format!("there is no OidcFederation {name}; name another"))?;
    let bindings = cluster.all_bindings().await;
    let bindings = bindings.map_err(|unseen| {
        format!("the IamRoleBindings cannot be listed, and roles that they name belong into it: {unseen}")
    })?;
    let mut scope = scope(&federation, &bindings, request.account.clone())?;
    scope.adopted_roles.extend(request.adopt.iter().cloned());
    scope.adopted_roles.sort();
    scope.adopted_roles.dedup();
    Ok((federation, scope))
}

fn scope(
    federation: &OidcFederation,
    bindings: &[IamRoleBinding],
    account: Option<String>,
) -> Result<PolicyScope, Failure> {
    let spec = &federation.spec;
    let issuer = IssuerUrl::parse(&spec.issuer)?;
    let status = federation.status.as_ref().and_then(|status| status.account_id.clone());
    let assumed = spec
        .aws
        .assume_role
        .as_ref()
        .and_then(|role| account_of(&role.arn))
        .map(str::to_owned);
    let account = account.or_else(|| spec.aws.account_id.clone()).or(assumed).or(status);
    let account =
        account.ok_or("neither the federation nor its status names the AWS account; say it with --account")?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{account} is no AWS account: twelve digits").into());
    }
    let prefix = spec.bindings.role_name_prefix.clone();
    let prefix = prefix.unwrap_or_else(|| default_role_name_prefix(&spec.issuer));
    let partition = partition_of_region(&connection(federation).region).to_owned();
    let boundary = spec.bindings.permissions_boundary.as_deref();
    // The schema takes more than IAM has in an ARN; here it becomes part of a policy, and of what Terraform reads.
    let boundary = boundary.map(|arn| PolicyArn::resolve(arn, &partition)).transpose()?;
    let of_federation = |binding: &&IamRoleBinding| binding.spec.federation_ref.name == federation.name_any();
    let bindings: Vec<&IamRoleBinding> = bindings.iter().filter(of_federation).collect();
    let path = role_path(federation);
    Ok(PolicyScope {
        existing_roles: existing_roles(&bindings),
        adopted_roles: adopted_roles(&bindings, &path),
        partition,
        account,
        issuer: issuer.without_scheme().to_owned(),
        role_path: path,
        role_name_prefix: (spec.bindings.role_names == RoleNameRule::Prefixed).then_some(prefix),
        boundary: boundary.map(|arn| arn.as_str().to_owned()),
        manages_provider: spec.provider.management == ProviderManagement::Managed,
        publishes: match &spec.publish {
            Publish::External(_) => None,
            Publish::S3(s3) => Some(PublishScope {
                bucket: s3.bucket.clone(),
                keys: [issuer.discovery_key(), issuer.jwks_key()],
                keeps_policy: s3.access == BucketAccess::BucketPolicy,
                creates: s3.create,
            }),
        },
    })
}

/// Roles of others. A tenant chooses what an administrator will paste, so what is no ARN of one role is left out.
fn existing_roles(bindings: &[&IamRoleBinding]) -> Vec<String> {
    let named = bindings
        .iter()
        .filter_map(|binding| binding.spec.existing_role.as_ref());
    let arns: BTreeSet<String> = named
        .map(|role| role.arn.clone())
        .filter(|arn| is_role_arn(arn))
        .collect();
    arns.into_iter().collect()
}

/// Roles under another path that bindings have by adoption. What a binding only wishes for is not among them: a tenant has written that.
fn adopted_roles(bindings: &[&IamRoleBinding], path: &str) -> Vec<String> {
    let adopting = bindings
        .iter()
        .filter(|binding| binding.spec.role.adopt == Adoption::IfTagged);
    let arns = adopting.filter_map(|binding| binding.status.as_ref()?.role_arn.clone());
    let others: BTreeSet<String> = arns
        .filter(|arn| is_role_arn(arn) && !arn.contains(&format!(":role{path}")))
        .collect();
    others.into_iter().collect()
}

fn written(policy: &Value, name: &str, form: PolicyForm) -> String {
    let pretty = |value: &Value| format!("{value:#}");
    match form {
        PolicyForm::Json => pretty(policy) + "\n",
        PolicyForm::Terraform => format!(
            "resource \"aws_iam_policy\" \"irsa_anywhere\" {{\n  name   = \"{name}\"\n  policy = <<-JSON\n{}\n  JSON\n}}\n",
            indented(&pretty(policy).replace("${", "$${").replace("%{", "%%{"))
        ),
        PolicyForm::Cloudformation => {
            let properties = json!({"ManagedPolicyName": name, "PolicyDocument": policy});
            let resource = json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": properties});
            pretty(&json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"IrsaAnywhere": resource}})) + "\n"
        }
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn federation(bindings: &Value, publish: &Value) -> OidcFederation {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
            "spec": {
                "issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com/prod", "publish": publish, "bindings": bindings,
                "aws": {"region": "eu-central-1"},
            },
        }))
        .unwrap()
    }

    const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/irsa-boundary";

    fn binding(spec: &Value, role: &str) -> IamRoleBinding {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": "app", "namespace": "shop"},
            "spec": spec, "status": {"roleArn": role},
        }))
        .unwrap()
    }

    #[test]
    fn what_bindings_name_is_in_it_and_nothing_that_somebody_could_slip_in() {
        let given = federation(&json!({"rolePath": "/x/"}), &s3());
        let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
        let accounts = json!([{"name": "app"}]);
        let bindings = [
            binding(
                &json!({"serviceAccounts": accounts, "existingRole": {"arn": role("theirs")}}),
                "",
            ),
            binding(
                &json!({"serviceAccounts": accounts, "existingRole": {"arn": role("*")}}),
                "",
            ),
            binding(
                &json!({"serviceAccounts": accounts, "role": {"adopt": "IfTagged"}}),
                &role("old/app"),
            ),
            binding(
                &json!({"serviceAccounts": accounts, "role": {"adopt": "IfTagged"}}),
                &role("x/new"),
            ),
            binding(&json!({"serviceAccounts": accounts}), &role("elsewhere/app")),
        ];
        let found = scope(&given, &bindings, Some("123456789012".to_owned())).unwrap();
        assert_eq!(
            (found.existing_roles, found.adopted_roles),
            (vec![role("theirs")], vec![role("old/app")])
        );
        for hostile in ["policy/${var.secret}/x", "policy/%{for}/x"] {
            let hostile = federation(
                &json!({"permissionsBoundary": format!("arn:aws:iam::123456789012:{hostile}")}),
                &s3(),
            );
            assert!(scope(&hostile, &[], Some("123456789012".to_owned())).is_err());
        }
    }

    fn s3() -> Value {
        json!({"s3": {"bucket": "acme-irsa", "region": "eu-central-1", "access": "Unmanaged"}})
    }

    #[test]
    fn a_federation_is_taken_as_it_is() {
        let given = federation(
            &json!({"rolePath": "/x/", "roleNames": "Any", "permissionsBoundary": BOUNDARY}),
            &s3(),
        );
        assert!(scope(&given, &[], None).unwrap_err().to_string().contains("--account"));
        assert!(
            scope(&given, &[], Some("12".to_owned()))
                .unwrap_err()
                .to_string()
                .contains("twelve digits")
        );
        let found = scope(&given, &[], Some("123456789012".to_owned())).unwrap();
        assert_eq!(
            (
                found.role_path.as_str(),
                found.role_name_prefix,
                found.boundary.as_deref()
            ),
            ("/x/", None, Some(BOUNDARY))
        );
        let publish = found.publishes.unwrap();
        assert_eq!(
            (publish.keys[1].as_str(), publish.keeps_policy),
            ("prod/openid/v1/jwks", false)
        );
        let external = federation(&json!({}), &json!({"external": {}}));
        assert_eq!(
            scope(&external, &[], Some("123456789012".to_owned()))
                .unwrap()
                .publishes,
            None
        );
    }

    #[test]
    fn each_form_has_the_whole_policy_in_it() {
        let given = scope(&federation(&json!({}), &s3()), &[], Some("123456789012".to_owned())).unwrap();
        let policy = operator_policy(&given);
        let plain: Value = serde_json::from_str(&written(&policy, "n", PolicyForm::Json)).unwrap();
        assert_eq!(plain, policy);
        let template: Value = serde_json::from_str(&written(&policy, "n", PolicyForm::Cloudformation)).unwrap();
        assert_eq!(
            template["Resources"]["IrsaAnywhere"]["Properties"]["PolicyDocument"],
            policy
        );
        let terraform = written(&policy, "n", PolicyForm::Terraform);
        let body = terraform
            .split_once("<<-JSON\n")
            .unwrap()
            .1
            .split_once("\n  JSON\n")
            .unwrap()
            .0;
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), policy);
        // What HCL would fill in is written so that it does not.
        let filled = written(&json!({"a": "${x} %{y}"}), "n", PolicyForm::Terraform);
        assert!(filled.contains("$${x} %%{y}"), "{filled}");
    }
}
