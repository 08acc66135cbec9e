//! An API server with one Lease in memory.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::seconds;

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// Answered.
    #[default]
    Up,
    /// Never answered; nothing happens.
    Hangs,
    /// Refused; nothing happens.
    Fails,
    /// Everything happens, and the answer is lost.
    LosesAnswers,
    /// Everything happens, and the answer takes three seconds.
    Slow,
}

#[derive(Debug, Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    mode: Mode,
    requests: Vec<Method>,
}

/// The API server. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

impl FakeApi {
    pub(super) fn client(&self) -> Client {
        let state = Arc::clone(&self.0);
        let service = tower::service_fn(move |request: Request<Body>| {
            let state = Arc::clone(&state);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let (answer, mode) = {
                    let mut state = state.lock().unwrap();
                    (state.answer(&parts.method, body), state.mode)
                };
                if mode == Mode::Slow {
                    tokio::time::sleep(seconds(3)).await;
                }
                match answer {
                    Some(answer) => Ok::<_, Infallible>(response(answer)),
                    None => std::future::pending().await,
                }
            }
        });
        Client::new(service, "ns")
    }

    pub(super) fn set(&self, mode: Mode) {
        self.0.lock().unwrap().mode = mode;
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        let lease = self.0.lock().unwrap().lease.clone();
        lease.map(|lease| serde_json::from_value(lease).unwrap())
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.lease()?.spec?.holder_identity
    }

    /// Somebody edits the Lease by hand.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut state = self.0.lock().unwrap();
        edit(state.lease.as_mut().unwrap());
        state.store();
    }

    pub(super) fn delete(&self) {
        self.0.lock().unwrap().lease = None;
    }

    /// Requests since the last time.
    pub(super) fn take_requests(&self) -> Vec<Method> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }
}

impl State {
    fn answer(&mut self, method: &Method, body: Value) -> Option<(StatusCode, Value)> {
        self.requests.push(method.clone());
        match self.mode {
            Mode::Up | Mode::Slow => Some(self.serve(method, body)),
            Mode::Hangs => None,
            Mode::Fails => Some(refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")),
            Mode::LosesAnswers => {
                self.serve(method, body);
                None
            }
        }
    }

    fn serve(&mut self, method: &Method, body: Value) -> (StatusCode, Value) {
        let stored = self
            .lease
            .as_ref()
            .map(|lease| lease["metadata"]["resourceVersion"].clone());
        match (method.as_str(), stored) {
            ("GET" | "PUT", None) => return refusal(StatusCode::NOT_FOUND, "NotFound"),
            ("GET", Some(_)) => {}
            ("POST", Some(_)) => return refusal(StatusCode::CONFLICT, "AlreadyExists"),
            ("PUT", Some(version)) if version != body["metadata"]["resourceVersion"] => {
                return refusal(StatusCode::CONFLICT, "Conflict");
            }
            _ => {
                self.lease = Some(body);
                self.store();
            }
        }
        (StatusCode::OK, self.lease.clone().unwrap())
    }

    fn store(&mut self) {
        self.version += 1;
        let lease = self.lease.as_mut().unwrap();
        lease["metadata"]["uid"] = json!("uid");
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }
}

fn refusal(code: StatusCode, reason: &str) -> (StatusCode, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code.as_u16(),
        "reason": reason, "message": reason,
    });
    (code, status)
}

fn response((code, body): (StatusCode, Value)) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = code;
    response
}
