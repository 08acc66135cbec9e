//! A federation's `spec.bindings` in the terms of the judgement.

use irsa_api::{BindingRules, InlinePolicyRule, NamespacesFrom, RoleNameRule};
use irsa_core::{
    admission::{Guardrails, LabelSelector, Operator, PolicyPattern, Requirement, RoleNames, ServedNamespaces},
    naming::{IgnoredTags, default_role_name_prefix},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as KubernetesSelector, LabelSelectorRequirement};

/// What a federation lets its bindings do.
pub fn guardrails(rules: &BindingRules, issuer: &str, partition: &str, audiences: &[String]) -> Guardrails {
    Guardrails {
        allowed_namespaces: match &rules.allowed_namespaces {
            None => ServedNamespaces::None,
            Some(allowed) => match (allowed.from, &allowed.selector) {
                (NamespacesFrom::All, _) => ServedNamespaces::All,
                (NamespacesFrom::Selector, Some(selector)) => ServedNamespaces::Selected(label_selector(selector)),
                (NamespacesFrom::Selector, None) => ServedNamespaces::None,
            },
        },
        role_name_prefix: rules
            .role_name_prefix
            .clone()
            .unwrap_or_else(|| default_role_name_prefix(issuer)),
        role_names: match rules.role_names {
            RoleNameRule::Prefixed => RoleNames::Prefixed,
            RoleNameRule::Any => RoleNames::Any,
        },
        permissions_boundary: rules.permissions_boundary.clone(),
        allowed_managed_policies: rules
            .allowed_managed_policies
            .iter()
            .map(|pattern| PolicyPattern::new(pattern, partition))
            .collect(),
        inline_policies: rules.inline_policies == InlinePolicyRule::Allow,
        allowed_tag_keys: rules.allowed_tag_keys.iter().cloned().collect(),
        ignored_tags: IgnoredTags::new(&rules.ignored_tag_keys),
        allow_retain: rules.allow_retain,
        max_session_seconds: whole_seconds(rules.max_session_duration),
        max_roles_per_namespace: rules.max_roles_per_namespace,
        audiences: audiences.iter().cloned().collect(),
    }
}

/// A duration in whole seconds.
pub fn whole_seconds(duration: irsa_api::Duration) -> u32 {
    u32::try_from(duration.get().as_secs()).unwrap_or(u32::MAX)
}

fn label_selector(selector: &KubernetesSelector) -> LabelSelector {
    let requirement = |one: &LabelSelectorRequirement| Requirement {
        key: one.key.clone(),
        operator: Operator::parse(&one.operator),
        values: one.values.clone().unwrap_or_default(),
    };
    LabelSelector {
        match_labels: selector.match_labels.clone().unwrap_or_default(),
        match_expressions: selector.match_expressions.iter().flatten().map(requirement).collect(),
    }
}
