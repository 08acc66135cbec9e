//! What the cluster knows: the API servers' keys and issuers, and the record of keys in its ConfigMap.

use std::collections::BTreeSet;

use irsa_core::{
    history::KeyRecord,
    issuer_flags::mismatch,
    jwks::{self, KeySet},
    refusal::ApiRequest,
    vocabulary::{ConditionType, FIELD_MANAGER, Reason},
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};

use super::api_servers::{Reading, ServerError};
use crate::{
    kube_errors::{self, ROLE},
    spec::location::Location,
    stage::changed,
    step_error::StepError,
};

/// The one key of the ConfigMap.
const DATA_KEY: &str = "keys.json";

/// The stored record.
#[derive(Debug, Clone, Default)]
pub struct StoredRecord {
    /// Its text; `None` where there is none.
    pub text: Option<String>,
    config_map: Option<ConfigMap>,
}

/// What the API servers and the record say.
#[derive(Debug, Clone)]
pub struct ObservedCluster {
    /// What the API servers answered.
    pub reading: Reading,
    /// The keys of each API server that answered.
    pub served: Vec<KeySet>,
    /// The record as it is stored.
    pub stored: StoredRecord,
    /// The same, read.
    pub record: Option<KeyRecord>,
}

impl ObservedCluster {
    /// # Errors
    /// A set of keys, or a record, that must not be published from.
    pub fn new(reading: Reading, stored: StoredRecord) -> Result<Self, StepError> {
        let parsed = reading.answers.iter().filter_map(|answer| {
            let view = answer.view.as_ref().ok()?;
            let keys = jwks::parse(&view.jwks);
            Some(keys.map_err(|error| unusable(format!("The keys of {} are not published: {error}.", answer.server))))
        });
        let served = parsed.collect::<Result<Vec<_>, _>>()?;
        let record = stored.text.as_deref().map(KeyRecord::from_json).transpose();
        let record = record.map_err(|error| unusable(format!("Nothing is published: {error}.")))?;
        Ok(Self {
            reading,
            served,
            stored,
            record,
        })
    }

    /// What the API servers have still to do, if anything.
    ///
    /// # Errors
    /// Those of [`Self::check_issuer`] and [`Self::check_complete`].
    pub fn check(&self, location: &Location) -> Result<(), StepError> {
        self.check_issuer(location)?;
        self.check_complete()
    }

    /// Whether the API servers sign as the issuer.
    ///
    /// # Errors
    /// [`Reason::IssuerMismatch`] with what to do.
    pub fn check_issuer(&self, location: &Location) -> Result<(), StepError> {
        let signing: BTreeSet<&str> = self.reading.views().map(|view| view.issuer.as_str()).collect();
        if !signing.is_empty() && signing.iter().all(|issuer| *issuer == location.issuer.as_str()) {
            return Ok(());
        }
        let (reason, message) = match (signing.is_empty(), self.reading.failure()) {
            (true, Some((_, ServerError::NotServed))) => {
                let none = BTreeSet::from(["an issuer that is no https URL"]);
                (Reason::IssuerMismatch, mismatch(&location.issuer, &none))
            }
            (true, _) => (
                Reason::ApiServerUnavailable,
                "No API server could be asked for its issuer.".to_owned(),
            ),
            (false, _) => (Reason::IssuerMismatch, mismatch(&location.issuer, &signing)),
        };
        Err(StepError::new(ConditionType::IssuerMatched, reason, message))
    }

    /// Whether every API server was read.
    ///
    /// # Errors
    /// Names the first that was not, and what to do.
    pub fn check_complete(&self) -> Result<(), StepError> {
        let Some((server, error)) = self.reading.failure() else {
            return Ok(());
        };
        let keys = ConditionType::KeysObserved;
        Err(match error {
            ServerError::Forbidden => {
                let message = format!(
                    "The API server {server} {error}; bind the operator's ServiceAccount to the ClusterRole \
                     system:service-account-issuer-discovery."
                );
                StepError::new(keys, Reason::AccessDenied, message)
            }
            ServerError::NotServed => {
                let message = format!(
                    "The API server {server} {error}, because its issuer is no https URL: set \
                     --service-account-issuer as docs/issuer.md says."
                );
                StepError::new(keys, Reason::IssuerMismatch, message)
            }
            ServerError::Unreachable(_) => {
                let message = format!(
                    "The API server {server} {error}. Its keys are published as last seen, and none is taken out."
                );
                StepError::new(keys, Reason::ApiServerUnavailable, message)
            }
        })
    }
}

fn unusable(message: String) -> StepError {
    StepError::new(ConditionType::KeysObserved, Reason::KeysUnusable, message)
}

/// The record's ConfigMap.
pub struct Records {
    api: Api<ConfigMap>,
}

impl Records {
    /// Records in this namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
        }
    }

    /// Reads a record; without one there is no text.
    ///
    /// # Errors
    /// What the Kubernetes API said.
    pub async fn load(&self, name: &str) -> Result<StoredRecord, StepError> {
        let found = self.api.get_opt(name).await;
        let config_map = found.map_err(|error| kubernetes_error("read", name, error))?;
        let text = config_map
            .as_ref()
            .and_then(|found| found.data.as_ref()?.get(DATA_KEY).cloned());
        Ok(StoredRecord { text, config_map })
    }

    /// Creates or replaces the record.
    ///
    /// # Guarantees
    /// A replacement carries the `resourceVersion` that was read: what somebody else recorded meanwhile is never lost.
    pub async fn save(&self, name: &str, record: &str, before: &StoredRecord) -> Result<(), StepError> {
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let mut config_map = before.config_map.clone().unwrap_or_default();
        config_map.metadata.name = Some(name.to_owned());
        config_map.metadata.managed_fields = None;
        config_map.data = Some([(DATA_KEY.to_owned(), record.to_owned())].into());
        let (action, saved) = match &before.config_map {
            Some(_) => ("change", self.api.replace(name, &parameters, &config_map).await),
            None => ("create", self.api.create(&parameters, &config_map).await),
        };
        saved.map(|_| ()).map_err(|error| kubernetes_error(action, name, error))
    }

    /// Deletes the record; one that is gone already is fine.
    pub async fn delete(&self, name: &str) -> Result<(), StepError> {
        match self.api.delete(name, &DeleteParams::default()).await {
            Ok(_) => {
                changed("delete the record of keys");
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(kubernetes_error("delete", name, error)),
        }
    }
}

fn kubernetes_error(action: &str, name: &str, error: kube::Error) -> StepError {
    let object = format!("the ConfigMap {name}");
    let request = ApiRequest {
        action,
        object: &object,
        role: ROLE,
        remedy: Some("that rule must let it"),
    };
    kube_errors::step_error(ConditionType::KeysObserved, &request, error)
}
