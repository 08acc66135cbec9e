//! The proof: what is asked of STS and when, what its answers come to, and that it costs nothing while nothing changes.

mod refusals;

use std::time::Duration;

use irsa_api::IamRoleBindingStatus;
use irsa_aws::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::time::advance;

use super::{
    super::proof_record::{PATIENCE, PERIOD},
    fake_kubernetes::Tokens,
    *,
};

const AUDIENCE: &str = "sts.amazonaws.com";
const CANARY: &str = "irsa-anywhere-system/irsa-anywhere-canary";

/// A cluster in which roles can be proven.
fn guarded() -> Bench {
    let bench = Bench::new();
    bench.kubernetes.grant(Tokens::Guarded);
    bench.kubernetes.put_account("app");
    bench
}

fn verified(binding: &IamRoleBinding) -> &Condition {
    binding.condition(ConditionType::Verified).unwrap()
}

fn said(binding: &IamRoleBinding) -> (&str, &str) {
    let verified = verified(binding);
    (verified.status.as_str(), verified.reason.as_str())
}

fn digest(binding: &IamRoleBinding) -> Option<&str> {
    binding.status.as_ref()?.verified_digest.as_deref()
}

/// The federation has a signing key in this state.
fn key(bench: &Bench, state: &str) {
    let key = json!({
        "kid": "k", "thumbprint": "t", "alg": "RS256", "state": state, "firstSeen": "2026-01-01T00:00:00Z",
    });
    bench.federate(|federation| federation["status"]["keys"] = json!([key]));
}

fn trust(conditions: &Value) -> String {
    json!({"Statement": [{"Effect": "Allow", "Condition": {"StringEquals": conditions}}]}).to_string()
}

/// Somebody asks for a look.
fn ask(binding: &mut IamRoleBinding, value: &str) {
    let annotations = binding.metadata.annotations.get_or_insert_default();
    annotations.insert("irsa-anywhere.dev/reconcile-requested-at".to_owned(), value.to_owned());
}

/// As the driver does: the request counts as handled, whatever came of it.
fn handled(binding: &mut IamRoleBinding) {
    let requested = binding.requested_at().map(str::to_owned);
    binding.status.as_mut().unwrap().last_handled_reconcile_at = requested;
}

#[tokio::test(start_paused = true)]
async fn a_role_is_ready_once_sts_lets_its_service_account_in_and_refuses_the_canary() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("True", "Succeeded"));
    let message = &verified(&binding).message;
    assert!(
        message.contains("assumed-role/p-ns.app/irsa-anywhere-verify"),
        "{message}"
    );
    assert!(message.ends_with(&format!("refuses {CANARY}.")), "{message}");
    let own = format!("ns/app {AUDIENCE}");
    assert_eq!(bench.aws.take_shown(), [own.clone(), format!("{CANARY} {AUDIENCE}")]);
    // A token for the API server is refused to the operator in both namespaces before it asks for any other.
    assert_eq!(
        bench.kubernetes.take_asked(),
        [
            CANARY.to_owned(),
            "ns/app".to_owned(),
            own,
            format!("{CANARY} {AUDIENCE}")
        ]
    );
    assert!(bench.metrics().contains("proofs_total{result=\"proven\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_again_while_nothing_changes_nor_after_a_restart() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    bench.shown().await;
    let before = binding.status.clone();
    bench.aws.take_shown();
    bench.kubernetes.take_asked();
    bench.succeed(&mut binding).await;
    let bench = bench.restarted();
    advance(PERIOD * 3).await;
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.take_shown(), [""; 0]);
    assert_eq!(bench.kubernetes.take_asked(), [""; 0]);
    assert_eq!(binding.status, before);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_proof_rests_on_is_proven_again_when_it_changes() {
    type Change = fn(&Bench, &mut IamRoleBinding);
    let cases: [(&str, Change, bool); 7] = [
        (
            "another ServiceAccount",
            |bench, binding| {
                bench.kubernetes.put_account("other");
                edit(binding, |spec| {
                    spec["serviceAccounts"] = json!([{"name": "app"}, {"name": "other"}]);
                });
            },
            true,
        ),
        ("a key that signs", |bench, _| key(bench, "Live"), true),
        ("a key that signs no more", |bench, _| key(bench, "Retained"), false),
        (
            "another client ID of the provider",
            |bench, _| bench.federate(|federation| federation["spec"]["audiences"] = json!([AUDIENCE, "other"])),
            true,
        ),
        (
            "a trust policy that was put back",
            |bench, _| {
                bench
                    .aws
                    .tamper(ROLE, |stored| stored.role.trust_policy = trust(&json!({})));
            },
            true,
        ),
        (
            "a policy of the role",
            |_, binding| edit(binding, |spec| spec["policies"]["managed"] = json!([])),
            false,
        ),
        (
            "somebody asks",
            |_, binding| {
                let annotations = binding.metadata.annotations.get_or_insert_default();
                annotations.insert("irsa-anywhere.dev/reconcile-requested-at".to_owned(), "now".to_owned());
            },
            true,
        ),
    ];
    for (what, change, is_proven_again) in cases {
        let (bench, mut binding) = (guarded(), binding());
        bench.succeed(&mut binding).await;
        bench.shown().await;
        bench.aws.take_shown();
        let before = binding.status.clone().unwrap();
        change(&bench, &mut binding);
        // The inventory is as old as it may be.
        advance(Duration::from_mins(11)).await;
        bench.succeed(&mut binding).await;
        let shown = bench.aws.take_shown();
        assert_eq!(!shown.is_empty(), is_proven_again, "{what}: {:?}", verified(&binding));
        assert_eq!(said(&binding), ("True", "Succeeded"), "{what}");
        let after = binding.status.clone().unwrap();
        let proof = |status: &IamRoleBindingStatus| (status.verified_digest.clone(), status.verified_at.clone());
        assert!(is_proven_again || proof(&before) == proof(&after), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_for_an_audience_that_the_binding_lacks_must_be_refused_too() {
    let (bench, mut binding) = (guarded(), binding());
    bench.federate(|federation| federation["spec"]["audiences"] = json!([AUDIENCE, "other"]));
    bench.succeed(&mut binding).await;
    assert_eq!(
        bench.aws.take_shown(),
        [
            format!("ns/app {AUDIENCE}"),
            format!("{CANARY} {AUDIENCE}"),
            "ns/app other".to_owned()
        ]
    );
    assert!(verified(&binding).message.ends_with("and the audience other."));
}

#[tokio::test(start_paused = true)]
async fn an_annotation_is_no_lever_on_sts() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    bench.aws.take_shown();
    for number in 0..20 {
        ask(&mut binding, &number.to_string());
        bench.succeed(&mut binding).await;
        handled(&mut binding);
        advance(Duration::from_secs(2)).await;
    }
    assert_eq!(bench.aws.take_shown(), [""; 0], "proven a moment ago");
}

#[tokio::test(start_paused = true)]
async fn no_token_is_asked_for_that_an_api_server_would_take_for_its_own() {
    let (bench, mut binding) = (guarded(), binding());
    bench.federate(|federation| {
        let shared = condition("AudiencesSeparate", "False");
        federation["status"]["conditions"].as_array_mut().unwrap().push(shared);
    });
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("Unknown", "NotGuarded"));
    assert_eq!(bench.kubernetes.take_asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_else_keeps_is_proven_and_never_written() {
    let existing = format!("arn:aws:iam::{ACCOUNT}:role/theirs");
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/b.s3.eu-central-1.amazonaws.com");
    let issuer = "b.s3.eu-central-1.amazonaws.com";
    let statement = |pins: &Value| json!({"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": pins});
    let pinned = json!({"StringEquals": {format!("{issuer}:sub"): "system:serviceaccount:ns:app", format!("{issuer}:aud"): AUDIENCE}});
    // The judgement cannot tell whether this lets anybody in; STS can.
    let depends = json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}});
    let bench = guarded();
    bench.aws.put_foreign("theirs", irsa_aws::AwsTags::new());
    let statements = |all: &[Value]| json!({"Version": "2012-10-17", "Statement": all}).to_string();
    let put = |all: &[Value]| {
        let trust = statements(all);
        bench.aws.tamper("theirs", |stored| stored.role.trust_policy = trust);
    };
    put(&[statement(&pinned)]);
    let mut binding = binding_with(|binding| {
        binding["spec"] = json!({"serviceAccounts": [{"name": "app"}], "existingRole": {"arn": existing}});
    });
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("True", "Succeeded"));
    bench.aws.take_shown();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.take_shown(), [""; 0]);

    put(&[statement(&pinned), statement(&depends)]);
    let outcome = bench.end(&mut binding, Reason::TooPermissive, "does not pin sub").await;
    assert!(
        outcome.message.contains("Whoever keeps the role"),
        "{}",
        outcome.message
    );
    put(&[statement(&pinned)]);
    bench.succeed(&mut binding).await;
    let writes: Vec<String> = bench.aws.take_calls();
    let reads = ["GetRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"];
    assert!(writes.iter().all(|call| reads.contains(&call.as_str())), "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_proven_nothing_else_suffers_and_no_token_is_asked_for() {
    for (tokens, reason, says) in [
        (Tokens::Forbidden, "NotPermitted", "config/verify"),
        (Tokens::WithoutCanary, "NotPermitted", "irsa-anywhere-canary"),
        (Tokens::Unguarded, "NotGuarded", "config/verify"),
    ] {
        let (bench, mut binding) = (guarded(), binding());
        bench.kubernetes.grant(tokens);
        bench.succeed(&mut binding).await;
        assert_eq!(said(&binding), ("Unknown", reason));
        assert!(
            verified(&binding).message.contains(says),
            "{}",
            verified(&binding).message
        );
        let ready = binding.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.status, "True");
        assert!(ready.message.contains("STS was not asked"), "{}", ready.message);
        let dry_run: &[&str] = if tokens == Tokens::WithoutCanary {
            &[]
        } else {
            &[CANARY]
        };
        assert_eq!(bench.kubernetes.take_asked(), dry_run, "the canary may nothing");
        assert_eq!(bench.aws.take_shown(), [""; 0]);
        // It is not asked with every pass, nor for every binding.
        bench.succeed(&mut binding).await;
        assert_eq!(bench.kubernetes.take_asked(), [""; 0]);
        advance(Duration::from_mins(2)).await;
        bench.kubernetes.grant(Tokens::Guarded);
        bench.succeed(&mut binding).await;
        assert_eq!(said(&binding), ("True", "Succeeded"));
        // What was proven stays so when the right is taken away.
        bench.kubernetes.grant(tokens);
        advance(Duration::from_mins(2)).await;
        bench.succeed(&mut binding).await;
        assert_eq!(said(&binding), ("True", "Succeeded"));
    }
}

#[tokio::test(start_paused = true)]
async fn never_is_never() {
    let (bench, mut binding) = (guarded(), binding());
    bench.succeed(&mut binding).await;
    assert!(digest(&binding).is_some());
    bench.kubernetes.take_asked();
    edit(&mut binding, |spec| spec["verify"] = json!("Never"));
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("Unknown", "NotAsked"));
    assert_eq!((digest(&binding), bench.kubernetes.take_asked()), (None, Vec::new()));
    edit(&mut binding, |spec| spec["verify"] = json!("OnChange"));
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("True", "Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_periodic_proof_comes_about_once_a_day_and_not_with_a_restart() {
    let (bench, mut binding) = (guarded(), binding());
    edit(&mut binding, |spec| spec["verify"] = json!("Periodic"));
    bench.succeed(&mut binding).await;
    let first = binding.status.clone().unwrap().verified_at;
    let mut passes = Vec::new();
    for hour in 1..=100 {
        advance(Duration::from_hours(1)).await;
        bench.aws.take_shown();
        bench.succeed(&mut binding).await;
        if !bench.aws.take_shown().is_empty() {
            passes.push(hour);
        }
    }
    assert!((3..=5).contains(&passes.len()), "{passes:?}");
    assert_eq!(
        binding.status.clone().unwrap().verified_at,
        first,
        "nothing else was proven"
    );
    let bench = bench.restarted();
    bench.succeed(&mut binding).await;
    assert_eq!(bench.aws.take_shown(), [""; 0]);
    advance(PERIOD).await;
    bench.succeed(&mut binding).await;
    assert!(!bench.aws.take_shown().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_sts_that_cannot_be_asked_is_trouble_and_no_verdict() {
    let (bench, mut binding) = (guarded(), binding());
    bench.aws.fail("AssumeRoleWithWebIdentity", Kind::Throttled);
    bench.end(&mut binding, Reason::Throttled, "").await;
    assert_eq!(said(&binding), ("Unknown", "Throttled"));
    bench.aws.recover();
    bench.kubernetes.grant(Tokens::Down);
    bench.shown().await;
    bench.end(&mut binding, Reason::ApiServerUnavailable, "").await;
    bench.kubernetes.grant(Tokens::Guarded);
    bench.succeed(&mut binding).await;
    // Ready is about the world: a proof that is due and cannot be made changes nothing for a while.
    bench.shown().await;
    bench.aws.fail("AssumeRoleWithWebIdentity", Kind::Unavailable);
    bench.federate(|federation| federation["spec"]["audiences"] = json!([AUDIENCE, "other"]));
    bench.end(&mut binding, Reason::AwsUnavailable, "").await;
    assert!(binding.is_ready());
    bench.aws.recover();
    bench.succeed(&mut binding).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_account_that_the_pods_see_to_themselves_may_come_later() {
    let (bench, mut binding) = (Bench::new(), binding());
    bench.kubernetes.grant(Tokens::Guarded);
    edit(&mut binding, |spec| spec["serviceAccountMode"] = json!("None"));
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("Unknown", "ServiceAccountNotFound"));
    bench.kubernetes.put_account("app");
    bench.succeed(&mut binding).await;
    assert_eq!(said(&binding), ("True", "Succeeded"));
}
