//! What both kinds have in common, so that one driver serves both.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use irsa_api::KeyStatus;
use irsa_core::vocabulary::{ConditionType, RECONCILE_REQUESTED_AT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::{Serialize, de::DeserializeOwned};

/// Which of our two kinds an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `OidcFederation`
    Federation,
    /// `IamRoleBinding`
    Binding,
}

impl ObjectKind {
    /// The word in labels and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Federation => "federation",
            Self::Binding => "binding",
        }
    }
}

/// One of our two kinds.
pub trait Managed:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static
{
    /// The kind's status.
    type Status: StatusFields;
    /// What nobody reads of an object but a pass over that very object; `()` where there is nothing to speak of.
    type Details: Default + Serialize + DeserializeOwned;

    /// The kind.
    const KIND: ObjectKind;
    /// Our finalizer on it.
    const FINALIZER: &'static str;
    /// Its aspect conditions, in the order of the steps.
    const ASPECTS: &'static [ConditionType];

    /// The API for this very object (of its namespace, where it has one).
    fn own_api(&self, client: &Client) -> Api<Self>;
    /// Its status, when it has one.
    fn status(&self) -> Option<&Self::Status>;
    /// Puts another status in.
    fn set_status(&mut self, status: Self::Status);
    /// Takes the details out. What is left tells others what the object stands for, and is not to be taken for the object.
    fn take_details(&mut self) -> Self::Details {
        Self::Details::default()
    }
    /// Puts in again what [`Self::take_details`] took out.
    fn put_details(&mut self, _details: Self::Details) {}
    /// Whether `spec.suspend` is set.
    fn is_suspended(&self) -> bool;
    /// Repeats in the status what a printer column cannot make of the spec.
    fn echo(&self, _status: &mut Self::Status) {}

    /// The signing keys that its status lists, where it publishes any.
    fn signing_keys(_status: &Self::Status) -> &[KeyStatus] {
        &[]
    }

    /// What can be saved of an object that is not what the kind's type says; `text` is its JSON. `None` for a kind whose
    /// objects mean nothing without all of their spec.
    fn partial(_metadata: &ObjectMeta, _text: &str) -> Option<Self> {
        None
    }

    /// `metadata.generation`.
    fn generation(&self) -> i64 {
        self.meta().generation.unwrap_or_default()
    }

    /// Whether the object is on its way out.
    fn is_deleted(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    /// Whether our finalizer is on it.
    fn has_finalizer(&self) -> bool {
        self.finalizers().iter().any(|finalizer| finalizer == Self::FINALIZER)
    }

    /// The conditions of its status.
    fn conditions(&self) -> &[Condition] {
        self.status().map(StatusFields::conditions).unwrap_or_default()
    }

    /// This condition of its status.
    fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions()
            .iter()
            .find(|condition| condition.type_ == kind.as_str())
    }

    /// Whether this condition says `True`, of whatever generation.
    fn is_true(&self, kind: ConditionType) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == "True")
    }

    /// Whether it is `Ready` as its spec is now.
    fn is_ready(&self) -> bool {
        let ready = self.condition(ConditionType::Ready);
        ready.is_some_and(|ready| ready.status == "True" && ready.observed_generation == Some(self.generation()))
    }

    /// The value of the annotation that asks for a pass.
    fn requested_at(&self) -> Option<&str> {
        self.annotations().get(RECONCILE_REQUESTED_AT).map(String::as_str)
    }
}

/// The fields that both kinds' statuses have.
pub trait StatusFields: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// The conditions.
    fn conditions(&self) -> &[Condition];
    /// Sets what the conclusion of a pass decides: the conditions, the generation they speak of, the request that was acted on.
    fn conclude(&mut self, conditions: Vec<Condition>, generation: i64, requested_at: Option<String>);
}

/// Implements [`StatusFields`] for a status.
macro_rules! status_fields {
    ($status:ty) => {
        impl $crate::object::StatusFields for $status {
            fn conditions(&self) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
                &self.conditions
            }

            fn conclude(
                &mut self,
                conditions: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>,
                generation: i64,
                requested_at: Option<String>,
            ) {
                self.conditions = conditions;
                self.observed_generation = Some(generation);
                if requested_at.is_some() {
                    self.last_handled_reconcile_at = requested_at;
                }
            }
        }
    };
}
pub(crate) use status_fields;

/// What tells two objects of one kind apart over their lifetime, re-creation included: namespace, name and UID.
///
/// One allocation, which clones share: each record of each object has a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// The key of an object.
    pub fn of<K: Resource>(object: &K) -> Self {
        let metadata = object.meta();
        Self::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
            metadata.uid.as_deref().unwrap_or_default(),
        )
    }

    /// The key of the object that is called so; the namespace is empty for a cluster-scoped one.
    ///
    /// # Assumptions
    /// None of them contains a slash: neither names of our kinds nor UIDs can, by the rules of the API server.
    pub fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self(format!("{namespace}/{name}/{uid}").into())
    }
}
