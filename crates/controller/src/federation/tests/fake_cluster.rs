//! A Kubernetes API with ConfigMaps and events, and API servers that serve keys.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use irsa_api::OidcFederation;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use irsa_pipeline::federation::observe::api_servers::{
    Answer, ApiServers, OwnAudiences, Reading, ServerError, ServerView, Shortfall,
};

#[derive(Debug, Default)]
struct World {
    config_maps: BTreeMap<String, Value>,
    writes: Vec<String>,
    events: Vec<(String, String)>,
    version: u64,
    servers: Vec<Result<ServerView, ServerError>>,
    bindings: Vec<Value>,
    shortfall: Option<Shortfall>,
    own_audiences: Option<Vec<OwnAudiences>>,
    /// What is answered about a kind of admission, if not the shipped policy and binding.
    admission: BTreeMap<String, (u16, Vec<Value>)>,
    /// How often the API servers' audiences and the kinds of admission were asked for.
    looks: usize,
    /// What every request about a ConfigMap is refused with.
    refusal: Option<(u16, &'static str)>,
    /// What every write of a ConfigMap is refused with.
    write_refusal: Option<(u16, &'static str)>,
    /// The one federation that can be patched.
    federation: Option<Value>,
    /// What a request about the API servers' addresses is answered with.
    slices: Option<u16>,
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

    /// Only some of the API servers are asked, for this.
    pub(super) fn fall_short(&self, why: Shortfall) {
        self.world.lock().unwrap().shortfall = Some(why);
    }

    /// The API servers' own audiences; each has only its issuer without this.
    pub(super) fn serve_audiences(&self, answers: Vec<OwnAudiences>) {
        self.world.lock().unwrap().own_audiences = Some(answers);
    }

    /// From now on a kind of admission is answered like this.
    pub(super) fn serve_admission(&self, kind: &str, status: u16, items: Vec<Value>) {
        let mut world = self.world.lock().unwrap();
        world.admission.insert(kind.to_owned(), (status, items));
    }

    /// How often it was looked around since the last time.
    pub(super) fn take_looks(&self) -> usize {
        std::mem::take(&mut self.world.lock().unwrap().looks)
    }

    /// The bindings that the API server lists, whether the watch has shown them yet or not.
    pub(super) fn list_bindings(&self, bindings: Vec<Value>) {
        self.world.lock().unwrap().bindings = bindings;
    }

    /// The writes of ConfigMaps since the last time.
    pub(super) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().writes)
    }

    /// From now on every request about a ConfigMap is refused with this code and message.
    pub(super) fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        self.world.lock().unwrap().refusal = refusal;
    }

    /// From now on every write of a ConfigMap is refused with this code and message.
    pub(super) fn refuse_writes(&self, refusal: Option<(u16, &'static str)>) {
        self.world.lock().unwrap().write_refusal = refusal;
    }

    /// From now on the API servers' addresses are refused with this code.
    pub(super) fn fail_slices(&self, status: u16) {
        self.world.lock().unwrap().slices = Some(status);
    }

    /// From now on the API server has this federation.
    pub(super) fn hold(&self, federation: &OidcFederation) {
        self.world.lock().unwrap().federation = Some(serde_json::to_value(federation).unwrap());
    }

    /// The federation as the API server has it.
    pub(super) fn held(&self) -> OidcFederation {
        let held = self.world.lock().unwrap().federation.clone().unwrap();
        serde_json::from_value(held).unwrap()
    }

    /// Reason and note of the events since the last time.
    pub(super) fn take_events(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.world.lock().unwrap().events)
    }
}

impl ApiServers for FakeCluster {
    async fn read(&self) -> Reading {
        let (servers, shortfall) = {
            let world = self.world.lock().unwrap();
            (world.servers.clone(), world.shortfall.clone())
        };
        let answers = servers.into_iter().enumerate().map(|(number, view)| Answer {
            server: format!("server-{number}"),
            view,
        });
        Reading {
            answers: answers.collect(),
            shortfall,
        }
    }

    async fn audiences(&self) -> Vec<OwnAudiences> {
        let mut world = self.world.lock().unwrap();
        world.looks += 1;
        let separate = || {
            vec![OwnAudiences {
                server: "server-0".to_owned(),
                audiences: Ok(["https://issuer".to_owned()].into()),
            }]
        };
        world.own_audiences.clone().unwrap_or_else(separate)
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
        if path.starts_with("/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/") {
            let federation = self.federation.as_mut().unwrap();
            match body.pointer("/1/value") {
                Some(status) => federation["status"] = status.clone(),
                None => federation["metadata"]["finalizers"] = body["metadata"]["finalizers"].clone(),
            }
            return (StatusCode::OK, federation.clone());
        }
        if let Some(kind) = path.strip_prefix("/apis/admissionregistration.k8s.io/") {
            return self.admission(kind);
        }
        if path.starts_with("/apis/discovery.k8s.io/") {
            let status = self.slices.map(StatusCode::from_u16).unwrap().unwrap();
            let reason = if status == StatusCode::FORBIDDEN {
                "Forbidden"
            } else {
                "Failed"
            };
            return failure(status, reason);
        }
        let write_refusal = self.write_refusal.filter(|_| *method != Method::GET);
        if let Some((code, message)) = self.refusal.or(write_refusal) {
            let (status, mut body) = failure(StatusCode::from_u16(code).unwrap(), "");
            body["message"] = json!(message);
            return (status, body);
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

    fn admission(&self, kind: &str) -> (StatusCode, Value) {
        let as_shipped = match kind {
            "v1/mutatingadmissionpolicies" => vec![json!({"metadata": {"name": "inject"}})],
            "v1/mutatingadmissionpolicybindings" => vec![json!({"metadata": {"name": "inject"}, "spec": {
                "policyName": "inject",
                "paramRef": {"selector": {"matchLabels": {"irsa-anywhere.dev/inject": "true"}}}}})],
            _ => Vec::new(),
        };
        match self.admission.get(kind) {
            Some((200, items)) => (StatusCode::OK, json!({ "items": items })),
            Some((status, _)) => failure(StatusCode::from_u16(*status).unwrap(), "NotServed"),
            None => (StatusCode::OK, json!({ "items": as_shipped })),
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
