//! What keeps the operator's tokens within bounds: RBAC gives it the right as a whole, and policies of the cluster take away what a proof
//! does not need.

use irsa_testkit::controlplane::{ApiClient, SigningKey};
use irsa_tests::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World};
use serde_json::{Value, json};

const CANARY: &str = "irsa-anywhere-canary";

/// HTTP status and message of a request for a token.
async fn token(client: &ApiClient, (namespace, name): (&str, &str), spec: Value) -> (u16, String) {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let reply = client.post(&path, &request).await.unwrap();
    (reply.status, reply.message())
}

fn ten_minutes(audiences: &[&str]) -> Value {
    json!({"audiences": audiences, "expirationSeconds": 600})
}

async fn world_with_accounts() -> World {
    let world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    for (name, labels) in [
        ("bound", json!({"irsa-anywhere.dev/inject": "true"})),
        ("by-hand", json!({"irsa-anywhere.dev/verify": "true"})),
        ("other", json!({})),
    ] {
        for namespace in ["default", "kube-system"] {
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace, "labels": labels}});
            world.cluster.apply_yaml(&account.to_string()).await.unwrap();
        }
    }
    world
}

async fn operator(world: &World) -> ApiClient {
    let token = world.cluster.api_token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await;
    world.cluster.client().unwrap().with_token(Some(&token.unwrap()))
}

/// Policies and their parameters reach an API server by watches.
async fn settled(client: &ApiClient) {
    for _ in 0..200 {
        let (other, _) = token(client, ("default", "other"), ten_minutes(&["sts.amazonaws.com"])).await;
        let (bound, _) = token(client, ("default", "bound"), ten_minutes(&["sts.amazonaws.com"])).await;
        if (other, bound) == (422, 201) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the policies do not come into force");
}

#[tokio::test]
async fn of_tokens_of_others_the_operator_gets_those_that_a_proof_needs_and_no_more() {
    let world = world_with_accounts().await;
    let client = operator(&world).await;
    settled(&client).await;
    let aws = || ten_minutes(&["sts.amazonaws.com"]);
    let canary = (OPERATOR_NAMESPACE, CANARY);
    for account in [("default", "bound"), ("default", "by-hand"), canary] {
        let (status, message) = token(&client, account, aws()).await;
        assert_eq!(status, 201, "{account:?}: {message}");
    }
    for (account, spec, says) in [
        (
            ("default", "bound"),
            json!({"expirationSeconds": 600}),
            "for one audience",
        ),
        (
            ("default", "bound"),
            ten_minutes(&["https://kubernetes.default.svc"]),
            "for one audience",
        ),
        (
            ("default", "bound"),
            ten_minutes(&["sts.amazonaws.com", "https://kubernetes.default.svc"]),
            "for one audience",
        ),
        (("default", "bound"), ten_minutes(&["vault"]), "for one audience"),
        (
            ("default", "bound"),
            json!({"audiences": ["sts.amazonaws.com"], "expirationSeconds": 86_400}),
            "ten minutes",
        ),
        (
            ("default", "bound"),
            json!({"audiences": ["sts.amazonaws.com"]}),
            "ten minutes",
        ),
        (("kube-system", "bound"), aws(), "kube-system"),
        (("kube-system", "by-hand"), aws(), "kube-system"),
        (("default", "other"), aws(), "with a label irsa-anywhere.dev/inject"),
        ((OPERATOR_NAMESPACE, "default"), aws(), ""),
        (canary, json!({"expirationSeconds": 600}), "for one audience"),
        ((OPERATOR_NAMESPACE, OPERATOR_ACCOUNT), aws(), "dry run"),
    ] {
        let (status, message) = token(&client, account, spec.clone()).await;
        assert!(
            status >= 400 && message.contains(says),
            "{account:?} {spec}: {status} {message}"
        );
    }
    // A dry run is answered with a token that is good, so it is judged in the same way.
    let path = "/api/v1/namespaces/default/serviceaccounts/bound/token?dryRun=All";
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}});
    let reply = client.post(path, &request).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.message());
}

#[tokio::test]
async fn the_canary_may_nothing_and_no_pod_gets_a_token_of_it_by_itself() {
    let world = world_with_accounts().await;
    let token = world.cluster.api_token(OPERATOR_NAMESPACE, CANARY).await.unwrap();
    let canary = world.cluster.client().unwrap().with_token(Some(&token));
    for path in [
        "/api/v1/namespaces".to_owned(),
        "/api/v1/secrets".to_owned(),
        format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/configmaps"),
        format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/serviceaccounts/{CANARY}"),
        "/apis/irsa-anywhere.dev/v1alpha1/iamrolebindings".to_owned(),
    ] {
        let reply = canary.get(&path).await.unwrap();
        assert_eq!(reply.status, 403, "{path}: {}", reply.message());
    }
    let account = world
        .get("serviceaccount", OPERATOR_NAMESPACE, CANARY)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account["automountServiceAccountToken"], false);
    assert!(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].is_null());
}

#[tokio::test]
async fn nobody_elses_tokens_are_touched() {
    let world = world_with_accounts().await;
    let client = operator(&world).await;
    settled(&client).await;
    // An administrator, who asks as kubelets do: for anybody, for the API server, for an hour.
    let admin = world.cluster.client().unwrap();
    for account in [("default", "other"), ("default", "bound"), ("kube-system", "other")] {
        let (status, message) = token(admin, account, json!({"expirationSeconds": 3600})).await;
        assert_eq!(status, 201, "{account:?}: {message}");
    }
    // And while an API server starts, before it has read what the policies refer to.
    let mut world = world;
    world.cluster.restart().await.unwrap();
    let admin = world.cluster.client().unwrap();
    for attempt in 0..50 {
        let (status, message) = token(admin, ("default", "other"), json!({"expirationSeconds": 3600})).await;
        assert!(status == 201, "{attempt}: {status} {message}");
    }
}
