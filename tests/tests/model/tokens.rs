//! Tokens as an API server with `config/verify` grants them to the operator, signed with the key that is served.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock},
};

use irsa_testkit::controlplane::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wishes::{AUDIENCES, HOST, OPERATOR_NAMESPACE};

/// The ServiceAccount that nothing binds.
pub(crate) const CANARY: &str = "irsa-anywhere-canary";

pub(crate) fn canary() -> Value {
    let labels = json!({"irsa-anywhere.dev/verify": "canary"});
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": CANARY, "namespace": OPERATOR_NAMESPACE, "labels": labels},
    })
}

/// Does this with the key of this id, which is made when it is first needed.
fn with_key<R>(kid: &str, act: impl FnOnce(&SigningKey) -> R) -> R {
    static KEYS: OnceLock<Mutex<HashMap<String, SigningKey>>> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Mutex::default).lock().unwrap();
    let key = keys
        .entry(kid.to_owned())
        .or_insert_with(|| SigningKey::generate_ec_p256().unwrap());
    act(key)
}

/// The public half, under this id.
pub(crate) fn public(kid: &str) -> Value {
    let mut jwk = with_key(kid, |key| key.jwk().unwrap());
    jwk["kid"] = json!(kid);
    jwk
}

/// The answer to a `TokenRequest` for this ServiceAccount.
pub(crate) fn answer(account: Option<&Value>, request: &Value, kid: &str, now: Timestamp) -> (u16, Value) {
    let Some(account) = account else {
        return refused(404, "serviceaccounts \"x\" not found");
    };
    let audiences: Vec<&str> = request["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let labels = &account["metadata"]["labels"];
    let is_labelled = ["inject", "verify"]
        .iter()
        .any(|label| labels.get(format!("irsa-anywhere.dev/{label}")).is_some());
    let one_of_awss = audiences.len() == 1 && AUDIENCES.contains(&audiences[0]);
    if !one_of_awss || request["spec"]["expirationSeconds"] != 600 || !is_labelled {
        return refused(
            422,
            "serviceaccounts \"x\" is forbidden: ValidatingAdmissionPolicy 'irsa-anywhere-tokens' with binding 'b' denied request: no",
        );
    }
    let metadata = &account["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let issued = now.as_second();
    let claims = json!({
        "iss": format!("https://{HOST}"), "aud": audiences, "iat": issued, "nbf": issued, "exp": issued + 600, "jti": "j",
        "sub": format!("system:serviceaccount:{}:{}", text("namespace"), text("name")),
    });
    let token = with_key(kid, |key| {
        key.sign_jwt(&json!({"alg": "ES256", "kid": kid}), &claims).unwrap()
    });
    (
        201,
        json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": {"token": token}}),
    )
}

fn refused(code: u16, message: &str) -> (u16, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": code, "message": message,
    });
    (code, body)
}
