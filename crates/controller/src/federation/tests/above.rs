//! What somebody above us puts on the provider, and what he refuses us; and who answers in AWS's place.

use irsa_aws::Kind;

use super::{fake_aws::World, *};

const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);

fn tag(world: &mut World) {
    let provider = world.provider.as_mut().unwrap();
    provider.tags.insert("Cost-Centre".to_owned(), "42".to_owned());
}

#[tokio::test]
async fn a_tag_that_must_stay_holds_up_no_audience() {
    let (bench, mut federation) = Bench::ready().await;
    bench.aws.world(tag);
    bench.aws.fail(
        "UntagProvider",
        Kind::AccessDenied,
        "with an explicit deny in a service control policy",
    );
    edit(&mut federation, |spec| {
        spec["audiences"] = json!(["sts.amazonaws.com", "more"]);
    });
    let outcome = bench.end(&mut federation, Reason::AccessDenied, "organisation").await;
    assert_eq!(
        condition(&federation, "ProviderRegistered").0,
        "False",
        "{}",
        outcome.message
    );
    let mut audiences = Vec::new();
    bench
        .aws
        .world(|world| audiences.extend(world.provider.as_ref().unwrap().client_ids.clone()));
    assert!(audiences.contains(&"more".to_owned()), "{audiences:?}");
}

#[tokio::test]
async fn what_holds_up_the_provider_holds_up_no_key_and_the_next_is_looked_for_within_a_minute() {
    let (bench, mut federation) = Bench::ready().await;
    bench.aws.world(tag);
    bench.aws.fail("UntagProvider", Kind::AccessDenied, "no");
    let bench = bench.restarted();
    for keys in [vec![key("a"), key("b")], vec![key("a"), key("b"), key("c")]] {
        bench.cluster.serve(vec![server(ISSUER, &keys)]);
        let report = bench.report(&mut federation).await;
        assert_eq!(
            report.outcome.reason,
            Reason::AccessDenied,
            "{}",
            report.outcome.message
        );
        assert_eq!(bench.published_kids().len(), keys.len());
        assert_eq!(report.look_again, Some(MINUTE));
    }
}

#[tokio::test]
async fn only_what_waits_for_a_person_and_has_published_is_looked_at_each_minute() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
    let rows = [
        (Kind::AccessDenied, Reason::AccessDenied, Some(MINUTE)),
        (Kind::Throttled, Reason::Throttled, None),
        (Kind::Unavailable, Reason::AwsUnavailable, None),
    ];
    for (kind, reason, look_again) in rows {
        bench.aws.fail("GetOpenIDConnectProvider", kind, "provoked");
        let report = bench.report(&mut federation).await;
        assert_eq!((report.outcome.reason, report.look_again), (reason, look_again));
    }
    edit(&mut federation, |spec| {
        spec["aws"] = json!({"accountId": "999999999999"});
    });
    let stalled = bench.report(&mut federation).await;
    assert_eq!(
        (stalled.outcome.reason, stalled.look_again),
        (Reason::WrongAccount, Some(MINUTE))
    );

    let bench = Bench::new();
    bench.aws.fail("PutObject", Kind::AccessDenied, "no");
    let report = bench.report(&mut super::federation()).await;
    assert_eq!((report.outcome.reason, report.look_again), (Reason::AccessDenied, None));
}

#[tokio::test]
async fn tags_of_somebody_above_us_stay_and_the_federation_cannot_set_them() {
    let (bench, mut federation) = Bench::ready().await;
    edit(&mut federation, |spec| {
        spec["bindings"]["ignoredTagKeys"] = json!(["cost-*"]);
    });
    bench.aws.world(tag);
    bench.aws.take_writes();
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    edit(&mut federation, |spec| spec["tags"] = json!({"cost-centre": "7"}));
    bench
        .end(&mut federation, Reason::InvalidSpec, "spec.bindings.ignoredTagKeys")
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_not_awss_is_no_fault_of_the_spec() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    federation.status = None;
    let told = "the endpoint answered 405 with text/html, which is no answer of IAM's";
    bench.aws.fail("GetOpenIDConnectProvider", Kind::NotAws, told);
    bench
        .end(&mut federation, Reason::AwsUnavailable, "AWS_ENDPOINT_URL")
        .await;
}
