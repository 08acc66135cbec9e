//! Every reason that can happen now, provoked once on a real API server: its condition, its class, its sentence. And
//! over every status that was visible meanwhile, the rules by which GitOps tools judge.

mod bindings;
mod federations;

use std::{collections::BTreeSet, time::Duration};

use irsa_core::vocabulary::{Class, Reason};
use irsa_testkit::{
    aws::{
        AwsError, Fault, FaultRule, Service,
        s3::{BucketOptions, PublicAccessBlock},
    },
    controlplane::SigningKey,
};
use irsa_tests::world::{ISSUER_BUCKET, REGION, World, objects::condition};
use serde_json::{Value, json};

use crate::support::{recorder::Recorder, status_rules};

/// Reasons that no real API server and no fault of AWS can provoke here, and where they are tested instead.
const ELSEWHERE: [(Reason, &str); 15] = [
    (
        Reason::ClusterCopied,
        "takes a second control plane; tests/tests/coexistence/copies.rs",
    ),
    (
        Reason::DriftContested,
        "takes three rounds in virtual time; crates/controller/src/binding/tests/contest.rs",
    ),
    (
        Reason::KeysUnusable,
        "kube-apiserver itself never serves such keys; crates/controller/src/federation/tests/keys.rs",
    ),
    (Reason::AdmissionDenied, "tests/tests/installation/refusals.rs"),
    (
        Reason::NamespaceTerminating,
        "the binding goes with its namespace; crates/core/src/refusal/tests.rs",
    ),
    (
        Reason::NotChecked,
        "no verdict on an object; crates/controller/src/federation/tests/early_ends.rs",
    ),
    (
        Reason::Verifying,
        "IAM that shows a change late; tests/tests/verify/proof.rs",
    ),
    (
        Reason::AssumeRoleRefused,
        "takes two minutes; tests/tests/verify/proof.rs",
    ),
    (Reason::TooPermissive, "tests/tests/verify/wide.rs"),
    (
        Reason::NotGuarded,
        "no verdict on an object; tests/tests/verify/rights.rs",
    ),
    (
        Reason::NotAsked,
        "no verdict on an object; crates/controller/src/binding/tests/verify.rs",
    ),
    (Reason::LargeAccount, "no verdict on an object; tests/tests/budget"),
    (Reason::ApiAudienceShared, "no verdict on an object; around.rs"),
    (Reason::InjectionMissing, "no verdict on an object; around.rs"),
    (Reason::NotPermitted, "no verdict on an object; around.rs"),
];

/// An object that must end with this reason and a sentence that has these parts.
struct Case {
    /// Empty for a federation.
    namespace: &'static str,
    name: &'static str,
    reason: Reason,
    parts: &'static [&'static str],
}

const fn case(namespace: &'static str, name: &'static str, reason: Reason, parts: &'static [&'static str]) -> Case {
    Case {
        namespace,
        name,
        reason,
        parts,
    }
}

/// A world, what was visible in it, and the reasons that were seen.
struct Bench {
    world: World,
    recorder: Recorder,
    seen: BTreeSet<Reason>,
}

impl Bench {
    async fn apply(&self, object: &Value) {
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), object.to_string()).unwrap();
        self.world.cluster.apply_file(file.path(), false).await.unwrap();
    }

    /// Several at once, which is quicker than one by one.
    async fn apply_all(&self, objects: Vec<Value>) {
        self.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))
            .await;
    }

    async fn see(&mut self, cases: &[Case]) {
        for case in cases {
            let expected = case.reason.as_str();
            let object = self
                .recorder
                .wait_for(case.namespace, case.name, |object| {
                    let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
                    current
                        && [carrier(case.reason), "Ready"].iter().any(|kind| {
                            condition(object, kind).is_some_and(|condition| condition["reason"] == expected)
                        })
                })
                .await;
            assert_class(case, &object);
            self.seen.insert(case.reason);
        }
    }
}

/// The condition that says the reason, `Ready` apart.
const fn carrier(reason: Reason) -> &'static str {
    match reason.class() {
        Class::Stalled => "Stalled",
        Class::Wait | Class::Settling | Class::Retry => "Reconciling",
        Class::Done => "Ready",
    }
}

fn assert_class(case: &Case, object: &Value) {
    let says = condition(object, carrier(case.reason)).unwrap_or_else(|| panic!("{object:#}"));
    let message = says["message"].as_str().unwrap();
    for part in case.parts {
        assert!(message.contains(part), "{}: {part:?} is not in: {message}", case.name);
    }
    let sentences = message.ends_with('.') && message.len() < 1024;
    assert!(sentences, "{}: not a sentence: {message}", case.name);
    let ready = &condition(object, "Ready").unwrap()["status"];
    match case.reason.class() {
        Class::Stalled | Class::Wait => assert_eq!(ready, "False", "{object:#}"),
        Class::Settling | Class::Retry => assert_ne!(ready, "True", "{object:#}"),
        Class::Done => assert_eq!(ready, "True", "{object:#}"),
    }
}

/// A federation whose issuer is `clusters/<name>` in a bucket.
fn federation(name: &str, bucket: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": name},
        "spec": {
            "issuer": format!("https://{bucket}.s3.{REGION}.amazonaws.com/clusters/{name}"),
            "publish": {"s3": {"bucket": bucket, "region": REGION}},
        },
    })
}

/// The federation of `config/samples` with tight guard-rails and a short interval.
fn the_federation() -> Value {
    let mut it = federation("demo", ISSUER_BUCKET);
    it["metadata"]["name"] = "default".into();
    it["spec"]["interval"] = "10s".into();
    it["spec"]["bindings"] = json!({
        "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"irsa": "yes"}}},
        "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"],
        "maxRolesPerNamespace": 2,
    });
    it
}

/// The operator may do everything here but what a case withholds.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "iam:*", "Resource": ["arn:aws:iam::*:oidc-provider/*/clusters/denied", "arn:aws:iam::*:role/*.denied"]}
]}"#;

async fn bench() -> Bench {
    let world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let account = world.aws.account(irsa_tests::world::ACCOUNT);
    account.create_user("irsa-anywhere", POLICY).unwrap();
    let mut blocked = BucketOptions::in_region(REGION);
    blocked.public_access_block = Some(PublicAccessBlock::ALL);
    account.create_bucket("acme-blocked", blocked);
    let mut external = BucketOptions::in_region(REGION);
    external.public_access_block = None;
    account.create_bucket(
        "acme-external",
        external.with_policy(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-external/*"}]})),
    );
    let theirs = BucketOptions::in_region(REGION);
    world.aws.account("210987654321").create_bucket("not-acmes", theirs);
    let recorder = Recorder::start(&world.cluster.kubeconfig()).await;
    Bench {
        world,
        recorder,
        seen: BTreeSet::new(),
    }
}

/// An error of AWS for every call about `resource`.
fn always(operation: &str, resource: &str, status: u16, code: &str) -> FaultRule {
    let error = AwsError::new(status, code, "provoked by a test");
    let mut rule = FaultRule::new(operation, usize::MAX, Fault::ErrorBefore(error));
    rule.resource = Some(resource.to_owned());
    rule
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_provoked_once_and_says_what_to_do() {
    let mut bench = bench().await;

    // An API server that does not answer: the issuer is made, but nobody vouches for its keys.
    let dead = "--api-server-endpoints=127.0.0.1:1";
    bench.world.start_operator_with(&[dead]).await.unwrap();
    // And an AWS that is slow, so that what is being done is said before it is done.
    bench.world.aws.set_latency(Service::Iam, Duration::from_secs(2));
    bench.apply(&the_federation()).await;
    let parts: &[&str] = &["127.0.0.1:1", "as last seen"];
    bench
        .see(&[case("", "default", Reason::ApiServerUnavailable, parts)])
        .await;
    bench.world.aws.set_latency(Service::Iam, Duration::ZERO);
    bench.world.stop_operator().await.unwrap();
    bench.world.start_operator().await.unwrap();
    let parts: &[&str] = &["is published and registered"];
    bench.see(&[case("", "default", Reason::Succeeded, parts)]).await;

    federations::provoke(&mut bench).await;
    bindings::provoke(&mut bench).await;

    // AWS goes away for longer than three intervals: Ready turns to Unknown.
    bench.world.aws.clear_faults();
    bench.world.aws.stop(Service::S3);
    let unconfirmed = bench
        .recorder
        .wait_for("", "default", |object| {
            condition(object, "Ready").is_some_and(|ready| ready["reason"] == Reason::Unconfirmed.as_str())
        })
        .await;
    assert_eq!(condition(&unconfirmed, "Ready").unwrap()["status"], "Unknown");
    bench.seen.insert(Reason::Unconfirmed);
    bench.world.aws.start(Service::S3);
    let parts: &[&str] = &["is published and registered"];
    bench.see(&[case("", "default", Reason::Succeeded, parts)]).await;

    // What is being deleted names what it waits for.
    let kubectl = ["delete", "oidcfederation", "default", "--wait=false"];
    bench.world.kubectl(&kubectl).await.unwrap();
    let parts: &[&str] = &["IamRoleBinding"];
    bench.see(&[case("", "default", Reason::BindingsRemain, parts)]).await;

    let versions = status_rules::check(&bench.recorder);
    assert!(versions > 150, "only {versions} statuses were checked");
    if status_rules::begin_with(&bench.recorder, Reason::Progressing) {
        bench.seen.insert(Reason::Progressing);
    }
    bench.seen.extend(ELSEWHERE.map(|(reason, _)| reason));
    let forgotten: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !bench.seen.contains(reason))
        .collect();
    assert!(forgotten.is_empty(), "never provoked: {forgotten:?}");
}
