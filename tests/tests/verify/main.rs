//! The proof on a real API server and against an STS that verifies: what it decides, what it must refuse, what it costs, and what keeps
//! the operator's tokens within bounds.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod faults;
mod fence;
mod proof;
mod rights;
mod wide;

use irsa_testkit::aws::{Entry, Mark};
use irsa_tests::{
    admin,
    world::{ACCOUNT, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, REGION, World, objects::condition},
};
use serde_json::{Value, json};

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";
const APP: (&str, &str, &str) = ("iamrolebinding", "default", "app");
const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");

/// Status and reason of the condition `Verified`.
fn verified(binding: &Value) -> (String, String) {
    let verified = condition(binding, "Verified").unwrap_or_else(|| panic!("no condition Verified: {binding:#}"));
    let text = |field: &str| verified[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

fn message(object: &Value, kind: &str) -> String {
    condition(object, kind).unwrap()["message"].as_str().unwrap().to_owned()
}

fn is_verified(binding: &Value) -> bool {
    condition(binding, "Verified").is_some_and(|verified| verified["status"] == "True")
}

fn says(reason: &str) -> impl Fn(&Value) -> bool {
    move |binding| condition(binding, "Verified").is_some_and(|verified| verified["reason"] == reason)
}

/// A binding that makes the ServiceAccount that it binds, which is called as it is.
fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": name}], "serviceAccountMode": "Create"},
    })
}

/// The tokens that were shown to STS, each with what it said: nothing for yes.
fn shown(world: &World, since: Mark) -> Vec<Option<String>> {
    let calls = world.aws.since(since).into_iter();
    calls.filter(is_shown).map(|call| call.error).collect()
}

fn is_shown(call: &Entry) -> bool {
    call.operation == ASSUME
}

/// The tokens that the operator has asked for, dry runs included: `namespace/name`, and the HTTP status.
async fn asked(world: &World) -> Vec<(String, u16)> {
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let calls = world.cluster.audit().await.unwrap().by_user(&user);
    let tokens = calls
        .entries()
        .iter()
        .filter(|call| call.resource == "serviceaccounts" && call.subresource == "token")
        .filter(|call| call.name != OPERATOR_ACCOUNT);
    let told = |call: &irsa_testkit::controlplane::AuditEntry| {
        let dry = if call.uri.contains("dryRun=All") {
            " (dry run)"
        } else {
            ""
        };
        (format!("{}/{}{dry}", call.namespace, call.name), call.code)
    };
    tokens.map(told).collect()
}

async fn iam(world: &World) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap())
}

/// The name of a binding's role.
fn role_of(binding: &Value) -> String {
    binding["status"]["roleName"].as_str().unwrap().to_owned()
}

/// Somebody writes a role's trust policy by hand.
async fn write_trust(world: &World, role: &str, document: &Value) {
    let call = iam(world).await.update_assume_role_policy();
    call.role_name(role)
        .policy_document(document.to_string())
        .send()
        .await
        .unwrap();
}
