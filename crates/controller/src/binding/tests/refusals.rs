//! Waits and refusals, each with its reason and its sentence.

use irsa_core::{naming::Tags, outcome::Status, trust};

use super::*;

async fn refused(change: impl FnOnce(&mut Value), reason: Reason, fragment: &str) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.end(&mut binding_with(change), reason, fragment).await;
    assert!(bench.aws.get(ROLE).is_none());
    assert_eq!(bench.kubernetes.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_spec_cannot_have_is_refused_before_anything_is_made() {
    let other = |binding: &mut Value| binding["spec"]["federationRef"] = json!({"name": "other"});
    refused(other, Reason::FederationNotFound, "OidcFederation other does not exist").await;
    let admin = |binding: &mut Value| binding["spec"]["policies"]["managed"] = json!(["AdministratorAccess"]);
    refused(admin, Reason::PolicyNotAllowed, "AdministratorAccess is not in").await;
    let nonsense = |binding: &mut Value| binding["spec"]["policies"]["managed"] = json!(["a b"]);
    refused(nonsense, Reason::InvalidSpec, "spec.policies.managed").await;
    let malformed = |binding: &mut Value| binding["spec"]["policies"]["inline"][0]["document"] = json!({"x": 1});
    refused(malformed, Reason::MalformedPolicy, "spec.policies.inline[0].document").await;
    let tagged = |binding: &mut Value| binding["spec"]["role"] = json!({"tags": {"cost": "x"}});
    refused(tagged, Reason::InvalidSpec, "allowedTagKeys").await;
    let named = |binding: &mut Value| binding["spec"]["role"] = json!({"name": "p-other.app"});
    refused(named, Reason::InvalidSpec, "must start with p-ns.").await;
    let retained = |binding: &mut Value| binding["spec"]["deletionPolicy"] = json!("Retain");
    refused(retained, Reason::InvalidSpec, "allowRetain").await;
    let audience = |binding: &mut Value| binding["spec"]["audiences"] = json!(["vault"]);
    refused(audience, Reason::InvalidSpec, "vault is not among").await;
}

#[tokio::test]
async fn a_trust_policy_over_the_quota_is_refused_with_its_figures() {
    let mut bench = Bench::new();
    bench.controller.limits.trust_characters = 300;
    bench
        .end(&mut binding(), Reason::TrustPolicyTooLarge, "the quota is 300")
        .await;
}

#[tokio::test]
async fn a_namespace_that_the_federation_does_not_serve_waits() {
    let bench = Bench::new();
    bench.federate(|federation| {
        federation["spec"]["bindings"]["allowedNamespaces"]["selector"]["matchLabels"]["team"] = json!("b");
    });
    bench
        .end(&mut binding(), Reason::NamespaceNotAllowed, "namespace ns")
        .await;
    assert_eq!(bench.aws.take_calls(), ["GetRole"]);
}

#[tokio::test]
async fn a_federation_is_waited_for_until_it_was_ready_once() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let again = |status: Value| {
        move |federation: &mut Value| {
            federation["metadata"]["uid"] = json!("new");
            federation["status"] = status;
        }
    };
    let arn = federation().status.unwrap().provider_arn;
    let mut binding = binding();
    bench.federate(again(json!({})));
    bench
        .end(&mut binding, Reason::FederationNotReady, "not ready yet")
        .await;
    bench.federate(again(
        json!({"providerArn": arn, "conditions": [condition("Ready", "False")]}),
    ));
    bench
        .end(&mut binding, Reason::FederationNotReady, "not ready yet")
        .await;
    bench.federate(again(
        json!({"providerArn": arn, "conditions": [condition("Ready", "True")]}),
    ));
    bench.succeed(&mut binding).await;
    bench.federate(again(
        json!({"providerArn": arn, "conditions": [condition("Ready", "False")]}),
    ));
    bench.succeed(&mut binding).await;

    let bench = bench.restarted();
    bench.federate(again(
        json!({"providerArn": arn, "conditions": [condition("Ready", "Unknown")]}),
    ));
    bench.succeed(&mut binding).await;
    bench
        .end(
            &mut binding_with(|other| other["metadata"]["name"] = json!("b")),
            Reason::FederationNotReady,
            "",
        )
        .await;
    bench.federate(again(
        json!({"providerArn": arn, "conditions": [condition("Stalled", "True")]}),
    ));
    bench
        .end(&mut binding, Reason::FederationNotReady, "must be corrected")
        .await;
}

#[tokio::test]
async fn a_foreign_role_is_refused_and_untouched() {
    let bench = Bench::new();
    bench.aws.put_foreign(ROLE, Tags::new());
    let mut binding = binding();
    let outcome = bench.end(&mut binding, Reason::ForeignRole, ROLE).await;
    assert_eq!(
        outcome.aspects.last().map(|aspect| (aspect.kind, aspect.status)),
        Some((ConditionType::RoleSynced, Status::False))
    );
    assert_eq!(bench.aws.take_calls(), ["GetRole"]);
    assert_eq!(binding.status.unwrap().role_arn, None);
}

#[tokio::test]
async fn another_bindings_role_is_refused_by_its_tags() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.succeed(&mut binding()).await;
    let mut thief = binding_with(|binding| {
        binding["metadata"]["name"] = json!("thief");
        binding["spec"]["role"] = json!({"name": ROLE});
    });
    bench.end(&mut thief, Reason::RoleNameTaken, "ns/app").await;
}

#[tokio::test]
async fn the_older_binding_keeps_a_service_account() {
    let mut bench = Bench::new();
    let older = binding_with(|binding| {
        binding["metadata"]["name"] = json!("older");
        binding["metadata"]["uid"] = json!("older");
        binding["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    });
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&older)));
    bench.end(&mut binding(), Reason::ServiceAccountTaken, "older").await;
    assert_eq!(
        bench.aws.take_calls(),
        ["GetRole"],
        "is there a role that must be closed?"
    );
}

#[tokio::test]
async fn roles_beyond_the_limit_of_a_namespace_wait() {
    let mut bench = Bench::new();
    bench.kubernetes.put_account("app");
    bench.federate(|federation| federation["spec"]["bindings"]["maxRolesPerNamespace"] = json!(1));
    let mut binding = binding();
    bench.bindings.apply_watcher_event(&Event::Apply(decoded(&binding)));
    bench.succeed(&mut binding).await;
    let mut second = binding_with(|binding| {
        binding["metadata"]["name"] = json!("second");
        binding["spec"]["serviceAccounts"] = json!([{"name": "second"}]);
    });
    bench
        .end(&mut second, Reason::QuotaExceeded, "has 1 role already")
        .await;
}

#[tokio::test]
async fn guard_rails_that_tighten_close_the_role_and_loosened_ones_open_it() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    let open = bench.aws.get(ROLE).unwrap().role.trust_policy;
    bench.aws.take_calls();

    bench.federate(|federation| federation["spec"]["bindings"]["allowedManagedPolicies"] = json!([]));
    bench
        .end(&mut binding, Reason::PolicyNotAllowed, "nobody can assume the role")
        .await;
    let trust_is =
        |validated: &str| irsa_core::compare::equivalent(&bench.aws.get(ROLE).unwrap().role.trust_policy, validated);
    assert!(trust_is(trust::closed().as_str()));
    assert_eq!(
        bench.aws.take_calls().last().map(String::as_str),
        Some("UpdateAssumeRolePolicy")
    );

    bench
        .end(&mut binding, Reason::PolicyNotAllowed, "nobody can assume the role")
        .await;
    assert!(
        !bench.aws.take_calls().contains(&"UpdateAssumeRolePolicy".to_owned()),
        "closed once"
    );

    bench.federate(|_| ());
    bench.succeed(&mut binding).await;
    assert!(trust_is(&open));
}

#[tokio::test]
async fn a_tenants_mistake_leaves_the_role_as_it_is() {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.aws.take_calls();
    edit(&mut binding, |spec| {
        spec["policies"]["managed"] = json!(["AdministratorAccess"]);
    });
    let outcome = bench
        .end(&mut binding, Reason::PolicyNotAllowed, "AdministratorAccess")
        .await;
    assert!(!outcome.message.contains("nobody can assume"), "{}", outcome.message);
    assert_eq!(
        bench.aws.take_calls(),
        ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies"]
    );
}

#[tokio::test]
async fn credentials_of_another_account_than_the_providers_make_nothing() {
    let bench = Bench::new();
    bench.federate(|federation| {
        federation["status"]["providerArn"] = json!("arn:aws:iam::999999999999:oidc-provider/b.example");
    });
    bench
        .end(&mut binding(), Reason::FederationNotReady, "999999999999")
        .await;
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
}

#[tokio::test]
async fn aws_trouble_has_the_reason_of_its_class() {
    for (kind, reason) in [
        (irsa_aws::Kind::AccessDenied, Reason::AccessDenied),
        (irsa_aws::Kind::Throttled, Reason::Throttled),
        (irsa_aws::Kind::LimitExceeded, Reason::QuotaExceeded),
    ] {
        let bench = Bench::new();
        bench.aws.fail("CreateRole", kind);
        bench.end(&mut binding(), reason, "CreateRole").await;
    }
}
