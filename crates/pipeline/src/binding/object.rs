//! `IamRoleBinding` as an object that passes are made over.

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_core::vocabulary::{BINDING_FINALIZER, ConditionType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client, ResourceExt};

use crate::{
    object::{Managed, ObjectKind, status_fields},
    spec::partial::partial,
};

status_fields!(IamRoleBindingStatus);

impl Managed for IamRoleBinding {
    type Status = IamRoleBindingStatus;

    const KIND: ObjectKind = ObjectKind::Binding;
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
        partial(metadata, text)
    }
}
