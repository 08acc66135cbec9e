//! Objects, their versions, and who watches them.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{
    apply,
    path::{Key, ObjectPath},
    refusal::{StatusError, same_version},
    watch::AnswerBody,
};

/// A request that would change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: Method,
    /// Without its query.
    pub path: String,
    /// Whether it was accepted.
    pub accepted: bool,
}

/// One change, as watches tell it.
struct Event {
    version: u64,
    key: Key,
    line: Bytes,
}

struct Watcher {
    of: ObjectPath,
    sender: UnboundedSender<Bytes>,
}

/// What the API server knows.
pub(super) struct Store {
    pub(super) statuses: BTreeMap<String, Value>,
    pub(super) writes: Vec<Write>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    objects: BTreeMap<Key, Value>,
    events: Vec<Event>,
    watchers: Vec<Watcher>,
    version: u64,
    made: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("objects", &self.objects.keys())
            .finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            statuses: BTreeMap::new(),
            writes: Vec::new(),
            now: Box::new(now),
            objects: BTreeMap::new(),
            events: Vec::new(),
            watchers: Vec::new(),
            version: 1,
            made: 0,
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn read(&self, key: &Key) -> Result<Value, StatusError> {
        self.objects
            .get(key)
            .cloned()
            .ok_or_else(|| StatusError::not_found(&key.name))
    }

    pub(super) fn list(&self, address: &ObjectPath) -> Vec<Value> {
        let found = self.objects.iter().filter(|(key, _)| address.has(key));
        found.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn watch(&mut self, address: &ObjectPath, since: u64) -> AnswerBody {
        let past: VecDeque<Bytes> = self
            .events
            .iter()
            .filter(|event| event.version > since && address.has(&event.key))
            .map(|event| event.line.clone())
            .collect();
        let (sender, receiver) = unbounded_channel();
        self.watchers.push(Watcher {
            of: address.clone(),
            sender,
        });
        AnswerBody::lines(past, receiver)
    }

    pub(super) fn end_watches(&mut self) {
        self.watchers.clear();
    }

    pub(super) fn create(&mut self, address: &ObjectPath, mut object: Value) -> Result<Value, StatusError> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(StatusError::bad("the object has no name"));
        }
        let key = address.key(&name);
        if self.objects.contains_key(&key) {
            return Err(StatusError::exists(&name));
        }
        // Events are read by nobody here, and would only be kept.
        if key.collection.ends_with("/events") {
            return Ok(object);
        }
        self.made += 1;
        let metadata = &mut object["metadata"];
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(key.namespace);
        }
        metadata["uid"] = json!(format!("00000000-0000-4000-8000-{:012}", self.made));
        metadata["creationTimestamp"] = json!((self.now)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        if object.get("spec").is_some() {
            object["metadata"]["generation"] = json!(1);
        }
        if let Some(status) = self.statuses.get(&key.collection) {
            object["status"] = status.clone();
        }
        Ok(self.keep("ADDED", &key, object))
    }

    pub(super) fn put(&mut self, key: &Key, object: Value) -> Result<Value, StatusError> {
        if !self.objects.contains_key(key) {
            let address = ObjectPath {
                collection: key.collection.clone(),
                namespace: Some(key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
                target: super::path::Target::Collection,
            };
            return self.create(&address, object);
        }
        self.update(key, |present| {
            for section in ["annotations", "labels"] {
                if let Some(added) = object["metadata"].get(section) {
                    apply::merge(&mut present["metadata"][section], added);
                }
            }
            for (field, value) in object.as_object().into_iter().flatten() {
                if !["metadata", "status"].contains(&field.as_str()) {
                    present[field] = value.clone();
                }
            }
            Ok(())
        })
    }

    pub(super) fn replace(&mut self, key: &Key, object: Value) -> Result<Value, StatusError> {
        self.update(key, |present| {
            same_version(present, &object)?;
            let metadata = present["metadata"].clone();
            *present = object;
            for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
                if let Some(value) = metadata.get(field) {
                    present["metadata"][field] = value.clone();
                }
            }
            Ok(())
        })
    }

    pub(super) fn apply(
        &mut self,
        key: &Key,
        wanted: &Value,
        manager: &str,
        force: bool,
    ) -> Result<Value, StatusError> {
        if !self.objects.contains_key(key) {
            if wanted["metadata"].get("uid").is_some() {
                return Err(StatusError::conflict("there is no object of this uid"));
            }
            let mut object = wanted.clone();
            object["metadata"] = json!({"name": key.name});
            let made = self.put(key, object)?;
            drop(made);
        }
        self.update(key, |present| {
            same_version(present, wanted)?;
            apply::apply(present, wanted, manager, force)
        })
    }

    /// An object without finalizers goes at once; one with some is marked.
    pub(super) fn delete(&mut self, key: &Key, options: &Value) -> Result<Value, StatusError> {
        let deleted = json!((self.now)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        self.update(key, |object| {
            same_version(object, &json!({"metadata": options["preconditions"]}))?;
            if object["metadata"].get("deletionTimestamp").is_none() {
                object["metadata"]["deletionTimestamp"] = deleted;
            }
            Ok(())
        })
    }

    /// Changes an object. One that stays the same gets no new version; one on its way out without finalizers is gone.
    pub(super) fn update(
        &mut self,
        key: &Key,
        change: impl FnOnce(&mut Value) -> Result<(), StatusError>,
    ) -> Result<Value, StatusError> {
        let before = self.read(key)?;
        let mut object = before.clone();
        change(&mut object)?;
        if object == before {
            return Ok(object);
        }
        let marked = |object: &Value| object["metadata"].get("deletionTimestamp").is_some();
        if object.get("spec") != before.get("spec") || marked(&object) != marked(&before) {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|finalizers| !finalizers.is_empty());
        if marked(&object) && !held {
            self.objects.remove(key);
            return Ok(self.tell("DELETED", key, object));
        }
        Ok(self.keep("MODIFIED", key, object))
    }

    fn keep(&mut self, what: &str, key: &Key, object: Value) -> Value {
        let object = self.tell(what, key, object);
        self.objects.insert(key.clone(), object.clone());
        object
    }

    fn tell(&mut self, what: &str, key: &Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        // The type comes first, as kube-apiserver writes it (the order of the fields of metav1.WatchEvent).
        let line = Bytes::from(format!("{{\"type\":{},\"object\":{object}}}\n", json!(what)));
        self.watchers
            .retain(|watcher| !watcher.of.has(key) || watcher.sender.send(line.clone()).is_ok());
        self.events.push(Event {
            version: self.version,
            key: key.clone(),
            line,
        });
        object
    }
}
