//! A Kubernetes API that answers everything alike, and the requests that it got.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::driver::Driver;
use crate::{events::Events, leadership::OnlyReplica, metrics::Metrics};

#[derive(Clone)]
pub(super) struct Recorder {
    code: u16,
    answer: Value,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

/// A `meta/v1` Status that says no.
pub(super) fn refused(code: u16, message: &str) -> Value {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "Invalid",
    };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code})
}

impl Recorder {
    pub(super) fn answering(code: u16, answer: Value) -> Self {
        Self {
            code,
            answer,
            requests: Arc::default(),
        }
    }

    /// A driver that writes to it.
    pub(super) fn driver(&self) -> Driver<OnlyReplica> {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let what = format!("{} {}", parts.method, parts.uri.path());
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                this.requests.lock().unwrap().push((what, body));
                let answer = Body::from(this.answer.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(this.code).body(answer).unwrap())
            }
        });
        let client = Client::new(service, "irsa");
        let events = Events::new(client.clone(), "test", None);
        Driver::new(
            client,
            Arc::new(OnlyReplica),
            Metrics::default(),
            events,
            Timestamp::now(),
        )
    }

    /// Method, path and body of the requests since the last time.
    pub(super) fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}
