//! Federations that cannot be made, each for a reason of its own.

use irsa_core::vocabulary::Reason;
use irsa_testkit::aws::{Fault, FaultRule};
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER_BUCKET, REGION},
};
use serde_json::{Value, json};

use super::{Bench, always, case, federation};

/// The record of another cluster under the name of a federation of this one.
async fn record_of_another_cluster(bench: &Bench, name: &str) {
    let namespace = irsa_tests::world::OPERATOR_NAMESPACE;
    let ours = bench
        .world
        .get("configmap", namespace, "irsa-anywhere-keys-default")
        .await
        .unwrap()
        .unwrap();
    let kube_system = bench
        .world
        .get("namespace", "default", "kube-system")
        .await
        .unwrap()
        .unwrap();
    let uid = kube_system["metadata"]["uid"].as_str().unwrap();
    let data: Value = serde_json::from_str(
        &ours["data"]
            .to_string()
            .replace(uid, "00000000-0000-0000-0000-000000000000"),
    )
    .unwrap();
    assert_ne!(data, ours["data"], "the record names its cluster");
    bench
        .apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": format!("irsa-anywhere-keys-{name}"), "namespace": namespace},
        }))
        .await;
}

pub(super) async fn provoke(bench: &mut Bench) {
    let config = admin::root(&bench.world.aws, ACCOUNT, REGION).await.unwrap();
    let theirs = "clusters/shared/openid/v1/jwks";
    assert!(bench.world.aws.put_object(ISSUER_BUCKET, theirs, "{}"));
    aws_sdk_iam::Client::new(&config)
        .create_open_id_connect_provider()
        .url(federation("foreign", ISSUER_BUCKET)["spec"]["issuer"].as_str().unwrap())
        .client_id_list("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    record_of_another_cluster(bench, "cluster-changed").await;
    bench.world.aws.add_fault(always(
        "s3:PutObject",
        "clusters/conflict",
        409,
        "ConditionalRequestConflict",
    ));
    let mut cut = FaultRule::new("iam:CreateOpenIDConnectProvider", usize::MAX, Fault::CutBefore);
    cut.resource = Some("clusters/unavailable".to_owned());
    bench.world.aws.add_fault(cut);

    let mut wrong_account = federation("wrong-account", ISSUER_BUCKET);
    wrong_account["spec"]["aws"] = json!({"accountId": "999999999999"});
    let mut external = federation("external", "acme-external");
    external["spec"]["publish"] = json!({"external": {}});
    external["spec"]["aws"] = json!({"region": REGION});
    let discovery = json!({"issuer": external["spec"]["issuer"], "jwks_uri": "http://keys.example.com/"}).to_string();
    let path = "clusters/external/.well-known/openid-configuration";
    assert!(bench.world.aws.put_object("acme-external", path, discovery));
    let mut existing = federation("existing", ISSUER_BUCKET);
    existing["spec"]["provider"] = json!({"management": "Existing"});
    let mut duplicate = super::the_federation();
    duplicate["metadata"]["name"] = "duplicate".into();
    let of_a_bucket = [
        ("missing", "acme-missing"),
        ("not-ours", "not-acmes"),
        ("blocked", "acme-blocked"),
    ];
    let of_our_bucket = [
        "shared",
        "foreign",
        "cluster-changed",
        "conflict",
        "unavailable",
        "denied",
        "mismatch",
    ];
    let mut all = vec![wrong_account, duplicate, external, existing];
    all.extend(of_a_bucket.map(|(name, bucket)| federation(name, bucket)));
    all.extend(of_our_bucket.map(|name| federation(name, ISSUER_BUCKET)));
    bench.apply_all(all).await;

    bench
        .see(&[
            case(
                "",
                "missing",
                Reason::InvalidSpec,
                &["spec.publish.s3.bucket", "create it"],
            ),
            case(
                "",
                "wrong-account",
                Reason::WrongAccount,
                &["999999999999", "Nothing was written"],
            ),
            case("", "not-ours", Reason::BucketNotOurs, &["not-acmes", "bucketOwner"]),
            case("", "shared", Reason::BucketShared, &["key set", "another path"]),
            case(
                "",
                "foreign",
                Reason::ForeignProvider,
                &["clusters/foreign", "not touched"],
            ),
            case(
                "",
                "cluster-changed",
                Reason::ClusterChanged,
                &["irsa-anywhere-keys-cluster-changed"],
            ),
            case(
                "",
                "duplicate",
                Reason::DuplicateIssuer,
                &["OidcFederation default", "delete one"],
            ),
            case(
                "",
                "blocked",
                Reason::PublicAccessBlocked,
                &["BlockPublicPolicy", "switch"],
            ),
            case(
                "",
                "conflict",
                Reason::WriteConflict,
                &["s3:PutObject", "ConditionalRequestConflict"],
            ),
            case(
                "",
                "unavailable",
                Reason::AwsUnavailable,
                &["iam:CreateOpenIDConnectProvider"],
            ),
            case(
                "",
                "denied",
                Reason::AccessDenied,
                &["OpenIDConnectProvider", "clusters/denied", "narrow that Deny"],
            ),
            case(
                "",
                "external",
                Reason::DocumentsMismatch,
                &["clusters/external", "jwks_uri", "spec.publish.external"],
            ),
            case(
                "",
                "existing",
                Reason::ProviderMismatch,
                &["clusters/existing", "does not exist", "Managed"],
            ),
            case(
                "",
                "mismatch",
                Reason::IssuerMismatch,
                &["clusters/demo", "clusters/mismatch"],
            ),
        ])
        .await;
}
