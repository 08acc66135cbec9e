//! A Kubernetes API with ConfigMaps and events, and API servers that serve keys.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::super::servers::{Answer, ApiServers, Reading, ServerError, ServerView};

#[derive(Debug, Default)]
struct World {
    config_maps: BTreeMap<String, Value>,
    writes: Vec<String>,
    events: Vec<(String, String)>,
    version: u64,
    servers: Vec<Result<ServerView, ServerError>>,
    bindings: Vec<Value>,
}

/// One cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeCluster {
    world: Arc<Mutex<World>>,
}

/// A server's answer: signs as `issuer` with these keys.
#[allow(
    clippy::unnecessary_wraps,
    reason = "one of several servers, of which others may fail"
)]
pub(super) fn server(issuer: &str, keys: &[Value]) -> Result<ServerView, ServerError> {
    Ok(ServerView {
        issuer: issuer.to_owned(),
        jwks: json!({ "keys": keys }).to_string().into_bytes(),
    })
}

/// A P-256 key; any 32-byte coordinates will do here.
pub(super) fn key(kid: &str) -> Value {
    let seed = kid.bytes().map(|byte| char::from(b'a' + byte % 26));
    let modulus: String = seed.chain(std::iter::repeat('x')).take(341).chain(['A']).collect();
    json!({"use": "sig", "kty": "RSA", "alg": "RS256", "kid": kid, "n": modulus, "e": "AQAB"})
}

impl FakeCluster {
    pub(super) fn client(&self) -> Client {
        let world = Arc::clone(&self.world);
        let service = tower::service_fn(move |request: Request<Body>| {
            let world = Arc::clone(&world);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let (status, answer) = world.lock().unwrap().answer(&parts.method, parts.uri.path(), &body);
                let response = Response::builder().status(status);
                Ok::<_, Infallible>(response.body(Body::from(answer.to_string().into_bytes())).unwrap())
            }
        });
        Client::new(service, "irsa")
    }

    /// From now on the API servers answer this.
    pub(super) fn serve(&self, servers: Vec<Result<ServerView, ServerError>>) {
        self.world.lock().unwrap().servers = servers;
    }

    pub(super) fn record(&self) -> Option<Value> {
        let world = self.world.lock().unwrap();
        let record = world.config_maps.get("irsa-anywhere-keys-default")?;
        serde_json::from_str(record["data"]["keys.json"].as_str()?).ok()
    }

    /// Somebody changes the record, or removes it.
    pub(super) fn change_record(&self, change: impl FnOnce(&mut Option<Value>)) {
        let mut record = self.record();
        change(&mut record);
        let mut world = self.world.lock().unwrap();
        let name = "irsa-anywhere-keys-default";
        match record {
            Some(record) => world.config_maps.get_mut(name).unwrap()["data"]["keys.json"] = json!(record.to_string()),
            None => drop(world.config_maps.remove(name)),
        }
    }

    /// The bindings that the API server lists, whether the watch has shown them yet or not.
    pub(super) fn list_bindings(&self, bindings: Vec<Value>) {
        self.world.lock().unwrap().bindings = bindings;
    }

    /// The writes of ConfigMaps since the last time.
    pub(super) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().writes)
    }

    /// Reason and note of the events since the last time.
    pub(super) fn take_events(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.world.lock().unwrap().events)
    }
}

impl ApiServers for FakeCluster {
    async fn read(&self) -> Reading {
        let servers = self.world.lock().unwrap().servers.clone();
        let answers = servers.into_iter().enumerate().map(|(number, view)| Answer {
            server: format!("server-{number}"),
            view,
        });
        Reading {
            answers: answers.collect(),
            complete: true,
        }
    }
}

impl World {
    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> (StatusCode, Value) {
        if path.starts_with("/apis/events.k8s.io/") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            self.events.push((text(&body["reason"]), text(&body["note"])));
            return (StatusCode::CREATED, body.clone());
        }
        if path == "/apis/irsa-anywhere.dev/v1alpha1/iamrolebindings" {
            let list = json!({"kind": "IamRoleBindingList", "apiVersion": "irsa-anywhere.dev/v1alpha1", "metadata": {},
                              "items": self.bindings});
            return (StatusCode::OK, list);
        }
        let name = path.strip_prefix("/api/v1/namespaces/irsa/configmaps").unwrap();
        let name = name.trim_start_matches('/').to_owned();
        match *method {
            Method::GET => match self.config_maps.get(&name) {
                Some(found) => (StatusCode::OK, found.clone()),
                None => failure(StatusCode::NOT_FOUND, "NotFound"),
            },
            Method::DELETE => {
                self.writes.push(format!("DELETE {name}"));
                self.config_maps.remove(&name);
                (
                    StatusCode::OK,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
                )
            }
            _ => self.write(method, body),
        }
    }

    fn write(&mut self, method: &Method, body: &Value) -> (StatusCode, Value) {
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        self.writes.push(format!("{method} {name}"));
        let present = self
            .config_maps
            .get(&name)
            .map(|found| &found["metadata"]["resourceVersion"]);
        if (*method == Method::POST && present.is_some())
            || present.is_some_and(|version| *version != body["metadata"]["resourceVersion"])
        {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        self.version += 1;
        let mut stored = body.clone();
        stored["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.config_maps.insert(name, stored.clone());
        (StatusCode::OK, stored)
    }
}

fn failure(status: StatusCode, reason: &str) -> (StatusCode, Value) {
    let code = status.as_u16();
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code});
    (status, body)
}
