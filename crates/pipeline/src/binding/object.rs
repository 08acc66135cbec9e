//! `IamRoleBinding` as an object that passes are made over.

use std::mem::{replace, take};

use irsa_api::{IamRoleBinding, IamRoleBindingStatus, RolePolicies, ServiceAccountTemplate};
use irsa_core::vocabulary::{BINDING_FINALIZER, ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{Api, Client, ResourceExt};
use serde::{Deserialize, Serialize};

use crate::{
    object::{Managed, ObjectKind, status_fields},
    spec::partial::partial,
};

status_fields!(IamRoleBindingStatus);

/// What no other binding is judged by: most of what a binding says, in many small pieces.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct BindingDetails {
    policies: RolePolicies,
    service_account_template: Option<ServiceAccountTemplate>,
    conditions: Vec<Condition>,
}

impl Managed for IamRoleBinding {
    type Status = IamRoleBindingStatus;
    type Details = BindingDetails;

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

    /// Leaves that it waits for a place: whoever goes asks that of all others.
    fn take_details(&mut self) -> BindingDetails {
        let conditions = self.status.as_mut().map(|status| {
            let waits = status.conditions.iter().find(|condition| tells_of_waiting(condition));
            let waits = waits.cloned().into_iter().collect();
            replace(&mut status.conditions, waits)
        });
        BindingDetails {
            policies: take(&mut self.spec.policies),
            service_account_template: self.spec.service_account_template.take(),
            conditions: conditions.unwrap_or_default(),
        }
    }

    fn put_details(&mut self, details: BindingDetails) {
        self.spec.policies = details.policies;
        self.spec.service_account_template = details.service_account_template;
        if let Some(status) = &mut self.status {
            status.conditions = details.conditions;
        }
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

/// Whether a binding has been told that its namespace has as many roles as it may have. AWS has quotas too.
fn tells_of_waiting(condition: &Condition) -> bool {
    condition.type_ == ConditionType::Admitted.as_str() && condition.reason == Reason::QuotaExceeded.as_str()
}

/// Whether a binding, whole or in outline, waits for its namespace to have fewer roles.
pub fn waits_for_place(binding: &IamRoleBinding) -> bool {
    binding.conditions().iter().any(tells_of_waiting)
}
