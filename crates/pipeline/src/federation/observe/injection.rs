//! Whether pods are injected: by an admission policy, by a webhook, or by nothing.

use std::time::Duration;

use http::Request;
use irsa_core::{
    injection::{self, Admission, Carriers, NoCarrier},
    vocabulary::{ConditionType, Reason},
};
use kube::Client;
use serde_json::Value;
use tracing::debug;

use crate::step_error::{Draft, StepError};

/// Longest that one listing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The version in which policies are generally available; before, both a gate and the API's own flag had to be set.
const STABLE: &str = "v1";
const BETA: &str = "v1beta1";

/// What there is of admission, and the version in which policies are served.
#[derive(Debug, Clone)]
pub struct ObservedAdmission {
    admission: Admission,
    version: &'static str,
}

impl ObservedAdmission {
    /// What injects pods, in a sentence.
    ///
    /// # Errors
    /// Why nothing does.
    pub fn in_words(&self) -> Result<String, NoCarrier> {
        let carriers = injection::carriers(&self.admission)?;
        Ok(injected_by(&carriers, self.version))
    }
}

/// Why it is not known whether pods are injected.
#[derive(Debug, Clone)]
pub enum UnseenAdmission {
    /// The operator may not list this kind.
    Forbidden(String),
    /// The API server did not list this kind.
    Unreachable(String),
}

/// Lists the policies and their bindings, and the webhooks.
pub async fn admission(client: &Client) -> Result<ObservedAdmission, UnseenAdmission> {
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
    admission.webhooks = match list(client, STABLE, "mutatingwebhookconfigurations").await {
        Ok(webhooks) => webhooks.unwrap_or_default(),
        // A policy injects, whatever else there is.
        Err(_) if injection::carriers(&admission).is_ok() => Vec::new(),
        Err(unseen) => return Err(unseen),
    };
    Ok(ObservedAdmission {
        admission,
        version: served,
    })
}

/// The objects of a kind of admission; `None` where the API server does not serve it.
async fn list(client: &Client, version: &str, kind: &str) -> Result<Option<Vec<Value>>, UnseenAdmission> {
    let unreachable = || UnseenAdmission::Unreachable(kind.to_owned());
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
        Err(kube::Error::Api(status)) if status.code == 403 => Err(UnseenAdmission::Forbidden(kind.to_owned())),
        Err(error) => {
            debug!(%error, kind, "cannot list what injects pods");
            Err(unreachable())
        }
    }
}

/// Says in the condition whether pods are injected, and by what.
pub fn note_injection<S>(found: &Result<ObservedAdmission, UnseenAdmission>, draft: &mut Draft<S>) {
    let aspect = ConditionType::InjectionActive;
    let found = match found {
        Ok(found) => found,
        Err(UnseenAdmission::Forbidden(kind)) => {
            let message = format!(
                "The operator may not list {kind}, so it cannot tell whether pods are injected; apply config/rbac."
            );
            return draft.cannot_tell(aspect, Reason::NotPermitted, message);
        }
        Err(UnseenAdmission::Unreachable(kind)) => {
            let message = format!("The API server did not list {kind}, so it is not known whether pods are injected.");
            return draft.cannot_tell(aspect, Reason::ApiServerUnavailable, message);
        }
    };
    match found.in_words() {
        Ok(by) => draft.holds(aspect, by),
        Err(nothing) => draft.note(&StepError::new(aspect, Reason::InjectionMissing, nothing.to_string())),
    }
}

fn injected_by(carriers: &Carriers, version: &str) -> String {
    let policy = carriers
        .policy
        .as_ref()
        .map(|name| format!("the MutatingAdmissionPolicyBinding {name}"));
    let webhook = carriers
        .webhook
        .as_ref()
        .map(|name| format!("the MutatingWebhookConfiguration {name}"));
    let hint = match (&policy, &webhook) {
        (Some(_), Some(_)) => " One is enough; the second adds nothing.",
        (Some(_), None) if version != STABLE => {
            " Policies are served as v1beta1: they work only with the feature gate MutatingAdmissionPolicy on."
        }
        _ => "",
    };
    let both: Vec<String> = policy.into_iter().chain(webhook).collect();
    format!("Pods are injected by {}.{hint}", both.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_names_one_carrier_or_both() {
        let carriers = |policy: Option<&str>, webhook: Option<&str>| Carriers {
            policy: policy.map(str::to_owned),
            webhook: webhook.map(str::to_owned),
        };
        let policy = injected_by(&carriers(Some("p"), None), STABLE);
        assert_eq!(policy, "Pods are injected by the MutatingAdmissionPolicyBinding p.");
        let beta = injected_by(&carriers(Some("p"), None), BETA);
        assert!(beta.contains("the feature gate MutatingAdmissionPolicy"), "{beta}");
        let webhook = injected_by(&carriers(None, Some("w")), STABLE);
        assert_eq!(webhook, "Pods are injected by the MutatingWebhookConfiguration w.");
        let both = injected_by(&carriers(Some("p"), Some("w")), STABLE);
        assert!(
            both.contains("p and the MutatingWebhookConfiguration w. One is enough"),
            "{both}"
        );
    }
}
