//! Every early end of a pass: what each aspect says afterwards is of this pass, and of no other.

use std::time::Duration;

use irsa_aws::Kind;
use irsa_core::{outcome::Others, vocabulary::Class};

use super::*;

/// What a condition says that no pass of these tests writes.
const BEFORE: &str = "said by an earlier pass";

/// As an earlier pass may have left it: every aspect good, or every one bad, each in that pass's words.
fn as_before(federation: &mut OidcFederation, good: bool) {
    for condition in &mut federation.status.as_mut().unwrap().conditions {
        if ["Ready", "RolesInventoried"].contains(&condition.type_.as_str()) {
            continue;
        }
        condition.message = BEFORE.to_owned();
        condition.status = if good { "True" } else { "False" }.to_owned();
        condition.reason = if good { "Succeeded" } else { "AccessDenied" }.to_owned();
    }
}

/// A pass over this world, from either past. Returns the federation afterwards.
async fn ends_early(bench: &Bench, federation: &OidcFederation, why: &str) -> OidcFederation {
    let mut last = federation.clone();
    for good in [true, false] {
        let mut federation = federation.clone();
        as_before(&mut federation, good);
        let outcome = bench.pass(&mut federation).await;
        assert_ne!(outcome.reason, Reason::Succeeded, "{why}");
        assert_eq!(outcome.others, Others::NotChecked, "{why}");
        for condition in federation.conditions() {
            assert_ne!(condition.message, BEFORE, "{why}: {condition:?}");
        }
        last = federation;
    }
    last
}

fn message<'a>(federation: &'a OidcFederation, kind: &str) -> &'a str {
    let found = federation.conditions().iter().find(|condition| condition.type_ == kind);
    &found.unwrap().message
}

/// What becomes different in AWS before a pass.
type InAws = fn(&Bench);
/// What becomes different before a pass.
type Change = fn(&mut Bench, &mut OidcFederation);

/// Calls of a pass, and what must be different in the world for it to be made.
const CALLS: [(&str, InAws); 9] = [
    ("Connect", |_| ()),
    ("GetObject", |_| ()),
    ("GetBucketPolicy", |_| ()),
    ("GetOpenIDConnectProvider", |_| ()),
    ("PutObject", |bench| bench.aws.overwrite(JWKS, b"{}")),
    ("PutBucketPolicy", |bench| bench.aws.world(|world| world.policy = None)),
    ("CreateOpenIDConnectProvider", |bench| {
        bench.aws.world(|world| world.provider = None);
    }),
    ("TagProvider", |bench| {
        bench
            .aws
            .world(|world| drop(world.provider.as_mut().unwrap().tags.remove("team")));
    }),
    ("RemoveClientID", |bench| {
        bench
            .aws
            .world(|world| world.provider.as_mut().unwrap().client_ids.insert("theirs".to_owned()));
    }),
];

const KINDS: [Kind; 8] = [
    Kind::AccessDenied,
    Kind::Throttled,
    Kind::Unavailable,
    Kind::NoCredentials,
    Kind::LimitExceeded,
    Kind::Conflict,
    Kind::NotFound,
    Kind::InvalidInput,
];

#[tokio::test]
async fn whichever_call_to_aws_fails_no_aspect_keeps_what_an_earlier_pass_said() {
    for (call, change) in CALLS {
        for kind in KINDS {
            let (bench, federation) = Bench::ready().await;
            let bench = bench.restarted();
            bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
            change(&bench);
            bench.aws.fail(call, kind, "provoked");
            let federation = ends_early(&bench, &federation, &format!("{call} {kind:?}")).await;
            // What was not overwritten above is still what everybody gets.
            if !["PutObject", "PutBucketPolicy"].contains(&call) {
                assert_eq!(condition(&federation, "PubliclyReadable").0, "True", "{call} {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_the_cluster_or_the_spec_lacks_no_aspect_keeps_what_an_earlier_pass_said() {
    let worlds: [(&str, Change); 10] = [
        ("no keys", |bench, _| bench.cluster.serve(vec![server(ISSUER, &[])])),
        ("keys twice", |bench, _| {
            let mut other = key("b");
            other["kid"] = "a".into();
            bench.cluster.serve(vec![server(ISSUER, &[key("a"), other])]);
        }),
        ("a record that cannot be read", |bench, _| {
            bench
                .cluster
                .change_record(|record| *record = Some(json!({"version": "?"})));
        }),
        ("a record that may not be read", |bench, _| {
            bench.cluster.refuse(Some((403, "no")));
        }),
        ("no API server", |bench, _| bench.cluster.refuse(Some((500, "no")))),
        ("an issuer that the bucket does not serve", |_, federation| {
            edit(federation, |spec| spec["publish"]["s3"]["region"] = json!("eu-west-1"));
        }),
        ("a key that is none", |_, federation| {
            edit(federation, |spec| {
                spec["signingKeys"] = json!({"additional": [{"name": "next", "publicKeyPem": "nonsense"}]});
            });
        }),
        ("an older federation", |bench, _| {
            let older = federation_with(|older| {
                older["metadata"]["name"] = json!("older");
                older["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
            });
            know(&mut bench.federations, &older);
        }),
        ("another account", |_, federation| {
            edit(federation, |spec| spec["aws"] = json!({"accountId": "999999999999"}));
        }),
        ("a cluster that may be a copy", |bench, _| {
            bench.cluster.change_record(|record| {
                record.as_mut().unwrap()["instance"]["servers"] = json!(["10.0.0.1:6443"]);
            });
            let elsewhere = ["192.168.0.1:6443"];
            bench.controller.instances = Instances::behind(&elsewhere, bench.cluster.client(), "irsa");
        }),
    ];
    for (why, change) in worlds {
        let (bench, mut federation) = Bench::ready().await;
        let mut bench = bench.restarted();
        bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
        change(&mut bench, &mut federation);
        let federation = ends_early(&bench, &federation, why).await;
        assert_eq!(condition(&federation, "PubliclyReadable").0, "True", "{why}");
    }
}

#[tokio::test]
async fn that_the_documents_are_gone_is_seen_and_said_whatever_else_is_in_the_way() {
    for kind in KINDS {
        for call in ["Connect", "GetOpenIDConnectProvider", "GetObject"] {
            let (bench, mut federation) = Bench::ready().await;
            let bench = bench.restarted();
            bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
            bench.aws.fail(call, kind, "provoked");
            bench.aws.world(|world| world.objects.clear());
            let outcome = bench.pass(&mut federation).await;
            let why = format!("{call} {kind:?}: {}", outcome.message);
            assert_eq!(
                condition(&federation, "PubliclyReadable"),
                ("False", "PublicAccessBlocked"),
                "{why}"
            );
            assert_eq!(condition(&federation, "Ready").0, "False", "{why}");
            assert!(matches!(outcome.reason.class(), Class::Wait | Class::Stalled), "{why}");
            let before = federation.status.clone();
            bench.pass(&mut federation).await;
            assert_eq!(federation.status, before, "{why}");
        }
    }
}

#[tokio::test]
async fn foreign_keys_are_an_incident_also_without_credentials() {
    let (bench, mut federation) = Bench::ready().await;
    bench.aws.fail("GetObject", Kind::Unavailable, "provoked");
    let theirs = json!({"keys": [key("theirs")]}).to_string().into_bytes();
    bench.aws.world(|world| world.swapped.insert(JWKS.to_owned(), theirs));
    bench
        .end(&mut federation, Reason::PublicAccessBlocked, "not this cluster's")
        .await;
    assert_eq!(
        condition(&federation, "PubliclyReadable"),
        ("False", "PublicAccessBlocked")
    );
}

#[tokio::test]
async fn a_bucket_policy_that_may_not_be_read_does_not_make_readable_documents_unreadable() {
    let (bench, federation) = Bench::ready().await;
    let bench = bench.restarted();
    bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
    bench
        .aws
        .fail("GetBucketPolicy", Kind::AccessDenied, "User: x is not authorized");
    let federation = ends_early(&bench, &federation, "GetBucketPolicy").await;
    assert_eq!(condition(&federation, "Ready"), ("False", "AccessDenied"));
    assert_eq!(condition(&federation, "PubliclyReadable"), ("True", "Succeeded"));
    assert!(message(&federation, "Published").contains("ended with AccessDenied"));
}

#[tokio::test]
async fn documents_that_were_not_put_yet_are_not_said_to_be_there() {
    let bench = Bench::new();
    bench.aws.world(|world| world.no_bucket = true);
    bench.aws.fail("PutPublicAccessBlock", Kind::Unavailable, "down");
    let mut federation = federation_with(|federation| federation["spec"]["publish"]["s3"]["create"] = json!(true));
    bench.end(&mut federation, Reason::AwsUnavailable, "").await;
    assert!(bench.aws.object(JWKS).is_none());
    assert_eq!(condition(&federation, "Published"), ("Unknown", "NotChecked"));
    assert!(federation.status.unwrap().published.is_none());
}

/// It is cut off wherever it is, and the documents are looked at after that.
#[tokio::test]
async fn a_pass_that_runs_over_its_deadline_vouches_for_the_documents_alone() {
    let (bench, federation) = Bench::ready().await;
    let mut bench = bench.restarted();
    bench.controller.driver.deadline = Duration::from_millis(200);
    bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
    bench.aws.world(|world| world.hung = true);
    let federation = ends_early(&bench, &federation, "an AWS that does not answer").await;
    assert_eq!(condition(&federation, "PubliclyReadable"), ("True", "Succeeded"));
    assert!(message(&federation, "Published").contains("ended with AwsUnavailable"));

    let mut federation = federation;
    bench.aws.world(|world| world.objects.clear());
    let outcome = bench.pass(&mut federation).await;
    assert_eq!(outcome.reason, Reason::PublicAccessBlocked, "{}", outcome.message);
    assert!(
        outcome.message.contains("Besides: AWS did not answer within"),
        "{}",
        outcome.message
    );
    assert_eq!(condition(&federation, "PubliclyReadable").0, "False");
    assert_eq!(condition(&federation, "Ready").0, "False");
}

fn user(bench: &mut Bench) {
    let user = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "team"}, "spec": {"serviceAccounts": [{"name": "x"}]},
    });
    let user = Decoded::of(serde_json::from_value(user).unwrap());
    bench.bindings.apply_watcher_event(&Event::Apply(user));
}

#[tokio::test]
async fn a_deletion_that_comes_to_no_end_vouches_for_nothing() {
    let worlds: [(&str, Reason, Change); 4] = [
        ("bindings that use it", Reason::BindingsRemain, |bench, _| user(bench)),
        ("a call that is refused", Reason::AccessDenied, |bench, _| {
            bench
                .aws
                .fail("DeleteOpenIDConnectProvider", Kind::AccessDenied, "provoked");
        }),
        ("a record that may not be read", Reason::AccessDenied, |bench, _| {
            bench.cluster.refuse(Some((403, "User \"x\" cannot get resource")));
        }),
        ("an AWS that does not answer", Reason::AwsUnavailable, |bench, _| {
            bench.aws.world(|world| world.hung = true);
        }),
    ];
    for (why, reason, change) in worlds {
        let (mut bench, mut federation) = Bench::ready().await;
        bench.controller.driver.deadline = Duration::from_millis(200);
        change(&mut bench, &mut federation);
        for good in [true, false] {
            as_before(&mut federation, good);
            let outcome = bench.cleanup(&federation).await.unwrap_err();
            assert_eq!(outcome.reason, reason, "{why}: {}", outcome.message);
            for condition in concluded(&federation, &outcome, Timestamp::now()) {
                assert_ne!(condition.message, BEFORE, "{why}: {condition:?}");
            }
        }
    }
}

#[tokio::test]
async fn our_own_trouble_takes_the_aspects_back_once_and_is_not_written_with_every_try() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
    bench.aws.fail("GetOpenIDConnectProvider", Kind::Throttled, "provoked");
    bench.pass(&mut federation).await;
    assert_eq!(condition(&federation, "Ready"), ("True", "Succeeded"));
    assert_eq!(condition(&federation, "ProviderRegistered"), ("Unknown", "Throttled"));
    assert_eq!(condition(&federation, "Published"), ("Unknown", "NotChecked"));
    assert_eq!(condition(&federation, "PubliclyReadable"), ("True", "Succeeded"));
    bench.aws.fail("GetObject", Kind::Throttled, "provoked otherwise");
    bench.pass(&mut federation).await;
    let once = federation.status.clone();
    for call in ["GetOpenIDConnectProvider", "GetBucketPolicy", "GetObject"] {
        bench.aws.fail(call, Kind::Throttled, call);
        bench.pass(&mut federation).await;
        assert_eq!(federation.status, once, "{call}");
    }
    bench.aws.recover();
    bench.succeed(&mut federation).await;
    for aspect in ["Published", "PubliclyReadable", "ProviderRegistered"] {
        assert_eq!(condition(&federation, aspect).0, "True", "{aspect}");
    }
}

#[tokio::test]
async fn keys_that_could_not_be_recorded_are_refused_in_a_status_that_stands_still() {
    let rule = "configmaps \"irsa-anywhere-keys-default\" is forbidden: ValidatingAdmissionPolicy 'no-records' with binding \
                'no-records' denied request: ConfigMaps are made by others";
    let fresh = (Bench::new(), federation());
    let (rotated, ready) = Bench::ready().await;
    // One key is new, and one is served no more.
    rotated.cluster.serve(vec![server(ISSUER, &[key("b")])]);
    for (why, (bench, mut federation)) in [("no record", fresh), ("an older record", (rotated, ready))] {
        bench.cluster.refuse_writes(Some((422, rule)));
        let known = federation.status.as_ref().map(|status| status.keys.clone());
        bench.end(&mut federation, Reason::AdmissionDenied, "no-records").await;
        assert_eq!(
            condition(&federation, "KeysObserved"),
            ("False", "AdmissionDenied"),
            "{why}"
        );
        let once = federation.status.clone();
        bench.later(2);
        bench.end(&mut federation, Reason::AdmissionDenied, "no-records").await;
        assert_eq!(federation.status, once, "{why}");
        assert_eq!(
            once.unwrap().keys,
            known.unwrap_or_default(),
            "{why}: those that are recorded"
        );
        bench.cluster.refuse_writes(None);
        bench.succeed(&mut federation).await;
        assert!(!federation.status.unwrap().keys.is_empty(), "{why}");
    }
}
