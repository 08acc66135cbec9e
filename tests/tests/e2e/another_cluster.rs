//! Another cluster's API server verifies this cluster's tokens with the published documents, by the configuration of docs/keys.md.

use std::fs;

use irsa_testkit::controlplane::{ControlPlane, SigningKey};
use irsa_tests::world::{ISSUER, REGION, World, kubernetes_minor, repository};
use serde_json::{Value, json};

/// The configuration that the page shows, for this issuer and with the authority that signs its certificate here.
fn as_documented(authority: &str) -> String {
    let page = fs::read_to_string(repository().join("docs/keys.md")).unwrap();
    let (_, behind) = page.split_once("### Another cluster's API server").unwrap();
    let (_, behind) = behind.split_once("```yaml\n").unwrap();
    let (text, _) = behind.split_once("```").unwrap();
    let mut configuration: Value = serde_saphyr::from_str(text).unwrap();
    // Until 1.34 the same file was of another version.
    if kubernetes_minor().unwrap() < 34 {
        configuration["apiVersion"] = "apiserver.config.k8s.io/v1beta1".into();
    }
    configuration["jwt"][0]["issuer"]["url"] = ISSUER.into();
    configuration["jwt"][0]["issuer"]["certificateAuthority"] = authority.into();
    configuration.to_string()
}

#[tokio::test]
async fn another_clusters_api_server_takes_tokens_by_the_published_documents_for_its_audience_only() {
    let world = World::as_shipped(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("authentication.json");
    let authority = fs::read_to_string(world.aws.ca_bundle()).unwrap();
    fs::write(&file, as_documented(&authority)).unwrap();
    let other = ControlPlane::builder()
        .flag(format!("--authentication-config={}", file.display()))
        .environment(world.aws.env_without_credentials(REGION))
        .start()
        .await
        .unwrap();

    let who = async |audience: &str| {
        let token = world.cluster.token("default", "app", audience, 600).await.unwrap();
        let client = other.client().unwrap().with_token(Some(&token));
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        client
            .post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)
            .await
            .unwrap()
    };
    // The API server reads the documents a moment after its start.
    let mut reply = who("cluster-b").await;
    for _ in 0..150 {
        if reply.is_success() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        reply = who("cluster-b").await;
    }
    assert!(reply.is_success(), "{}\n{}", reply.message(), other.log_tail());
    let user = &reply.body["status"]["userInfo"];
    assert_eq!(user["username"], "prod:system:serviceaccount:default:app");
    assert_eq!(user["groups"], json!(["prod:default", "system:authenticated"]));
    for audience in ["sts.amazonaws.com", ISSUER] {
        assert_eq!(who(audience).await.status, 401, "{audience}");
    }
}
