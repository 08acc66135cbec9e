//! Signing keys over a cluster's life: every token that the cluster issued is accepted until it expires, and none that it
//! did not issue ever is. Slow, because a control plane restarts many times: `make rotation`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod issuer;
mod leaked;
mod live;
mod records;
mod servers;
mod tampering;
mod witness;

use irsa_testkit::controlplane::{ApiServer, SigningKey};
use irsa_tests::{
    tokens::Token,
    world::{World, http_get},
};
use serde_json::{Value, json};

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
const AUDIENCE: &str = "sts.amazonaws.com";
/// STS's code for a token whose key is not published, or whose signature is wrong.
const REFUSED: &str = "InvalidIdentityToken";

fn rsa() -> SigningKey {
    SigningKey::generate_rsa().unwrap()
}

/// A token of the bound ServiceAccount as this API server issues it.
async fn token_of(server: &ApiServer) -> String {
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600},
    });
    let path = "/api/v1/namespaces/default/serviceaccounts/app/token";
    let answer = server.client().post(path, &request).await.unwrap();
    assert!(answer.is_success(), "{}", answer.message());
    answer.body["status"]["token"].as_str().unwrap().to_owned()
}

/// A token with the words of a real one, signed with a key that no API server has, under this `kid`.
fn forged(real: &str, key: &SigningKey, kid: &str) -> String {
    let mut token = Token::parse(real).unwrap();
    token.header["kid"] = json!(kid);
    token.header["alg"] = json!(key.algorithm());
    token.signed_by(key).unwrap()
}

async fn federation(world: &World) -> Value {
    world
        .get(FEDERATION.0, FEDERATION.1, FEDERATION.2)
        .await
        .unwrap()
        .unwrap()
}

/// The state of the key with this `kid`.
fn state_of(federation: &Value, key: &SigningKey) -> Option<String> {
    let keys = federation["status"]["keys"].as_array()?;
    let entry = keys.iter().find(|entry| entry["kid"] == json!(key.key_id()))?;
    Some(entry["state"].as_str()?.to_owned())
}

/// Waits until the operator sees the key so.
async fn wait_for_state(world: &World, key: &SigningKey, state: &str) {
    let so = |federation: &Value| state_of(federation, key).as_deref() == Some(state);
    world
        .wait_for(&format!("{} to be {state}", key.key_id()), FEDERATION, so)
        .await
        .unwrap();
}

/// Looks at the API servers now rather than within the minute.
async fn look(world: &World, why: &str) {
    world.request_pass(&[FEDERATION], why).await.unwrap();
}

/// How often an event with this reason was told of.
async fn events(world: &World, reason: &str) -> usize {
    let field = format!("reason={reason}");
    let names = world
        .kubectl(&["get", "events", "-A", "--field-selector", &field, "-o", "name"])
        .await
        .unwrap();
    names.lines().count()
}

/// A counter of the operator, by the start of its line.
fn metric(world: &World, line: &str) -> Option<f64> {
    let (_, text) = http_get(world.operator().unwrap().probes(), "/metrics").unwrap();
    let found = text.lines().find_map(|found| found.strip_prefix(line))?;
    found.trim().parse().ok()
}
