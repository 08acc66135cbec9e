//! Requests whose answers are read as text: a client that reads them as objects would log what it cannot read, and it may hold a token.

use std::time::Duration;

use http::{Request, header::CONTENT_TYPE};
use kube::Client;
use serde_json::{Value, json};

/// The shortest lifetime that an API server grants, in seconds.
const SHORTEST_TOKEN: u32 = 600;
/// Longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// The API server refuses, or could not be reached.
    #[error(transparent)]
    Refused(#[from] kube::Error),
    /// No answer in so many seconds.
    #[error("no answer within {0} s")]
    Late(u64),
    /// It is no request.
    #[error(transparent)]
    Unsent(#[from] http::Error),
}

/// What the API server answers to a request with a JSON body.
pub(crate) async fn post(client: &Client, request: http::Result<Request<Value>>) -> Result<String, TextError> {
    let (mut parts, body) = request?.into_parts();
    parts
        .headers
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    let request = Request::from_parts(parts, body.to_string().into_bytes());
    let answer = tokio::time::timeout(PATIENCE, client.request_text(request)).await;
    Ok(answer.map_err(|_| TextError::Late(PATIENCE.as_secs()))??)
}

/// Asks for a token of this ServiceAccount that lives as short as an API server grants; without an audience for the API server itself, and
/// only as a dry run. The answer is the `TokenRequest` as granted.
///
/// kube-apiserver stores nothing of a dry run, but answers it with a token all the same.
pub(crate) async fn request_token(
    client: &Client,
    namespace: &str,
    name: &str,
    audience: Option<&str>,
) -> Result<String, TextError> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let (path, spec) = match audience {
        Some(audience) => (
            path,
            json!({"audiences": [audience], "expirationSeconds": SHORTEST_TOKEN}),
        ),
        None => (path + "?dryRun=All", json!({"expirationSeconds": SHORTEST_TOKEN})),
    };
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    post(client, Request::post(path).body(request)).await
}
