//! What surrounds a federation in the cluster: told in conditions of its own, `Ready` or not, and looked at once per interval.

use irsa_pipeline::federation::observe::api_servers::{AudienceReadError, OwnAudiences, Shortfall};

use super::*;

const SEPARATE: &str = "AudiencesSeparate";
const INJECTION: &str = "InjectionActive";

/// What is answered of kinds of admission; the condition's status and reason; a part of its message.
type Row<'a> = (&'a [(&'a str, u16, Vec<Value>)], (&'a str, &'a str), &'a str);

fn own(server: &str, audiences: Result<&[&str], AudienceReadError>) -> OwnAudiences {
    OwnAudiences {
        server: server.to_owned(),
        audiences: audiences.map(|own| own.iter().map(|audience| (*audience).to_owned()).collect()),
    }
}

/// Somebody asks for a pass.
fn ask(federation: &mut OidcFederation, value: &str) {
    let annotations = federation.metadata.annotations.get_or_insert_default();
    annotations.insert("irsa-anywhere.dev/reconcile-requested-at".to_owned(), value.to_owned());
}

fn message(federation: &OidcFederation, kind: &str) -> String {
    let conditions = federation.conditions();
    conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .unwrap()
        .message
        .clone()
}

#[tokio::test]
async fn an_audience_that_an_api_server_shares_is_told_and_the_federation_stays_ready() {
    let (bench, mut federation) = Bench::ready().await;
    assert_eq!(condition(&federation, SEPARATE), ("True", "Succeeded"));
    bench.cluster.serve_audiences(vec![
        own("10.0.0.1:6443", Ok(&["https://issuer"])),
        own("10.0.0.2:6443", Ok(&["https://issuer", "sts.amazonaws.com"])),
    ]);
    ask(&mut federation, "1");
    bench.succeed(&mut federation).await;
    assert_eq!(condition(&federation, "Ready").0, "True");
    assert_eq!(condition(&federation, SEPARATE), ("False", "ApiAudienceShared"));
    let says = message(&federation, SEPARATE);
    for part in [
        "10.0.0.2:6443",
        "sts.amazonaws.com",
        "--api-audiences",
        "docs/issuer.md",
    ] {
        assert!(says.contains(part), "{says}");
    }

    bench
        .cluster
        .serve_audiences(vec![own("10.0.0.1:6443", Err(AudienceReadError::Forbidden))]);
    ask(&mut federation, "2");
    bench.succeed(&mut federation).await;
    assert_eq!(condition(&federation, SEPARATE), ("Unknown", "NotPermitted"));
}

#[tokio::test]
async fn what_surrounds_it_is_looked_at_once_and_told_again_from_memory() {
    let (bench, mut federation) = Bench::ready().await;
    assert_eq!(bench.cluster.take_looks(), 1);
    for _ in 0..3 {
        bench.succeed(&mut federation).await;
    }
    assert_eq!(bench.cluster.take_looks(), 0, "passes that only look");
    bench.cluster.serve(vec![server(ISSUER, &[key("a"), key("b")])]);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.cluster.take_looks(), 0, "a full pass for another reason");
    edit(&mut federation, |spec| spec["audiences"] = json!(["https://issuer"]));
    bench.succeed(&mut federation).await;
    assert_eq!(bench.cluster.take_looks(), 1);
    assert_eq!(condition(&federation, SEPARATE).0, "False", "whoever moved");
    let bench = bench.restarted();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.cluster.take_looks(), 1);
}

#[tokio::test]
async fn a_federation_that_cannot_be_made_is_told_what_surrounds_it_and_looks_no_oftener() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.aws.fail("PutObject", irsa_aws::Kind::Unavailable, "down");
    for _ in 0..3 {
        bench.end(&mut federation, Reason::AwsUnavailable, "PutObject").await;
    }
    assert_eq!(condition(&federation, SEPARATE).0, "True");
    assert_eq!(condition(&federation, INJECTION).0, "True");
    assert_eq!(bench.cluster.take_looks(), 1);
}

#[tokio::test]
async fn whether_pods_are_injected_is_told_whatever_injects_them() {
    const POLICIES: &str = "v1/mutatingadmissionpolicies";
    const WEBHOOKS: &str = "v1/mutatingwebhookconfigurations";
    let webhook = json!({"metadata": {"name": "pod-identity-webhook"}, "webhooks": [
        {"name": "pod-identity-webhook.amazonaws.com", "rules": [{"resources": ["pods"], "operations": ["CREATE"]}]}]});
    let renamed = json!({"metadata": {"name": "plat-inject"}});
    let rows: [Row<'_>; 6] = [
        (&[], ("True", "Succeeded"), "MutatingAdmissionPolicyBinding inject"),
        (
            &[(POLICIES, 200, vec![renamed])],
            ("False", "InjectionMissing"),
            "refers to the policy inject,",
        ),
        (
            &[
                (POLICIES, 404, vec![]),
                ("v1beta1/mutatingadmissionpolicies", 404, vec![]),
            ],
            ("False", "InjectionMissing"),
            "serves no MutatingAdmissionPolicy",
        ),
        (
            &[
                (POLICIES, 404, vec![]),
                ("v1beta1/mutatingadmissionpolicies", 404, vec![]),
                (WEBHOOKS, 200, vec![webhook]),
            ],
            ("True", "Succeeded"),
            "MutatingWebhookConfiguration pod-identity-webhook",
        ),
        (
            &[(POLICIES, 403, vec![])],
            ("Unknown", "NotPermitted"),
            "mutatingadmissionpolicies",
        ),
        (
            &[(POLICIES, 500, vec![])],
            ("Unknown", "ApiServerUnavailable"),
            "mutatingadmissionpolicies",
        ),
    ];
    for (answers, expected, part) in rows {
        let bench = Bench::new();
        for (kind, status, items) in answers {
            bench.cluster.serve_admission(kind, *status, items.clone());
        }
        let mut federation = federation();
        bench.succeed(&mut federation).await;
        assert_eq!(
            condition(&federation, INJECTION),
            expected,
            "{}",
            message(&federation, INJECTION)
        );
        assert!(
            message(&federation, INJECTION).contains(part),
            "{}",
            message(&federation, INJECTION)
        );
    }
}

#[tokio::test]
async fn an_operator_that_asks_one_of_several_api_servers_says_so_and_the_federation_is_ready() {
    let bench = Bench::new();
    bench.cluster.fall_short(Shortfall::Forbidden);
    let mut federation = federation();
    bench.succeed(&mut federation).await;
    assert_eq!(condition(&federation, "KeysObserved"), ("Unknown", "NotPermitted"));
    let says = message(&federation, "KeysObserved");
    assert!(
        says.contains("--api-server-endpoints") && says.contains("1 key, 1 published"),
        "{says}"
    );
}
