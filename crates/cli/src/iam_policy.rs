//! `iam-policy`: what the operator must be allowed in AWS for a federation, and no more.

use irsa_api::{BucketAccess, OidcFederation, ProviderManagement, Publish, RoleNameRule};
use irsa_core::{
    issuer::IssuerUrl,
    naming::{account_of, default_role_name_prefix, partition_of_region},
    operator_policy::{PolicyScope, PublishScope, operator_policy},
};
use irsa_pipeline::spec::federation_view::{connection, role_path};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{args::PolicyForm, cluster::Cluster, failure::Failure};

/// The policy for a federation.
///
/// # Errors
/// It cannot be read, or nothing says which account it is of.
pub(crate) async fn iam_policy(
    cluster: &Cluster,
    name: &str,
    account: Option<String>,
    form: PolicyForm,
) -> Result<String, Failure> {
    let found = cluster.federation(name).await;
    let found = found.map_err(|unseen| format!("the OidcFederation {name} cannot be read: {unseen}"))?;
    let federation = found.ok_or_else(|| format!("there is no OidcFederation {name}; name another"))?;
    let scope = scope(&federation, account)?;
    Ok(written(
        &operator_policy(&scope),
        &format!("irsa-anywhere-{}", federation.name_any()),
        form,
    ))
}

fn scope(federation: &OidcFederation, account: Option<String>) -> Result<PolicyScope, Failure> {
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
    Ok(PolicyScope {
        partition: partition_of_region(&connection(federation).region).to_owned(),
        account,
        issuer: issuer.without_scheme().to_owned(),
        role_path: role_path(federation),
        role_name_prefix: (spec.bindings.role_names == RoleNameRule::Prefixed).then_some(prefix),
        boundary: spec.bindings.permissions_boundary.clone(),
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

fn written(policy: &Value, name: &str, form: PolicyForm) -> String {
    let pretty = |value: &Value| format!("{value:#}");
    match form {
        PolicyForm::Json => pretty(policy) + "\n",
        PolicyForm::Terraform => format!(
            "resource \"aws_iam_policy\" \"irsa_anywhere\" {{\n  name   = \"{name}\"\n  policy = <<-JSON\n{}\n  JSON\n}}\n",
            pretty(policy)
                .lines()
                .map(|line| format!("    {line}"))
                .collect::<Vec<_>>()
                .join("\n")
        ),
        PolicyForm::Cloudformation => {
            let properties = json!({"ManagedPolicyName": name, "PolicyDocument": policy});
            let resource = json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": properties});
            pretty(&json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"IrsaAnywhere": resource}})) + "\n"
        }
    }
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

    fn s3() -> Value {
        json!({"s3": {"bucket": "acme-irsa", "region": "eu-central-1", "access": "Unmanaged"}})
    }

    #[test]
    fn a_federation_is_taken_as_it_is() {
        let given = federation(
            &json!({"rolePath": "/x/", "roleNames": "Any", "permissionsBoundary": "arn:b"}),
            &s3(),
        );
        assert!(scope(&given, None).unwrap_err().to_string().contains("--account"));
        assert!(
            scope(&given, Some("12".to_owned()))
                .unwrap_err()
                .to_string()
                .contains("twelve digits")
        );
        let found = scope(&given, Some("123456789012".to_owned())).unwrap();
        assert_eq!(
            (
                found.role_path.as_str(),
                found.role_name_prefix,
                found.boundary.as_deref()
            ),
            ("/x/", None, Some("arn:b"))
        );
        let publish = found.publishes.unwrap();
        assert_eq!(
            (publish.keys[1].as_str(), publish.keeps_policy),
            ("prod/openid/v1/jwks", false)
        );
        let external = federation(&json!({}), &json!({"external": {}}));
        assert_eq!(
            scope(&external, Some("123456789012".to_owned())).unwrap().publishes,
            None
        );
    }

    #[test]
    fn each_form_has_the_whole_policy_in_it() {
        let given = scope(&federation(&json!({}), &s3()), Some("123456789012".to_owned())).unwrap();
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
        // Nothing that HCL would fill in.
        assert!(!body.contains("${") && !body.contains("%{"));
    }
}
