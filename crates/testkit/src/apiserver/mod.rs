//! A Kubernetes API in memory, for tests in virtual time that need thousands of worlds: lists, watches, status,
//! finalizers, field managers. Nothing that is called end to end stands on it; that has a real API server
//! ([`crate::controlplane`]).
//!
//! It knows no kind: what is under a path is an object. There is no schema, so nothing is defaulted, pruned or validated,
//! no authorization, and of server-side apply only annotations and labels. Facts about the real one are from the
//! Kubernetes API concepts page unless said otherwise.

#![allow(
    clippy::indexing_slicing,
    reason = "of JSON objects, where a member that is missing reads as null"
)]

mod apply;
mod path;
mod refusal;
mod store;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    path::{ObjectPath, Target},
    refusal::StatusError,
    store::Store,
};
pub use self::{store::Write, watch::AnswerBody};

/// The API server. Clones are the same one.
#[derive(Debug, Clone)]
pub struct MemoryApiServer {
    store: Arc<Mutex<Store>>,
}

impl MemoryApiServer {
    /// An empty one. `now` says what time it is.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store::new(now))),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New objects of this collection (`apis/example.dev/v1/things`) have this status.
    pub fn default_status(&self, collection: &str, status: Value) {
        self.store().statuses.insert(collection.to_owned(), status);
    }

    /// Answers one request of a client. The answer to a watch goes on until it is dropped.
    pub fn answer(&self, request: &Request<Bytes>) -> Response<AnswerBody> {
        let path = request.uri().path().trim_start_matches('/');
        let query = request.uri().query().unwrap_or_default();
        let mut store = self.store();
        let Some(address) = ObjectPath::parse(path) else {
            return reply(Err(StatusError::not_found(path)));
        };
        if request.method() != Method::GET {
            let answer = write(&mut store, &address, request, query);
            store.writes.push(Write {
                method: request.method().clone(),
                path: path.to_owned(),
                accepted: answer.is_ok(),
            });
            return reply(answer);
        }
        match &address.target {
            Target::Object { name, .. } => reply(store.read(&address.key(name)).map(|object| (StatusCode::OK, object))),
            Target::Collection if parameter(query, "watch").is_some() => {
                let since = parameter(query, "resourceVersion").and_then(|version| version.parse().ok());
                Response::builder()
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(store.watch(&address, since.unwrap_or_default()))
                    .unwrap_or_default()
            }
            Target::Collection => {
                let list = json!({
                    "kind": "List", "apiVersion": address.api_version(),
                    "metadata": {"resourceVersion": store.version().to_string()},
                    "items": store.list(&address),
                });
                reply(Ok((StatusCode::OK, list)))
            }
        }
    }

    /// Somebody's `kubectl apply`: makes the object at this path, or gives it this spec and what else the object has beside
    /// its metadata and status; annotations and labels are added. Returns what is there now.
    ///
    /// # Panics
    /// When the path is none.
    #[allow(clippy::panic, reason = "a test with a wrong path")]
    pub fn put(&self, path: &str, object: Value) -> Value {
        match self.store().put(&located(path), object) {
            Ok(object) => object,
            Err(refusal) => panic!("{path}: {refusal:?}"),
        }
    }

    /// What is at this path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.store().read(&located(path)).ok()
    }

    /// All objects of a collection, of all namespaces when the path has none.
    pub fn list(&self, path: &str) -> Vec<Value> {
        ObjectPath::parse(path).map_or_else(Vec::new, |address| self.store().list(&address))
    }

    /// Somebody deletes what is at this path, if there is anything: finalizers hold it up.
    pub fn delete(&self, path: &str) {
        // There may be nothing.
        let _ = self.store().delete(&located(path), &Value::Null);
    }

    /// Another field manager sets an annotation, by force; `None` removes it.
    pub fn annotate(&self, path: &str, manager: &str, key: &str, value: Option<&str>) {
        // There may be nothing.
        let _ = self.store().update(&located(path), |object| {
            apply::annotate(object, manager, key, value);
            Ok(())
        });
    }

    /// The requests of clients that would change something, since the last time.
    pub fn take_writes(&self) -> Vec<Write> {
        std::mem::take(&mut self.store().writes)
    }

    /// Ends all watches, as a server that restarts does.
    pub fn end_watches(&self) {
        self.store().end_watches();
    }
}

#[allow(clippy::panic, reason = "a test with a wrong path")]
fn located(path: &str) -> path::Key {
    let address = ObjectPath::parse(path.trim_start_matches('/'));
    match address.as_ref().map(|address| (address, &address.target)) {
        Some((address, Target::Object { name, .. })) => address.key(name),
        _ => panic!("{path} is no object's path"),
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name && value != "false").then_some(value))
}

fn write(store: &mut Store, address: &ObjectPath, request: &Request<Bytes>, query: &str) -> refusal::ApiAnswer {
    let body = if request.body().is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(request.body()).map_err(|error| StatusError::bad(&error.to_string()))?
    };
    let Target::Object { name, status } = &address.target else {
        let created = store.create(address, body)?;
        return Ok((StatusCode::CREATED, created));
    };
    let key = address.key(name);
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let answer = match (request.method(), kind) {
        (&Method::DELETE, _) => store.delete(&key, &body)?,
        (&Method::PUT, _) => store.replace(&key, body)?,
        (&Method::PATCH, "application/merge-patch+json") => store.update(&key, |object| {
            refusal::same_version(object, &body)?;
            apply::merge(object, &body);
            Ok(())
        })?,
        (&Method::PATCH, "application/json-patch+json") if *status => {
            store.update(&key, |object| apply::patch(object, &body))?
        }
        (&Method::PATCH, "application/apply-patch+yaml") => {
            let manager = parameter(query, "fieldManager").unwrap_or_default();
            let force = parameter(query, "force").is_some();
            store.apply(&key, &body, manager, force)?
        }
        _ => return Err(StatusError::bad("this request is not understood here")),
    };
    Ok((StatusCode::OK, answer))
}

fn reply(answer: refusal::ApiAnswer) -> Response<AnswerBody> {
    let (status, body) = answer.unwrap_or_else(StatusError::into_status);
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(AnswerBody::whole(body.to_string()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
