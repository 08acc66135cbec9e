//! Injection of pods: whether those of bound ServiceAccounts get it, judged by what the API server has of admission, whatever
//! its names.

use serde_json::Value;

use crate::vocabulary::{INJECT_LABEL, INJECT_LABEL_VALUE};

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

/// What injects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// A policy, by its binding's name.
    Policy(String),
    /// A webhook, by its configuration's name.
    Webhook(String),
}

/// Why nothing injects, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCarrier {
    /// A binding refers to a policy that is not there: what a renamed policy looks like.
    #[error(
        "The MutatingAdmissionPolicyBinding {binding} refers to the policy {policy}, which does not exist, so no pod gets AWS \
         variables; correct its spec.policyName (an overlay that renames must have config/inject as it is shipped)."
    )]
    PolicyMissing {
        /// The binding.
        binding: String,
        /// The policy.
        policy: String,
    },
    /// Nothing is there, and policies could be.
    #[error(
        "No pod gets AWS variables: there is neither a MutatingAdmissionPolicyBinding that selects {INJECT_LABEL} nor a pod \
         identity webhook; apply config/inject (docs/injection.md)."
    )]
    Nothing,
    /// Nothing is there, and the API server serves no policies.
    #[error(
        "No pod gets AWS variables: this API server serves no MutatingAdmissionPolicy and there is no pod identity webhook; \
         install the webhook (docs/injection.md)."
    )]
    NothingServed,
}

/// What injects pods of labelled ServiceAccounts.
///
/// # Errors
/// [`NoCarrier`] where nothing does.
pub fn carrier(admission: &Admission) -> Result<Carrier, NoCarrier> {
    let mut dangling = None;
    for binding in admission.bindings.iter().filter(|binding| selects_label(binding)) {
        let policy = text(binding, "/spec/policyName");
        if admission.policies.iter().any(|found| name(found) == policy) {
            return Ok(Carrier::Policy(name(binding).to_owned()));
        }
        dangling.get_or_insert_with(|| NoCarrier::PolicyMissing {
            binding: name(binding).to_owned(),
            policy: policy.to_owned(),
        });
    }
    if let Some(webhook) = admission.webhooks.iter().find(|webhook| injects(webhook)) {
        return Ok(Carrier::Webhook(name(webhook).to_owned()));
    }
    Err(dangling.unwrap_or(if admission.serves_policies {
        NoCarrier::Nothing
    } else {
        NoCarrier::NothingServed
    }))
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
    let ours = named(name(configuration)) || webhooks.iter().any(|webhook| named(text(webhook, "/name")));
    ours && webhooks.iter().flat_map(|webhook| list(webhook, "/rules")).any(|rule| {
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

    fn judged(policies: &[Value], bindings: &[Value], webhooks: &[Value]) -> Result<Carrier, NoCarrier> {
        carrier(&Admission {
            policies: policies.to_vec(),
            bindings: bindings.to_vec(),
            webhooks: webhooks.to_vec(),
            serves_policies: true,
        })
    }

    #[test]
    fn a_policy_counts_by_its_bindings_selector_whatever_both_are_called() {
        let bound = judged(&[policy("plat-x")], &[binding("b", "plat-x", INJECT_LABEL)], &[]);
        assert_eq!(bound, Ok(Carrier::Policy("b".to_owned())));
        let mut by_values = binding("b", "plat-x", "other/label");
        by_values["spec"]["paramRef"]["selector"] = json!({"matchExpressions": [
            {"key": INJECT_LABEL, "operator": "In", "values": ["true", "manual"]}]});
        let bound = judged(&[policy("plat-x")], &[by_values], &[]);
        assert_eq!(bound, Ok(Carrier::Policy("b".to_owned())));
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
        assert_eq!(found, Ok(Carrier::Webhook("pod-identity-webhook".to_owned())));
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
        let sentence = carrier(&Admission::default()).unwrap_err().to_string();
        assert!(sentence.contains("serves no MutatingAdmissionPolicy"), "{sentence}");
    }
}
