//! Injection of pods: whether those of bound ServiceAccounts get it, judged by what the API server has of admission, whatever
//! its names.

use serde_json::Value;

use crate::vocabulary::{INJECT_LABEL, INJECT_LABEL_VALUE, WEBHOOK_NAME};

/// What names a webhook that injects by the conventions of AWS: AWS's own and EKS's.
const WEBHOOK_NAMES: [&str; 2] = ["pod-identity-webhook", "iam-for-pods"];

/// What there is of admission, as JSON objects. A kind that the API server does not serve has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// The `MutatingAdmissionPolicies`.
    pub policies: Vec<Value>,
    /// The `MutatingAdmissionPolicyBindings`.
    pub bindings: Vec<Value>,
    /// The `MutatingWebhookConfigurations`.
    pub webhooks: Vec<Value>,
    /// Whether the API server serves policies at all.
    pub serves_policies: bool,
}

/// What injects: at least one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carriers {
    /// A policy, by its binding's name.
    pub policy: Option<String>,
    /// A webhook, by its configuration's name.
    pub webhook: Option<String>,
}

/// Why nothing injects, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCarrier {
    /// A binding refers to a policy that is not there: what a renamed policy looks like.
    #[error(
        "The MutatingAdmissionPolicyBinding {binding} refers to the policy {policy}, which does not exist, so no pod gets AWS \
         variables; correct its spec.policyName (an overlay that renames must take all of config/inject, its names.yaml too)."
    )]
    PolicyMissing {
        /// The binding.
        binding: String,
        /// The policy.
        policy: String,
    },
    /// Our webhook is there, and no replica of it has ever been ready.
    #[error(
        "The API servers do not trust the webhook of the MutatingWebhookConfiguration {configuration} yet (its caBundle is empty), so no \
         pod gets AWS variables; see whether its pods run and what they log (docs/injection.md)."
    )]
    WebhookNotTrusted {
        /// The configuration.
        configuration: String,
    },
    /// Nothing is there, and policies could be.
    #[error(
        "No pod gets AWS variables: there is neither a MutatingAdmissionPolicyBinding that selects {INJECT_LABEL} nor a pod \
         identity webhook; install one of the two: config/with-policy or config/with-webhook, or injection.carrier of the Helm chart \
         (docs/injection.md)."
    )]
    Nothing,
    /// Nothing is there, and the API server serves no policies.
    #[error(
        "No pod gets AWS variables: this API server serves no MutatingAdmissionPolicy and there is no pod identity webhook; \
         install ours: config/with-webhook, or injection.carrier=webhook of the Helm chart (docs/injection.md)."
    )]
    NothingServed,
}

/// What injects pods of labelled ServiceAccounts. With a policy and a webhook the second adds nothing to what the first has done.
///
/// # Errors
/// [`NoCarrier`] where nothing does.
pub fn carriers(admission: &Admission) -> Result<Carriers, NoCarrier> {
    let policy = policy(admission);
    let webhook = webhook(admission);
    let found = Carriers {
        policy: policy.as_ref().ok().cloned().flatten(),
        webhook: webhook.as_ref().ok().cloned().flatten(),
    };
    if found != Carriers::default() {
        return Ok(found);
    }
    policy?;
    webhook?;
    Err(if admission.serves_policies {
        NoCarrier::Nothing
    } else {
        NoCarrier::NothingServed
    })
}

/// The binding of a policy that injects; an error where there is one and its policy is missing.
fn policy(admission: &Admission) -> Result<Option<String>, NoCarrier> {
    let mut bindings = admission
        .bindings
        .iter()
        .filter(|binding| selects_label(binding))
        .peekable();
    let dangling = bindings.peek().map(|binding| NoCarrier::PolicyMissing {
        binding: name(binding).to_owned(),
        policy: text(binding, "/spec/policyName").to_owned(),
    });
    let has_policy = |binding: &&Value| {
        let policy = text(binding, "/spec/policyName");
        admission.policies.iter().any(|found| name(found) == policy)
    };
    match (bindings.find(has_policy), dangling) {
        (Some(binding), _) => Ok(Some(name(binding).to_owned())),
        (None, Some(dangling)) => Err(dangling),
        (None, None) => Ok(None),
    }
}

/// The configuration of a webhook that injects; an error where there is only one of ours that API servers do not trust.
fn webhook(admission: &Admission) -> Result<Option<String>, NoCarrier> {
    let mut found = admission.webhooks.iter().filter(|webhook| injects(webhook)).peekable();
    let distrusted = found.peek().map(|webhook| NoCarrier::WebhookNotTrusted {
        configuration: name(webhook).to_owned(),
    });
    match (found.find(|webhook| is_trusted(webhook)), distrusted) {
        (Some(webhook), _) => Ok(Some(name(webhook).to_owned())),
        (None, Some(distrusted)) => Err(distrusted),
        (None, None) => Ok(None),
    }
}

/// Whether API servers can trust it. Ours always has authorities of its own; others may be trusted by the system's.
fn is_trusted(configuration: &Value) -> bool {
    let mut ours = list(configuration, "/webhooks")
        .iter()
        .filter(|webhook| is_ours(webhook));
    ours.all(|webhook| !text(webhook, "/clientConfig/caBundle").is_empty())
}

fn is_ours(webhook: &Value) -> bool {
    text(webhook, "/name") == WEBHOOK_NAME
}

fn selects_label(binding: &Value) -> bool {
    let label = binding.pointer("/spec/paramRef/selector/matchLabels");
    let label = label.and_then(|labels| labels.get(INJECT_LABEL));
    let expressions = list(binding, "/spec/paramRef/selector/matchExpressions");
    let includes = |expression: &Value| {
        let mut values = list(expression, "/values").iter();
        text(expression, "/key") == INJECT_LABEL
            && text(expression, "/operator") == "In"
            && values.any(|value| value == INJECT_LABEL_VALUE)
    };
    label.is_some_and(|value| value == INJECT_LABEL_VALUE) || expressions.iter().any(includes)
}

fn injects(configuration: &Value) -> bool {
    let webhooks = list(configuration, "/webhooks");
    let named = |text: &str| WEBHOOK_NAMES.iter().any(|known| text.contains(known));
    let by_name = |webhook: &Value| is_ours(webhook) || named(text(webhook, "/name"));
    let is_known = named(name(configuration)) || webhooks.iter().any(by_name);
    is_known
        && webhooks.iter().flat_map(|webhook| list(webhook, "/rules")).any(|rule| {
            let has = |path: &str, wanted: &str| {
                let listed = list(rule, path).iter().filter_map(Value::as_str);
                listed.into_iter().any(|found| found == wanted || found == "*")
            };
            has("/resources", "pods") && has("/operations", "CREATE")
        })
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(name: &str) -> Value {
        json!({"metadata": {"name": name}})
    }

    fn binding(name: &str, policy: &str, label: &str) -> Value {
        json!({"metadata": {"name": name}, "spec": {
            "policyName": policy, "paramRef": {"selector": {"matchLabels": {label: "true"}}}}})
    }

    fn webhook(name: &str, resource: &str) -> Value {
        json!({"metadata": {"name": name}, "webhooks": [
            {"name": "x", "rules": [{"resources": [resource], "operations": ["CREATE"]}]}]})
    }

    fn judged(policies: &[Value], bindings: &[Value], webhooks: &[Value]) -> Result<Carriers, NoCarrier> {
        carriers(&Admission {
            policies: policies.to_vec(),
            bindings: bindings.to_vec(),
            webhooks: webhooks.to_vec(),
            serves_policies: true,
        })
    }

    fn by_policy(name: &str) -> Carriers {
        Carriers {
            policy: Some(name.to_owned()),
            webhook: None,
        }
    }

    fn by_webhook(name: &str) -> Carriers {
        Carriers {
            policy: None,
            webhook: Some(name.to_owned()),
        }
    }

    #[test]
    fn a_policy_counts_by_its_bindings_selector_whatever_both_are_called() {
        let bound = judged(&[policy("plat-x")], &[binding("b", "plat-x", INJECT_LABEL)], &[]);
        assert_eq!(bound, Ok(by_policy("b")));
        let mut by_values = binding("b", "plat-x", "other/label");
        by_values["spec"]["paramRef"]["selector"] = json!({"matchExpressions": [
            {"key": INJECT_LABEL, "operator": "In", "values": ["true", "manual"]}]});
        let bound = judged(&[policy("plat-x")], &[by_values], &[]);
        assert_eq!(bound, Ok(by_policy("b")));
        let anothers = judged(&[policy("x")], &[binding("b", "x", "other/label")], &[]);
        assert_eq!(anothers, Err(NoCarrier::Nothing));
        assert_eq!(
            judged(&[policy("irsa-anywhere-inject")], &[], &[]),
            Err(NoCarrier::Nothing)
        );
    }

    #[test]
    fn a_binding_that_names_no_policy_is_named_with_what_it_refers_to() {
        let renamed = judged(&[policy("plat-x")], &[binding("plat-b", "x", INJECT_LABEL)], &[]).unwrap_err();
        let sentence = renamed.to_string();
        assert!(sentence.contains("plat-b refers to the policy x,"), "{sentence}");
    }

    #[test]
    fn a_pod_identity_webhook_counts_if_it_sees_pods() {
        let found = judged(
            &[],
            &[],
            &[webhook("other", "pods"), webhook("pod-identity-webhook", "pods")],
        );
        assert_eq!(found, Ok(by_webhook("pod-identity-webhook")));
        assert!(
            judged(
                &[],
                &[],
                &[webhook("pod-identity-webhook", "services"), webhook("other", "pods")]
            )
            .is_err()
        );
    }

    #[test]
    fn where_policies_are_not_served_the_webhook_is_asked_for() {
        let sentence = carriers(&Admission::default()).unwrap_err().to_string();
        assert!(sentence.contains("serves no MutatingAdmissionPolicy"), "{sentence}");
    }

    #[test]
    fn our_webhook_counts_by_its_name_within_once_api_servers_trust_it() {
        let ours = |bundle: Value| {
            json!({"metadata": {"name": "plat-x"}, "webhooks": [{
                "name": "pods.irsa-anywhere.dev", "clientConfig": {"caBundle": bundle},
                "rules": [{"resources": ["pods"], "operations": ["CREATE"]}]}]})
        };
        let trusted = ours(json!("LS0t"));
        assert_eq!(
            judged(&[], &[], std::slice::from_ref(&trusted)),
            Ok(by_webhook("plat-x"))
        );
        let distrusted = NoCarrier::WebhookNotTrusted {
            configuration: "plat-x".to_owned(),
        };
        assert!(distrusted.to_string().contains("plat-x yet"), "{distrusted}");
        assert_eq!(judged(&[], &[], &[ours(Value::Null)]), Err(distrusted));
        let others = webhook("pod-identity-webhook", "pods");
        assert_eq!(
            judged(&[], &[], &[ours(Value::Null), others]),
            Ok(by_webhook("pod-identity-webhook"))
        );

        let policies = ([policy("x")], [binding("b", "x", INJECT_LABEL)]);
        let both = judged(&policies.0, &policies.1, &[trusted]).unwrap();
        assert_eq!(
            (both.policy.as_deref(), both.webhook.as_deref()),
            (Some("b"), Some("plat-x"))
        );
        // What works counts before what does not.
        assert_eq!(
            judged(&policies.0, &policies.1, &[ours(Value::Null)]),
            Ok(by_policy("b"))
        );
    }
}
