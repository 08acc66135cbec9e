//! Everything that a federation waits for or is refused for.

use std::collections::BTreeMap;

use irsa_aws::{Kind, PublicAccessBlock};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

#[tokio::test]
async fn while_the_api_servers_sign_as_another_issuer_everything_else_is_ready() {
    let bench = Bench::new();
    bench
        .cluster
        .serve(vec![server(ISSUER, &[key("a")]), server(OLD_ISSUER, &[key("a")])]);
    let mut federation = federation();
    let outcome = bench.end(&mut federation, Reason::IssuerMismatch, OLD_ISSUER).await;
    assert!(
        outcome.message.contains("--service-account-issuer"),
        "{}",
        outcome.message
    );
    assert_eq!(condition(&federation, "IssuerMatched"), ("False", "IssuerMismatch"));
    for aspect in ["KeysObserved", "Published", "PubliclyReadable", "ProviderRegistered"] {
        assert_eq!(condition(&federation, aspect).0, "True", "{aspect}");
    }
    bench.aws.take_calls();
    let before = federation.status.clone();
    let report = bench.report(&mut federation).await;
    assert_eq!(report.outcome.reason, Reason::IssuerMismatch);
    assert_eq!(report.look_again.map(|look| look.as_secs()), Some(60));
    assert_eq!(federation.status, before);
    assert_eq!(bench.aws.take_calls().len(), 2, "waiting costs two anonymous requests");
    bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
    bench.succeed(&mut federation).await;
}

#[tokio::test]
async fn api_servers_without_a_discovery_document_need_another_issuer() {
    let bench = Bench::new();
    bench.cluster.serve(vec![Err(
        irsa_pipeline::federation::observe::api_servers::ServerError::NotServed,
    )]);
    bench
        .end(&mut federation(), Reason::IssuerMismatch, "--service-account-issuer")
        .await;
    bench.cluster.serve(vec![Err(
        irsa_pipeline::federation::observe::api_servers::ServerError::Forbidden,
    )]);
    bench
        .end(
            &mut federation(),
            Reason::AccessDenied,
            "system:service-account-issuer-discovery",
        )
        .await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn another_account_is_refused_before_anything_is_read() {
    let bench = Bench::new();
    let mut federation = federation_with(|federation| {
        federation["spec"]["aws"] = json!({"accountId": "999999999999"});
    });
    bench
        .end(&mut federation, Reason::WrongAccount, "Nothing was written")
        .await;
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_federation_does_not_move_to_another_account_and_leave_everything_behind() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.succeed(&mut federation).await;
    let arn = "arn:aws:iam::999999999999:oidc-provider/b.s3.eu-central-1.amazonaws.com";
    if let Some(status) = &mut federation.status {
        status.provider_arn = Some(arn.to_owned());
        status.account_id = Some("999999999999".to_owned());
    }
    let bench = bench.restarted();
    bench.aws.take_calls();
    bench.end(&mut federation, Reason::WrongAccount, arn).await;
    let public = ["Public .well-known/openid-configuration", "Public openid/v1/jwks"];
    assert_eq!(bench.aws.take_calls(), public, "what anybody may read and nothing else");
    let status = federation.status.as_ref().unwrap();
    assert_eq!(
        status.account_id.as_deref(),
        Some("999999999999"),
        "where the provider is"
    );
}

#[tokio::test]
async fn the_younger_of_two_federations_with_one_issuer_is_refused_before_anything_is_read() {
    let mut bench = Bench::new();
    let older = federation_with(|older| {
        older["metadata"]["name"] = json!("older");
        older["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    });
    know(&mut bench.federations, &older);
    let mut federation = federation();
    bench.end(&mut federation, Reason::DuplicateIssuer, "older").await;
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
    assert_eq!(
        federation.status.as_ref().unwrap().account_id,
        None,
        "nothing to clean up"
    );
}

#[tokio::test]
async fn an_older_federation_with_the_issuer_is_no_duplicate_in_another_account_nor_once_it_is_deleted() {
    type Change = fn(&mut OidcFederation);
    let older = federation_with(|older| {
        older["metadata"]["name"] = json!("older");
        older["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    });
    let changes: [(&str, Change); 5] = [
        ("as it is", |_| ()),
        ("deleted", |older| {
            older.metadata.deletion_timestamp = Some(Time(Timestamp::now()));
        }),
        ("of another account by its spec", |older| {
            older.spec.aws.account_id = Some("999999999999".to_owned());
        }),
        ("of another account as found out", |older| {
            older.status.get_or_insert_default().account_id = Some("999999999999".to_owned());
        }),
        ("that takes another way to AWS", |older| {
            let role = json!({"arn": "arn:aws:iam::999999999999:role/x"});
            older.spec.aws.assume_role = Some(serde_json::from_value(role).unwrap());
        }),
    ];
    for (what, change) in changes {
        let mut bench = Bench::new();
        let mut older = older.clone();
        change(&mut older);
        know(&mut bench.federations, &older);
        let outcome = bench.pass(&mut federation()).await;
        let expected = match what {
            "as it is" => Reason::DuplicateIssuer,
            _ => Reason::Succeeded,
        };
        assert_eq!(outcome.reason, expected, "{what}: {}", outcome.message);
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_touched() {
    let bench = Bench::new();
    bench.aws.overwrite(DISCOVERY, b"theirs");
    bench
        .end(&mut federation(), Reason::BucketShared, "discovery document")
        .await;
    bench.aws.world(|world| world.objects.clear());
    let ours = irsa_core::naming::federation_id(ISSUER);
    let statement = format!(r#"{{"Statement":[{{"Sid":"IrsaAnywherePublicRead{ours}","Effect":"Deny"}}]}}"#);
    bench.aws.world(|world| world.policy = Some(statement));
    bench.end(&mut federation(), Reason::BucketShared, "Sid").await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_blocked_policy_names_the_bucket_setting_only_when_it_was_read() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.aws.world(|world| {
        world.block = Some(PublicAccessBlock {
            block_public_policy: true,
            ..PublicAccessBlock::default()
        });
    });
    bench
        .end(&mut federation, Reason::PublicAccessBlocked, "BlockPublicPolicy on")
        .await;
    assert_eq!(condition(&federation, "Published").0, "True");
    assert_eq!(condition(&federation, "PubliclyReadable").0, "False");
    bench.aws.world(|world| world.block = None);
    bench.aws.fail("PutBucketPolicy", Kind::AccessDenied, "not authorized");
    let outcome = bench
        .end(&mut federation, Reason::AccessDenied, "may be the cause, too")
        .await;
    assert!(!outcome.message.contains("BlockPublicPolicy"), "{}", outcome.message);
}

#[tokio::test]
async fn a_document_that_is_there_and_cannot_be_read_is_explained_by_what_the_read_was_refused_for() {
    let (bench, mut federation) = Bench::ready().await;
    let bench = bench.restarted();
    for (why, fragment) in [
        (
            "not authorized to perform: kms:Decrypt on resource: k",
            "under a KMS key",
        ),
        ("not authorized to perform: s3:GetObject", "allow s3:GetObject"),
    ] {
        bench.aws.world(|world| world.hidden = Some(why.to_owned()));
        bench.end(&mut federation, Reason::AccessDenied, fragment).await;
    }
}

#[tokio::test]
async fn a_bucket_policy_that_is_somebody_elses_comes_with_the_statement_to_add_or_to_remove() {
    const DENIED: &str = "not authorized, with an explicit deny in a resource-based policy";
    let bench = Bench::new();
    let mut federation = federation();
    for call in ["PutBucketPolicy", "GetBucketPolicy"] {
        bench.aws.fail(call, Kind::AccessDenied, DENIED);
        bench.pass(&mut federation).await;
        let ready = federation
            .conditions()
            .iter()
            .find(|one| one.type_ == "PubliclyReadable");
        let message = &ready.unwrap().message;
        assert!(
            message.contains("\"Action\":\"s3:GetObject\"") && message.contains("Unmanaged"),
            "{message}"
        );
    }
    bench.aws.recover();
    bench.succeed(&mut federation).await;
    bench.aws.fail("DeleteBucketPolicy", Kind::AccessDenied, DENIED);
    let stays = bench.cleanup(&federation).await.unwrap_err().message;
    assert!(stays.contains("remove the statement IrsaAnywherePublicRead"), "{stays}");
    bench.aws.recover();
    bench.cleanup(&federation).await.unwrap();
}

#[tokio::test]
async fn documents_that_nobody_may_read_are_waited_for_and_then_explained() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.aws.world(|world| {
        world.block = Some(PublicAccessBlock {
            restrict_public_buckets: true,
            ..PublicAccessBlock::default()
        });
    });
    bench.end(&mut federation, Reason::Propagating, "yet").await;
    bench
        .end(&mut federation, Reason::PublicAccessBlocked, "RestrictPublicBuckets on")
        .await;
    assert_eq!(condition(&federation, "ProviderRegistered").0, "True");
    bench.aws.world(|world| world.block = None);
    bench.succeed(&mut federation).await;
}

#[tokio::test]
async fn what_is_served_in_front_of_the_bucket_is_an_older_version_or_an_incident() {
    let bench = Bench::new();
    let mut federation = federation();
    bench.succeed(&mut federation).await;
    let now = |key: &str| bench.aws.world(|world| world.objects.get(key).unwrap().bytes.clone());
    let (discovery, jwks) = (now(DISCOVERY), now(JWKS));
    let changed = |bytes: &[u8], change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        change(&mut value);
        value.to_string().into_bytes()
    };
    let serve = |key: &str, bytes: Vec<u8>| {
        bench
            .aws
            .world(|world| world.swapped = BTreeMap::from([(key.to_owned(), bytes)]));
    };
    let other_key = key("b");
    serve(JWKS, changed(&jwks, &|set| set["x"] = json!("older")));
    bench.end(&mut federation, Reason::Propagating, "another version").await;
    serve(
        DISCOVERY,
        changed(&discovery, &|document| document["x"] = json!("older")),
    );
    bench.end(&mut federation, Reason::Propagating, "another version").await;
    for forged in [
        changed(&jwks, &|set| set["keys"][0]["n"] = other_key["n"].clone()),
        changed(&jwks, &|set| set["keys"] = json!([set["keys"][0], other_key])),
        changed(&jwks, &|set| {
            set["keys"][0].as_object_mut().unwrap().remove("kid");
        }),
        b"{}".to_vec(),
    ] {
        serve(JWKS, forged);
        bench
            .end(&mut federation, Reason::PublicAccessBlocked, "not this cluster's")
            .await;
    }
    for member in ["jwks_uri", "issuer"] {
        serve(
            DISCOVERY,
            changed(&discovery, &|document| document[member] = json!("https://evil.example")),
        );
        bench
            .end(&mut federation, Reason::PublicAccessBlocked, "discovery document")
            .await;
    }
    let twice = String::from_utf8(discovery.clone()).unwrap();
    let twice = twice.replacen('{', r#"{"jwks_uri":"https://evil.example","#, 1);
    serve(DISCOVERY, twice.into_bytes());
    bench
        .end(&mut federation, Reason::PublicAccessBlocked, "discovery document")
        .await;
    bench.aws.world(|world| world.swapped.clear());
    bench.succeed(&mut federation).await;
}

#[tokio::test]
async fn a_refused_call_names_action_and_resource() {
    let bench = Bench::new();
    bench
        .aws
        .fail("GetOpenIDConnectProvider", Kind::AccessDenied, "not authorized");
    let mut federation = federation();
    bench
        .end(
            &mut federation,
            Reason::AccessDenied,
            "GetOpenIDConnectProvider on arn:x",
        )
        .await;
    assert_eq!(condition(&federation, "ProviderRegistered"), ("False", "AccessDenied"));
}

#[tokio::test]
async fn trouble_with_aws_keeps_a_ready_federation_ready() {
    for (kind, reason) in [
        (Kind::Throttled, Reason::Throttled),
        (Kind::Unavailable, Reason::AwsUnavailable),
    ] {
        let (bench, mut federation) = Bench::ready().await;
        let bench = bench.restarted();
        bench.aws.fail("GetOpenIDConnectProvider", kind, "");
        bench.end(&mut federation, reason, "").await;
        assert_eq!(condition(&federation, "Ready"), ("True", "Succeeded"));
        assert!(!federation.conditions().iter().any(|it| it.type_ == "Reconciling"));
        let before = federation.status.clone();
        bench.end(&mut federation, reason, "").await;
        assert_eq!(federation.status, before, "written once, and not with every try");
    }
}

#[tokio::test]
async fn an_issuer_that_the_bucket_does_not_serve_is_the_specs_fault() {
    let bench = Bench::new();
    let mut federation = federation_with(|federation| {
        federation["spec"]["issuer"] = json!("https://oidc.example.com");
    });
    bench
        .end(&mut federation, Reason::InvalidSpec, "spec.issuer must be")
        .await;
    assert_eq!(bench.aws.take_calls(), Vec::<String>::new());
}
