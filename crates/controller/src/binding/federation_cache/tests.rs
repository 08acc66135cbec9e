use irsa_api::BindingRules;
use irsa_core::{admission::ServedNamespaces, trust::TrustProvider};
use irsa_pipeline::spec::federation_view::connection;
use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws-cn:iam::123456789012:oidc-provider/b.example/c";

fn federation(status: &Value) -> OidcFederation {
    serde_json::from_value(json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1",
        "kind": "OidcFederation",
        "metadata": {"name": "default", "uid": "u-1"},
        "spec": {
            "issuer": "https://b.example/c",
            "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}},
            "bindings": {"allowedNamespaces": {"from": "All"}},
        },
        "status": status,
    }))
    .unwrap()
}

fn status(ready: &str) -> Value {
    json!({"providerArn": ARN, "conditions": [condition("Ready", ready)]})
}

fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"
    })
}

fn state_after(federations: &FederationCache, status: &Value) -> FederationState {
    federations.observe(&federation(status));
    federations.get("default").unwrap().usage.state.clone()
}

#[test]
fn a_federation_becomes_usable_when_it_is_ready_and_stays_so_while_it_is_unwell() {
    let federations = FederationCache::default();
    assert_eq!(state_after(&federations, &json!({})), FederationState::Unregistered);
    assert!(matches!(
        state_after(&federations, &status("False")),
        FederationState::Unproven(_)
    ));
    let FederationState::Usable(provider) = state_after(&federations, &status("True")) else {
        panic!("not usable")
    };
    assert_eq!(provider.trust, TrustProvider::new(ARN, "b.example/c"));
    assert_eq!(
        (provider.partition.as_str(), provider.account.as_str()),
        ("aws-cn", "123456789012")
    );
    assert!(matches!(
        state_after(&federations, &status("False")),
        FederationState::Usable(_)
    ));
    let stalled = json!({"providerArn": ARN, "conditions": [condition("Stalled", "True")]});
    assert_eq!(state_after(&federations, &stalled), FederationState::Stalled);
}

#[test]
fn a_bare_policy_name_means_the_same_whatever_state_the_federation_is_in() {
    let federations = FederationCache::default();
    let stalled = json!({"providerArn": ARN, "conditions": [condition("Stalled", "True")]});
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH);
    let mut patterns = Vec::new();
    for status in [status("True"), stalled, json!({"providerArn": ARN})] {
        for deleted in [None, Some(now.clone())] {
            let mut federation = federation(&status);
            federation.spec.bindings.allowed_managed_policies = vec!["AmazonS3ReadOnlyAccess".to_owned()];
            federation.metadata.deletion_timestamp = deleted;
            federations.observe(&federation);
            let usage = federations.get("default").unwrap().usage.clone();
            patterns.push(usage.guardrails.allowed_managed_policies);
        }
    }
    assert!(patterns.iter().all(|pattern| *pattern == patterns[0]), "{patterns:?}");
}

#[test]
fn only_what_bindings_use_wakes_them() {
    let federations = FederationCache::default();
    assert_eq!(federations.observe(&federation(&status("True"))), Concerns::Everybody);
    assert_eq!(federations.observe(&federation(&status("True"))), Concerns::Nobody);
    let unwell = federations.observe(&federation(&status("Unknown")));
    assert_eq!(unwell, Concerns::Nobody, "unwell for a while");
    let mut keys = status("True");
    keys["published"] = json!({"discovery": {"url": "u", "sha256": "s"}, "jwks": {"url": "u", "sha256": "t"}});
    assert_eq!(federations.observe(&federation(&keys)), Concerns::Nobody, "a rotation");
    let mut changed = federation(&status("True"));
    changed.spec.interval = irsa_api::Duration::from_secs(60);
    assert_eq!(federations.observe(&changed), Concerns::Nobody, "another interval");
    assert_eq!(federations.get("default").unwrap().interval.as_secs(), 60);
    changed.spec.bindings.allow_retain = true;
    assert_eq!(federations.observe(&changed), Concerns::Everybody, "guard-rails");
    changed.spec.tags.insert("team".to_owned(), "x".to_owned());
    assert_eq!(federations.observe(&changed), Concerns::Everybody, "tags");
    changed.spec.pods.region = Some("us-east-1".to_owned());
    let concerns = federations.observe(&changed);
    assert!(matches!(concerns, Concerns::Pods { .. }), "what pods get: {concerns:?}");
    changed.spec.tags.clear();
    changed.spec.pods.region = None;
    assert_eq!(federations.observe(&changed), Concerns::Everybody, "both at once");
}

#[test]
fn a_new_object_of_the_same_name_must_prove_itself_again() {
    let federations = FederationCache::default();
    federations.observe(&federation(&status("True")));
    let mut again = federation(&status("False"));
    again.metadata.uid = Some("u-2".to_owned());
    federations.observe(&again);
    assert!(matches!(
        federations.get("default").unwrap().usage.state,
        FederationState::Unproven(_)
    ));
}

#[test]
fn federations_that_went_unseen_are_forgotten() {
    let federations = FederationCache::default();
    federations.observe(&federation(&status("True")));
    assert_eq!(
        federations.keep_only(&HashSet::from(["default".to_owned()])),
        Vec::<String>::new()
    );
    assert_eq!(federations.keep_only(&HashSet::new()), ["default"]);
    assert!(federations.get("default").is_none());
    assert!(!federations.forget("default"));
}

#[test]
fn the_ids_are_one_set_until_they_change() {
    let federations = FederationCache::default();
    let none = federations.ids();
    assert!(none.is_empty());
    federations.observe(&federation(&status("False")));
    let one = federations.ids();
    assert_eq!(
        *one,
        BTreeSet::from([irsa_core::naming::federation_id("https://b.example/c")])
    );
    federations.observe(&federation(&status("True")));
    assert!(Arc::ptr_eq(&one, &federations.ids()));
    federations.forget("default");
    assert_eq!(federations.ids(), none);
}

#[test]
fn absent_guard_rails_allow_nothing_and_defaults_come_from_the_issuer() {
    let mut bare = federation(&status("True"));
    bare.spec.bindings = BindingRules::default();
    let federations = FederationCache::default();
    federations.observe(&bare);
    let usage = federations.get("default").unwrap().usage.clone();
    assert_eq!(usage.guardrails.allowed_namespaces, ServedNamespaces::None);
    assert!(!usage.guardrails.inline_policies);
    let id = irsa_core::naming::federation_id("https://b.example/c");
    assert_eq!(usage.role_path, format!("/irsa/{id}/"));
    assert_eq!(usage.guardrails.role_name_prefix, format!("irsa-{id}-"));
    assert_eq!(usage.default_audience, "sts.amazonaws.com");
    assert_eq!(usage.connection.region, "eu-central-1");
}

#[test]
fn the_region_of_the_spec_goes_before_the_buckets() {
    let mut federation = federation(&status("True"));
    assert_eq!(connection(&federation).region, "eu-central-1");
    federation.spec.aws.region = Some("us-gov-west-1".to_owned());
    assert_eq!(connection(&federation).region, "us-gov-west-1");
}
