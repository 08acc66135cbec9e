//! What surrounds a federation in the cluster and says nothing about AWS: the API servers' own audiences, and whether pods
//! are injected. Read once per interval, with the full pass; told again from memory in between.

use std::{sync::Arc, time::Duration};

use http::Request;
use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    injection::{self, Admission, Carrier},
    vocabulary::{ConditionType, Reason},
};
use kube::Client;
use serde_json::Value;
use tokio::time::Instant;
use tracing::debug;

use super::{Federations, audiences::AudienceCheck, servers::ApiServers};
use crate::{
    leadership::Leadership,
    object::{Managed, ObjectKey},
    step_error::{Draft, StepError},
};

/// Longest that one listing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The version in which policies are generally available; before, both a gate and the API's own flag had to be set.
const STABLE: &str = "v1";
const BETA: &str = "v1beta1";

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct ClusterChecks {
    generation: i64,
    requested_at: Option<String>,
    at: Instant,
    audiences: AudienceCheck,
    injection: Result<Found, Unseen>,
}

/// What there is of admission, and the version in which policies are served.
#[derive(Debug, Clone)]
struct Found {
    admission: Admission,
    version: &'static str,
}

/// Why it is not known whether pods are injected.
#[derive(Debug, Clone)]
enum Unseen {
    Forbidden(String),
    Unreachable(String),
}

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// Says what surrounds the federation. It is looked at when the spec changes, when somebody asks, and otherwise with the
    /// full pass that each interval has.
    pub(super) async fn check_cluster(&self, federation: &OidcFederation, draft: &mut Draft<OidcFederationStatus>) {
        let key = ObjectKey::of(federation);
        let interval = federation.spec.interval.get();
        let between = self.memory.full(&key).is_some_and(|full| full.at.elapsed() < interval);
        let known = self.memory.cluster_checks(&key).filter(|cluster_checks| {
            cluster_checks.generation == federation.generation()
                && cluster_checks.requested_at.as_deref() == federation.requested_at()
                && (between || cluster_checks.at.elapsed() < interval)
        });
        let cluster_checks = if let Some(cluster_checks) = known {
            cluster_checks
        } else {
            let cluster_checks = Arc::new(self.read_cluster_checks(federation).await);
            self.memory.remember_cluster_checks(key, Arc::clone(&cluster_checks));
            cluster_checks
        };
        cluster_checks.audiences.note(draft);
        note_injection(&cluster_checks.injection, draft);
    }

    async fn read_cluster_checks(&self, federation: &OidcFederation) -> ClusterChecks {
        let at = Instant::now();
        let (answers, injection) = tokio::join!(self.servers.audiences(), admission(&self.driver.client));
        ClusterChecks {
            generation: federation.generation(),
            requested_at: federation.requested_at().map(str::to_owned),
            at,
            audiences: AudienceCheck::of(&answers, &federation.spec.audiences),
            injection,
        }
    }
}

fn note_injection<S>(found: &Result<Found, Unseen>, draft: &mut Draft<S>) {
    let aspect = ConditionType::InjectionActive;
    let found = match found {
        Ok(found) => found,
        Err(Unseen::Forbidden(kind)) => {
            let message = format!(
                "The operator may not list {kind}, so it cannot tell whether pods are injected; apply config/rbac."
            );
            return draft.cannot_tell(aspect, Reason::NotPermitted, message);
        }
        Err(Unseen::Unreachable(kind)) => {
            let message = format!("The API server did not list {kind}, so it is not known whether pods are injected.");
            return draft.cannot_tell(aspect, Reason::ApiServerUnavailable, message);
        }
    };
    match injection::carrier(&found.admission) {
        Ok(Carrier::Policy(name)) => {
            let gate = match found.version {
                STABLE => "",
                _ => {
                    " Policies are served as v1beta1: they work only with the feature gate MutatingAdmissionPolicy on."
                }
            };
            draft.holds(
                aspect,
                format!("Pods are injected by the MutatingAdmissionPolicyBinding {name}.{gate}"),
            );
        }
        Ok(Carrier::Webhook(name)) => {
            draft.holds(
                aspect,
                format!("Pods are injected by the MutatingWebhookConfiguration {name}."),
            );
        }
        Err(nothing) => draft.note(&StepError::new(aspect, Reason::InjectionMissing, nothing.to_string())),
    }
}

/// Lists the policies and their bindings, and the webhooks where no policy does it.
async fn admission(client: &Client) -> Result<Found, Unseen> {
    let mut admission = Admission::default();
    let mut served = STABLE;
    for version in [STABLE, BETA] {
        if let Some(policies) = list(client, version, "mutatingadmissionpolicies").await? {
            admission.serves_policies = true;
            admission.policies = policies;
            admission.bindings = list(client, version, "mutatingadmissionpolicybindings")
                .await?
                .unwrap_or_default();
            served = version;
            break;
        }
    }
    if injection::carrier(&admission).is_err() {
        admission.webhooks = list(client, STABLE, "mutatingwebhookconfigurations")
            .await?
            .unwrap_or_default();
    }
    Ok(Found {
        admission,
        version: served,
    })
}

/// The objects of a kind of admission; `None` where the API server does not serve it.
async fn list(client: &Client, version: &str, kind: &str) -> Result<Option<Vec<Value>>, Unseen> {
    let unreachable = || Unseen::Unreachable(kind.to_owned());
    let request = Request::get(format!("/apis/admissionregistration.k8s.io/{version}/{kind}"))
        .body(Vec::new())
        .map_err(|_| unreachable())?;
    let asking = tokio::time::timeout(PATIENCE, client.request::<Value>(request));
    match asking.await.map_err(|_| unreachable())? {
        Ok(mut list) => match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(Some(items)),
            _ => Err(unreachable()),
        },
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 403 => Err(Unseen::Forbidden(kind.to_owned())),
        Err(error) => {
            debug!(%error, kind, "cannot list what injects pods");
            Err(unreachable())
        }
    }
}
