//! What both kinds have in common, so that one driver serves both.

use std::{fmt::Debug, hash::Hash};

use irsa_api::{IamRoleBinding, IamRoleBindingStatus, KeyState, KeyStatus, OidcFederation, OidcFederationStatus};
use irsa_core::vocabulary::{BINDING_FINALIZER, ConditionType, FEDERATION_FINALIZER, RECONCILE_REQUESTED_AT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Api, Client, Resource, ResourceExt, runtime::reflector::ObjectRef};
use serde::{Serialize, de::DeserializeOwned};

use crate::metrics::Kind;

/// One of our two kinds.
pub trait Managed:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + Sync + 'static
{
    /// The kind's status.
    type Status: StatusFields;

    /// The kind as a metric label.
    const KIND: Kind;
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
    /// Whether `spec.suspend` is set.
    fn is_suspended(&self) -> bool;
    /// Repeats in the status what a printer column cannot make of the spec.
    fn echo(&self, _status: &mut Self::Status) {}

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

    /// The value of the annotation that asks for a pass.
    fn requested_at(&self) -> Option<&str> {
        self.annotations().get(RECONCILE_REQUESTED_AT).map(String::as_str)
    }
}

/// What kubectl notes for itself: the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes off what nobody here reads and what makes up most of an object that is kept in memory: who set which field, and
/// kubectl's own copy. Nothing that is written goes by it: patches name what they change.
pub(crate) fn slim(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// The fields that both kinds' statuses have.
pub trait StatusFields: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// The conditions.
    fn conditions(&self) -> &[Condition];
    /// How many signing keys are published by it; none for a kind that publishes nothing.
    fn published_keys(&self) -> i64 {
        let published = |key: &&KeyStatus| !matches!(key.state, KeyState::Unsupported | KeyState::Revoked);
        i64::try_from(self.signing_keys().iter().filter(published).count()).unwrap_or(i64::MAX)
    }
    /// The signing keys that it lists; none for a kind that publishes nothing.
    fn signing_keys(&self) -> &[KeyStatus];
    /// Sets what the driver decides: the conditions, the generation they speak of, the request that was acted on.
    fn conclude(&mut self, conditions: Vec<Condition>, generation: i64, requested_at: Option<String>);
}

macro_rules! status_fields {
    ($status:ty, $signing_keys:expr) => {
        impl StatusFields for $status {
            fn signing_keys(&self) -> &[KeyStatus] {
                let keys: fn(&$status) -> &[KeyStatus] = $signing_keys;
                keys(self)
            }

            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }

            fn conclude(&mut self, conditions: Vec<Condition>, generation: i64, requested_at: Option<String>) {
                self.conditions = conditions;
                self.observed_generation = Some(generation);
                if requested_at.is_some() {
                    self.last_handled_reconcile_at = requested_at;
                }
            }
        }
    };
}

status_fields!(OidcFederationStatus, |status| &status.keys);
status_fields!(IamRoleBindingStatus, |_| &[]);

impl Managed for OidcFederation {
    type Status = OidcFederationStatus;

    const KIND: Kind = Kind::Federation;
    const FINALIZER: &'static str = FEDERATION_FINALIZER;
    const ASPECTS: &'static [ConditionType] = &ConditionType::FEDERATION_ASPECTS;

    fn own_api(&self, client: &Client) -> Api<Self> {
        Api::all(client.clone())
    }

    fn status(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }

    fn set_status(&mut self, status: Self::Status) {
        self.status = Some(status);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }
}

impl Managed for IamRoleBinding {
    type Status = IamRoleBindingStatus;

    const KIND: Kind = Kind::Binding;
    const FINALIZER: &'static str = BINDING_FINALIZER;
    const ASPECTS: &'static [ConditionType] = &ConditionType::BINDING_ASPECTS;

    fn own_api(&self, client: &Client) -> Api<Self> {
        Api::namespaced(client.clone(), &self.namespace().unwrap_or_default())
    }

    fn status(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }

    fn set_status(&mut self, status: Self::Status) {
        self.status = Some(status);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn echo(&self, status: &mut Self::Status) {
        status.service_account_names = self.spec.service_account_names();
    }

    fn partial(metadata: &ObjectMeta, text: &str) -> Option<Self> {
        crate::binding::partial(metadata, text)
    }
}

/// What tells two objects of one kind apart over their lifetime, re-creation included.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

impl ObjectKey {
    /// The key of an object.
    pub fn of<K: Resource>(object: &K) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
        }
    }
}

/// A reference of one kind as a reference of the same kind as it comes out of a watch (see [`crate::reconciler::Decoded`]).
pub fn reference_to<K, G>(object: &K) -> ObjectRef<G>
where
    K: Resource<DynamicType = ()>,
    G: Resource<DynamicType = ()> + 'static,
{
    let reference = ObjectRef::new(&object.name_any());
    match object.namespace() {
        Some(namespace) => reference.within(&namespace),
        None => reference,
    }
}
