//! A Kubernetes API with ServiceAccounts and events, and server-side apply of annotations and labels.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Map, Value, json};

const MANAGER: &str = "irsa-anywhere-serviceaccount";

#[derive(Debug, Default)]
struct World {
    accounts: BTreeMap<String, Value>,
    writes: Vec<String>,
    reads: Vec<String>,
    events: Vec<(String, String, String)>,
    version: u64,
    down: bool,
    /// The ServiceAccount of which reads are never answered.
    hung: Option<&'static str>,
    /// The ServiceAccount that cannot be read.
    hidden: Option<&'static str>,
    /// The ServiceAccount that somebody makes once it was looked for.
    appearing: Option<&'static str>,
    /// What writes of ServiceAccounts are refused with.
    refusal: Option<(u16, &'static str, &'static str)>,
    /// Who may have tokens.
    tokens: Tokens,
    /// The tokens that were asked for, dry runs included.
    asked: Vec<String>,
    /// A label that admission sets on every ServiceAccount.
    admission: Option<(&'static str, &'static str)>,
}

/// What the operator gets when it asks for a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tokens {
    /// RBAC refuses it.
    #[default]
    Forbidden,
    /// A policy refuses those for the API server.
    Guarded,
    /// Nothing refuses anything.
    Unguarded,
    /// As guarded, and there is no canary.
    WithoutCanary,
    /// The API server fails.
    Down,
}

/// The API of one namespace, `ns`.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeKubernetes {
    world: Arc<Mutex<World>>,
}

impl FakeKubernetes {
    pub(super) fn client(&self) -> Client {
        let world = Arc::clone(&self.world);
        let service = tower::service_fn(move |request: Request<Body>| {
            let world = Arc::clone(&world);
            async move {
                let (parts, body) = request.into_parts();
                let hung = world.lock().unwrap().hung;
                let is_of = |name| parts.uri.path().ends_with(&format!("/serviceaccounts/{name}"));
                if parts.method == Method::GET && hung.is_some_and(is_of) {
                    std::future::pending::<()>().await;
                }
                let force = parts.uri.query().is_some_and(|query| query.contains("force=true"));
                let body = body.collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let answer = world
                    .lock()
                    .unwrap()
                    .answer(&parts.method, parts.uri.path(), &body, force);
                Ok::<_, Infallible>(response(answer))
            }
        });
        Client::new(service, "ns")
    }

    /// Somebody makes a ServiceAccount.
    pub(super) fn put_account(&self, name: &str) {
        self.world
            .lock()
            .unwrap()
            .accounts
            .insert(name.to_owned(), made_by_hand(name));
    }

    /// Somebody makes it right after the next look for it.
    pub(super) fn appears_after_a_look(&self, name: &'static str) {
        self.world.lock().unwrap().appearing = Some(name);
    }

    /// Another binding is given a ServiceAccount: it applies another role under our name.
    pub(super) fn rebind(&self, name: &str, role: &str) {
        let mut world = self.world.lock().unwrap();
        world.version += 1;
        let version = world.version.to_string();
        let metadata = &mut world.accounts.get_mut(name).unwrap()["metadata"];
        metadata["annotations"]["eks.amazonaws.com/role-arn"] = json!(role);
        metadata["resourceVersion"] = json!(version);
    }

    /// From now on tokens are had like this.
    pub(super) fn grant(&self, tokens: Tokens) {
        self.world.lock().unwrap().tokens = tokens;
    }

    /// The tokens that were asked for since the last time, as `namespace/name audience`; without an audience it is a dry run.
    pub(super) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().asked)
    }

    /// From now on reads of this one are never answered.
    pub(super) fn hang_reads_of(&self, name: &'static str) {
        self.world.lock().unwrap().hung = Some(name);
    }

    /// From now on this one cannot be read.
    pub(super) fn hide(&self, name: Option<&'static str>) {
        self.world.lock().unwrap().hidden = name;
    }

    /// The ServiceAccounts that were looked for since the last time.
    pub(super) fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().reads)
    }

    /// From now on requests about ServiceAccounts fail, or no more.
    pub(super) fn set_down(&self, down: bool) {
        self.world.lock().unwrap().down = down;
    }

    /// From now on writes of ServiceAccounts are refused with this code, reason and message.
    pub(super) fn refuse(&self, refusal: Option<(u16, &'static str, &'static str)>) {
        self.world.lock().unwrap().refusal = refusal;
    }

    /// From now on a webhook of the cluster sets this label on every ServiceAccount that is written.
    pub(super) fn mutate(&self, key: &'static str, value: &'static str) {
        self.world.lock().unwrap().admission = Some((key, value));
    }

    /// Somebody else sets an annotation, as its owner.
    pub(super) fn annotate(&self, name: &str, manager: &str, key: &str, value: &str) {
        let mut world = self.world.lock().unwrap();
        let account = world.accounts.get_mut(name).unwrap();
        account["metadata"]["annotations"][key] = json!(value);
        let fields = json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}});
        let entry = json!({"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields});
        match account["metadata"]["managedFields"].as_array_mut() {
            Some(entries) => {
                // Who changes a value takes it over.
                for other in entries.iter_mut() {
                    if let Some(owned) = other["fieldsV1"]["f:metadata"]["f:annotations"].as_object_mut() {
                        owned.remove(&format!("f:{key}"));
                    }
                }
                entries.push(entry);
            }
            None => account["metadata"]["managedFields"] = json!([entry]),
        }
    }

    /// Our manager owns nothing of it any more, as when another applies all of it by force.
    pub(super) fn disown(&self, name: &str) {
        let mut world = self.world.lock().unwrap();
        let account = world.accounts.get_mut(name).unwrap();
        if let Some(entries) = account["metadata"]["managedFields"].as_array_mut() {
            entries.retain(|entry| entry["manager"] != MANAGER);
        }
    }

    pub(super) fn account(&self, name: &str) -> Option<Value> {
        self.world.lock().unwrap().accounts.get(name).cloned()
    }

    /// The writes of ServiceAccounts since the last time.
    pub(super) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().writes)
    }

    /// Reason, kind of object and note of the events since the last time.
    pub(super) fn take_events(&self) -> Vec<(String, String, String)> {
        std::mem::take(&mut self.world.lock().unwrap().events)
    }
}

fn made_by_hand(name: &str) -> Value {
    let uid = format!("uid-{name}");
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": "1"},
    })
}

fn response((status, body): (StatusCode, Value)) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap()
}

fn failure(status: StatusCode, reason: &str) -> (StatusCode, Value) {
    let code = status.as_u16();
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code});
    (status, body)
}

impl World {
    fn answer(&mut self, method: &Method, path: &str, body: &Value, force: bool) -> (StatusCode, Value) {
        if path.starts_with("/apis/events.k8s.io/") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            self.events.push((
                text(&body["reason"]),
                text(&body["regarding"]["kind"]),
                text(&body["note"]),
            ));
            return (StatusCode::CREATED, body.clone());
        }
        if let Some(account) = path.strip_suffix("/token") {
            return self.token(account, body);
        }
        if path == "/api/v1/namespaces/irsa-anywhere-system/serviceaccounts" {
            let labels = json!({"irsa-anywhere.dev/verify": "canary"});
            let canary = json!({"metadata": {"name": "irsa-anywhere-canary", "labels": labels}});
            let items = if self.tokens == Tokens::WithoutCanary {
                vec![]
            } else {
                vec![canary]
            };
            let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items});
            return (StatusCode::OK, list);
        }
        let Some(name) = path.strip_prefix("/api/v1/namespaces/ns/serviceaccounts/") else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        if self.down {
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
        }
        if *method == Method::GET {
            self.reads.push(name.to_owned());
            if self.hidden == Some(name) {
                return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
            }
            let found = self.accounts.get(name).cloned();
            if self.appearing.take_if(|appearing| *appearing == name).is_some() {
                self.accounts.insert(name.to_owned(), made_by_hand(name));
            }
            return found.map_or_else(
                || failure(StatusCode::NOT_FOUND, "NotFound"),
                |found| (StatusCode::OK, found),
            );
        }
        if let Some((code, reason, message)) = self.refusal {
            let (status, mut body) = failure(StatusCode::from_u16(code).unwrap(), reason);
            body["message"] = json!(message);
            return (status, body);
        }
        self.writes.push(format!("{method} {name}"));
        if *method == Method::DELETE {
            self.delete(name, body)
        } else {
            // Only a merge patch says what is to be removed.
            let merges = body.get("apiVersion").is_none();
            let change = if merges { Self::merge } else { Self::apply };
            let before = self.accounts.get(name).cloned();
            let answer = change(self, name, &body["metadata"], force);
            if let (StatusCode::OK, Some((key, value))) = (answer.0, self.admission) {
                self.admit(name, before, (key, value));
            }
            if answer.0 == StatusCode::OK && !merges {
                return (
                    StatusCode::OK,
                    self.automount(name, &body["automountServiceAccountToken"]),
                );
            }
            answer
        }
    }

    fn token(&mut self, account: &str, request: &Value) -> (StatusCode, Value) {
        let account = account
            .replace("/api/v1/namespaces/", "")
            .replace("/serviceaccounts/", "/");
        let audience = request["spec"]["audiences"][0].as_str();
        self.asked
            .push(audience.map_or_else(|| account.clone(), |audience| format!("{account} {audience}")));
        let (namespace, name) = account.split_once('/').unwrap();
        let is_canary = namespace == "irsa-anywhere-system";
        let exists = is_canary || self.accounts.contains_key(name);
        let forbidden = |message: &str| {
            let (status, mut body) = failure(StatusCode::FORBIDDEN, "Forbidden");
            body["message"] = json!(format!("serviceaccounts \"{name}\" is forbidden: {message}"));
            (status, body)
        };
        match self.tokens {
            Tokens::Forbidden => {
                forbidden("User \"operator\" cannot create resource \"serviceaccounts/token\" in API group \"\"")
            }
            Tokens::Down => failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            Tokens::WithoutCanary if is_canary => failure(StatusCode::NOT_FOUND, "NotFound"),
            _ if !exists => failure(StatusCode::NOT_FOUND, "NotFound"),
            Tokens::Guarded | Tokens::WithoutCanary if audience.is_none() => forbidden(
                "ValidatingAdmissionPolicy 'irsa-anywhere-tokens' with binding 'b' denied request: one audience",
            ),
            _ => {
                let token = format!("{account} {}", audience.unwrap_or("https://kubernetes"));
                (StatusCode::CREATED, json!({"status": {"token": token}}))
            }
        }
    }

    /// What a webhook makes of a ServiceAccount. What is then as it was before is not stored.
    fn admit(&mut self, name: &str, before: Option<Value>, (key, value): (&str, &str)) {
        let Some(account) = self.accounts.get_mut(name) else {
            return;
        };
        account["metadata"]["labels"][key] = json!(value);
        let Some(before) = before else { return };
        let mut same = account.clone();
        same["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if same == before {
            *account = before;
        }
    }

    /// The only field beside the metadata that is ever applied; here it is nobody else's.
    fn automount(&mut self, name: &str, validated: &Value) -> Value {
        let Some(account) = self.accounts.get_mut(name) else {
            return Value::Null;
        };
        if let Some(members) = account.as_object_mut() {
            members.remove("automountServiceAccountToken");
            if !validated.is_null() {
                members.insert("automountServiceAccountToken".to_owned(), validated.clone());
            }
        }
        let entries = account["metadata"]["managedFields"]
            .as_array_mut()
            .into_iter()
            .flatten();
        for entry in entries.filter(|entry| entry["manager"] == MANAGER && !validated.is_null()) {
            entry["fieldsV1"]["f:automountServiceAccountToken"] = json!({});
        }
        account.clone()
    }

    fn delete(&mut self, name: &str, body: &Value) -> (StatusCode, Value) {
        let Some(found) = self.accounts.get(name).cloned() else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        for field in ["uid", "resourceVersion"] {
            if body["preconditions"][field] != found["metadata"][field] {
                return failure(StatusCode::CONFLICT, "Conflict");
            }
        }
        self.accounts.remove(name);
        (StatusCode::OK, found)
    }

    /// Removes what is null, whoever owns it.
    fn merge(&mut self, name: &str, changes: &Value, _: bool) -> (StatusCode, Value) {
        let Some(account) = self.accounts.get_mut(name) else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        let metadata = &mut account["metadata"];
        if changes["uid"] != metadata["uid"] || changes["resourceVersion"] != metadata["resourceVersion"] {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        for section in ["annotations", "labels"] {
            let gone = changes[section].as_object().cloned().unwrap_or_default();
            if let Some(present) = metadata[section].as_object_mut() {
                present.retain(|key, _| !gone.contains_key(key));
            }
        }
        (StatusCode::OK, account.clone())
    }

    fn apply(&mut self, name: &str, validated: &Value, force: bool) -> (StatusCode, Value) {
        self.version += 1;
        let version = self.version.to_string();
        let account = match self.accounts.get_mut(name) {
            None if validated.get("uid").is_some() => return failure(StatusCode::CONFLICT, "Conflict"),
            None => self.accounts.entry(name.to_owned()).or_insert_with(
                || json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "uid": "made"}}),
            ),
            Some(account) if validated["uid"] != account["metadata"]["uid"] => {
                return failure(StatusCode::CONFLICT, "Conflict");
            }
            Some(account) => account,
        };
        let metadata = &mut account["metadata"];
        if validated
            .get("resourceVersion")
            .is_some_and(|version| *version != metadata["resourceVersion"])
        {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        if !force && is_held(metadata, validated) {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        let mut fields = Map::new();
        for section in ["annotations", "labels"] {
            let owned = owned_before(metadata, section);
            let mut present = metadata[section].as_object().cloned().unwrap_or_default();
            present.retain(|key, _| !owned.contains(key));
            let validated = validated[section].as_object().cloned().unwrap_or_default();
            let keys: Map<String, Value> = validated.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
            present.extend(validated);
            metadata[section] = Value::Object(present);
            fields.insert(format!("f:{section}"), Value::Object(keys));
        }
        metadata["resourceVersion"] = json!(version);
        let mut entries = metadata["managedFields"].as_array().cloned().unwrap_or_default();
        entries.retain(|entry| entry["manager"] != MANAGER);
        for entry in entries.iter_mut().filter(|_| force) {
            if let Some(theirs) = entry["fieldsV1"]["f:metadata"]["f:annotations"].as_object_mut() {
                let ours = &fields["f:annotations"];
                theirs.retain(|key, _| ours.get(key).is_none());
            }
        }
        let owns = json!({"f:metadata": fields});
        entries.push(json!({"manager": MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": owns}));
        metadata["managedFields"] = Value::Array(entries);
        (StatusCode::OK, account.clone())
    }
}

/// Whether another manager owns an annotation whose value would change.
fn is_held(metadata: &Value, validated: &Value) -> bool {
    let entries = metadata["managedFields"].as_array().into_iter().flatten();
    let others: Vec<&Value> = entries.filter(|entry| entry["manager"] != MANAGER).collect();
    let validated = validated["annotations"].as_object().into_iter().flatten();
    let mut changed = validated.filter(|(key, value)| metadata["annotations"][key.as_str()] != **value);
    changed.any(|(key, _)| {
        let field = format!("f:{key}");
        others
            .iter()
            .any(|entry| !entry["fieldsV1"]["f:metadata"]["f:annotations"][&field].is_null())
    })
}

fn owned_before(metadata: &Value, section: &str) -> Vec<String> {
    let entries = metadata["managedFields"].as_array().into_iter().flatten();
    let ours = entries.filter(|entry| entry["manager"] == MANAGER);
    ours.flat_map(|entry| {
        let keys = entry["fieldsV1"]["f:metadata"][format!("f:{section}")]
            .as_object()
            .cloned()
            .unwrap_or_default();
        keys.into_iter()
            .filter_map(|(key, _)| key.strip_prefix("f:").map(str::to_owned))
            .collect::<Vec<_>>()
    })
    .collect()
}
