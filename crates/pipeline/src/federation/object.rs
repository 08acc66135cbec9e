//! `OidcFederation` as an object that passes are made over.

use irsa_api::{KeyStatus, OidcFederation, OidcFederationStatus};
use irsa_core::vocabulary::{ConditionType, FEDERATION_FINALIZER};
use kube::{Api, Client};

use crate::object::{Managed, ObjectKind, status_fields};

status_fields!(OidcFederationStatus);

impl Managed for OidcFederation {
    type Status = OidcFederationStatus;
    type Details = ();

    const KIND: ObjectKind = ObjectKind::Federation;
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

    fn signing_keys(status: &Self::Status) -> &[KeyStatus] {
        &status.keys
    }
}
