use std::time::{Duration, Instant};

use irsa_tests::world::http_get;

use crate::{
    bench::Bench,
    client::{answer_to_http2, connects},
};

const ACCOUNTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_created_in_the_moment_after_the_start_is_injected() {
    let bench = Bench::new().await;
    for index in 0..ACCOUNTS {
        bench.bind(&format!("app-{index}")).await;
    }
    // Its certificate is there and trusted since the last run: nothing but the accounts keeps it waiting.
    bench.ready(&[]).await.stop().await;
    let webhook = bench.ready(&[]).await;
    for index in 0..ACCOUNTS {
        assert!(bench.is_injected(&format!("app-{index}")).await, "app-{index}");
    }
    let (_, metrics) = http_get(webhook.probes(), "/metrics").unwrap();
    let has = |line: &str| metrics.lines().any(|found| found == line);
    assert!(
        has(&format!("irsa_anywhere_webhook_service_accounts {}", ACCOUNTS + 1)),
        "{metrics}"
    );
    assert!(
        has(&format!(
            "irsa_anywhere_webhook_reviews_total{{result=\"injected\"}} {ACCOUNTS}"
        )),
        "{metrics}"
    );
    assert!(
        !has("irsa_anywhere_webhook_certificate_expiry_timestamp_seconds 0"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_replica_ends_and_another_takes_over_no_pod_is_missed() {
    let bench = Bench::new().await;
    let first = bench.ready(&["--shutdown-delay=3s"]).await;
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;
    let (_second, pods) = bench
        .meanwhile(async {
            let second = bench.start(&[]).await;
            second.ready().await.unwrap();
            // As endpoints do: new connections go to the other, those that are open stay for a while. An API server that has not heard of it
            // makes new ones until it has.
            second.ask_this_one(&bench.cluster).await.unwrap();
            let (address, trusted) = (first.address(), bench.trusted(&first).await);
            let unaware = async {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(2500) {
                    connects(address, &trusted).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let answer = answer_to_http2(address, &trusted).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
            tokio::join!(first.stop(), unaware);
            assert!(connects(address, &trusted).await.is_err(), "it has ended");
            tokio::time::sleep(Duration::from_secs(2)).await;
            second
        })
        .await;
    assert!(pods > 20, "{pods} pods were created meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_webhook_pods_are_created_all_the_same_and_it_is_not_ready_before_it_is_asked_for() {
    let bench = Bench::new().await;
    assert!(!bench.is_injected("app").await);
    let webhook = bench.ready(&[]).await;
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;
    // Without its configuration nobody trusts it, so it is not ready, and says why.
    webhook.stop().await;
    let reply = bench
        .cluster
        .client()
        .unwrap()
        .delete("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/irsa-anywhere-webhook")
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    let webhook = bench.start(&[]).await;
    let mut answer = None;
    for _ in 0..100 {
        answer = http_get(webhook.probes(), "/readyz");
        let waits = answer
            .as_ref()
            .is_some_and(|(_, body)| body == "waiting for a certificate that the API servers trust");
        if waits {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (code, body) = answer.unwrap();
    assert_eq!(
        (code, body.as_str()),
        (503, "waiting for a certificate that the API servers trust")
    );
    bench.apply().await;
    webhook.ask_this_one(&bench.cluster).await.unwrap();
    webhook.ready().await.unwrap();
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;
}
