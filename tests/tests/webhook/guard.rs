use std::time::Duration;

use irsa_tests::world::{OPERATOR_NAMESPACE, WEBHOOK};
use serde_json::{Value, json};

use crate::bench::{Bench, encoded};

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/irsa-anywhere-webhook";

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_webhooks_token_can_change_nothing_of_its_configuration_but_whom_api_servers_trust() {
    let bench = Bench::new().await;
    let token = bench.cluster.api_token(OPERATOR_NAMESPACE, WEBHOOK).await.unwrap();
    let webhook = bench.cluster.client().unwrap().with_token(Some(&token));
    let of_webhook =
        |field: &str, value: Value| json!([{"op": "add", "path": format!("/webhooks/0/{field}"), "value": value}]);
    let refused = [
        of_webhook("failurePolicy", json!("Fail")),
        of_webhook("clientConfig/service/name", json!("other")),
        of_webhook("clientConfig/service/namespace", json!("other")),
        of_webhook("clientConfig/service/path", json!("/other")),
        of_webhook("clientConfig", json!({"url": "https://127.0.0.1:1/mutate"})),
        of_webhook("rules/0/resources", json!(["pods", "secrets"])),
        of_webhook("rules/0/operations", json!(["*"])),
        of_webhook("namespaceSelector", json!({})),
        of_webhook("objectSelector", json!({})),
        of_webhook("matchPolicy", json!("Exact")),
        of_webhook("matchConditions", json!([{"name": "never", "expression": "false"}])),
        of_webhook("timeoutSeconds", json!(30)),
        of_webhook("reinvocationPolicy", json!("Never")),
        of_webhook("sideEffects", json!("NoneOnDryRun")),
        of_webhook("admissionReviewVersions", json!(["v1", "v1beta1"])),
        of_webhook("name", json!("other.irsa-anywhere.dev")),
        json!([{"op": "remove", "path": "/webhooks/0"}]),
        json!([{"op": "copy", "from": "/webhooks/0", "path": "/webhooks/-"}, {"op": "replace", "path": "/webhooks/1/name", "value": "b.example.com"}]),
        json!([{"op": "add", "path": "/metadata/annotations", "value": {"cert-manager.io/inject-ca-from": "a/b"}}]),
        json!([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]),
        json!([{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/wedge"]}]),
    ];
    // A policy that was just made takes the API server a moment. What got through meanwhile is put back.
    for attempt in 0.. {
        let reply = webhook.json_patch(PATH, &refused[0]).await.unwrap();
        if !reply.is_success() {
            break;
        }
        assert!(attempt < 100, "the policy is not in force");
        bench.apply().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for patch in &refused {
        let reply = webhook.json_patch(PATH, patch).await.unwrap();
        let refusal = reply.message();
        assert!(
            reply.status == 422 && refusal.contains("the webhook may change nothing of its configuration"),
            "{patch}: {} {refusal}",
            reply.status
        );
        // An administrator may, as far as it is valid.
        let path = format!("{PATH}?dryRun=All");
        let reply = bench.cluster.client().unwrap().json_patch(&path, patch).await.unwrap();
        assert!(reply.is_success(), "{patch}: {}", reply.message());
    }
    let certificate = crate::authority::old(time::Duration::days(9), time::Duration::days(9)).authority;
    let bundle = of_webhook("clientConfig/caBundle", json!(encoded(&certificate)));
    let reply = webhook.json_patch(PATH, &bundle).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    let others = PATH.replace(WEBHOOK, "anothers");
    assert_eq!(webhook.json_patch(&others, &bundle).await.unwrap().status, 403);
}
