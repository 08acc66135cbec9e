//! What others own, offer or share: Terraform, an old cluster, a cluster beside. Slow, because several control planes are
//! started: `make coexistence`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod bucket;
mod clusters;
mod copies;
mod handover;
mod organisation;
mod retain;
mod terraform;

use irsa_tests::{
    admin,
    world::{ACCOUNT, REGION, World},
};
use serde_json::{Value, json};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const BINDING: (&str, &str, &str) = ("iamrolebinding", "default", "app");

async fn iam(world: &World) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap())
}

async fn s3(world: &World) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap())
}

async fn apply(world: &World, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), list.to_string()).unwrap();
    world.cluster.apply_file(file.path(), false).await.unwrap();
}

async fn patch(world: &World, (kind, namespace, name): (&str, &str, &str), change: &Value) {
    let change = change.to_string();
    let arguments = ["patch", kind, name, "-n", namespace, "--type", "merge", "-p", &change];
    world.kubectl(&arguments).await.unwrap();
}

/// The operator's policy with one more statement, as docs/iam-policy.md has it.
fn allow(world: &World, actions: &[&str], resource: &str) {
    let mut policy: Value = serde_json::from_str(&irsa_tests::world::operator_policy().unwrap()).unwrap();
    let more = json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    policy["Statement"].as_array_mut().unwrap().push(more);
    let account = world.aws.account(ACCOUNT);
    account.create_user("irsa-anywhere", &policy.to_string()).unwrap();
}

fn account_app() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "default"}})
}

fn binding(spec: &Value) -> Value {
    let mut binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "default"}, "spec": {"serviceAccounts": [{"name": "app"}]},
    });
    for (field, value) in spec.as_object().unwrap() {
        binding["spec"][field] = value.clone();
    }
    binding
}

fn federation(issuer: &str, spec: &Value) -> Value {
    let mut federation = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": issuer,
            "publish": {"s3": {"bucket": "acme-irsa", "region": REGION}},
            "bindings": {"allowedNamespaces": {"from": "All"}, "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"]},
        },
    });
    for (field, value) in spec.as_object().unwrap() {
        federation["spec"][field] = value.clone();
    }
    federation
}
