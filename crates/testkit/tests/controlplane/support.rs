use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use irsa_testkit::controlplane::{ApiServer, ControlPlane};
use serde_json::{Value, json};

/// The key ids in the order in which one API server serves them.
pub(crate) async fn served_key_ids(server: &ApiServer) -> Vec<String> {
    let reply = server.client().get("/openid/v1/jwks").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.message());
    let keys = reply.body["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Header and claims of a token, not verified.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let part = |index: usize| {
        let text = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

/// Whether this API server takes the token for its own audience.
pub(crate) async fn accepts(server: &ApiServer, token: &str) -> bool {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    });
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let reply = server.client().post(path, &review).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    reply
        .body
        .pointer("/status/authenticated")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// A token of `default/default` for the API server's own audience.
pub(crate) async fn api_token(plane: &ControlPlane) -> String {
    plane.token("default", "default", plane.issuer(), 3600).await.unwrap()
}

/// Whether a process with this pid runs; a zombie that nobody has collected does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")) else {
        return false;
    };
    !stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .trim_start()
        .starts_with('Z')
}
