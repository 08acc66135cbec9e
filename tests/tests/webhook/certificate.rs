use std::time::Duration;

use irsa_tests::world::{WEBHOOK, Webhook};
use serde_json::{Value, json};
use time::Duration as Days;

use crate::{
    authority::{Old, anothers_key, old},
    bench::{Bench, decoded, encoded},
    client::late_api_server,
};

const USER: &str = "system:serviceaccount:irsa-anywhere-system:irsa-anywhere-webhook";
/// How many authorities there are in a text.
fn authorities(text: &str) -> usize {
    text.matches("BEGIN CERTIFICATE").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_agree_and_an_unchanged_world_is_not_written_to() {
    let bench = Bench::new().await;
    let (one, other) = tokio::join!(bench.start(&[]), bench.start(&[]));
    one.ask_this_one(&bench.cluster).await.unwrap();
    let (first, second) = tokio::join!(one.ready(), other.ready());
    first.unwrap();
    second.unwrap();
    assert!(bench.is_injected("app").await);
    // The same certificate: the API server, which trusts one, is answered by either.
    other.ask_this_one(&bench.cluster).await.unwrap();
    bench
        .until("the other is asked", async || bench.is_injected("app").await)
        .await;
    assert_eq!(authorities(&bench.trusted(&one).await), 1);
    assert_eq!(bench.trusted(&one).await, bench.held(&one, "ca.crt").await);

    // Longer than the time between two looks at the clock.
    let mark = bench.cluster.mark().await.unwrap();
    tokio::time::sleep(Duration::from_secs(33)).await;
    bench.apply().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let writes = bench.cluster.audit_since(&mark).await.unwrap().by_user(USER).writes();
    assert!(writes.is_empty(), "{:?}", writes.summary());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_without_a_restart_and_no_pod_notices() {
    let bench = Bench::new().await;
    let old = old(Days::days(100), Days::days(25));
    let secret = "/api/v1/namespaces/irsa-anywhere-system/secrets/irsa-anywhere-webhook-certificate";
    bench.patch(secret, &json!({"data": old.data})).await;
    // Slow enough to be seen, and longer than any API server takes to learn of a configuration.
    let webhook = bench.ready(&["--certificate-overlap=6s"]).await;
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;

    let rotated = async {
        let bundle = async || bench.trusted(&webhook).await;
        bench
            .until("both are trusted", async || authorities(&bundle().await) == 2)
            .await;
        assert!(bundle().await.ends_with(&old.authority), "the old one stays");
        bench
            .until("the leaf is the new one's", async || {
                bench.get(secret).await["data"]["tls.crt"] != old.data["tls.crt"]
            })
            .await;
        assert_eq!(authorities(&bundle().await), 2, "while replicas may show the old leaf");
        bench
            .until("the old one is forgotten", async || authorities(&bundle().await) == 1)
            .await;
        assert!(!bundle().await.contains(&old.authority));
        assert_ne!(bench.get(secret).await["data"]["ca.key"], old.data["ca.key"]);
    };
    // Looks at the clock are half a minute apart; a change of the configuration is a look, too.
    let nudged = async {
        for round in 0..60 {
            let mark = json!({"metadata": {"annotations": {"test/round": round.to_string()}}});
            bench.patch(&webhook.configuration(), &mark).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let ((), pods) = bench
        .meanwhile(Box::pin(async {
            tokio::select! {
                () = rotated => {}
                () = nudged => panic!("not within a minute"),
                () = late_api_server(&bench, &webhook, Duration::from_secs(3)) => {}
            }
        }))
        .await;
    assert!(pods > 100, "{pods} pods were created meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_is_renewed_by_the_same_authority_and_what_is_broken_is_made_anew() {
    let bench = Bench::new().await;
    let old = old(Days::days(200), Days::days(5));
    let secret = "/api/v1/namespaces/irsa-anywhere-system/secrets/irsa-anywhere-webhook-certificate";
    bench.patch(secret, &json!({"data": old.data})).await;
    let webhook = bench.ready(&[]).await;
    bench
        .until("a new leaf", async || {
            bench.get(secret).await["data"]["tls.crt"] != old.data["tls.crt"]
        })
        .await;
    assert_eq!(bench.held(&webhook, "ca.crt").await, old.authority);
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;

    for broken in [
        json!({"tls.crt": "Z2FyYmFnZQ=="}),
        json!({"tls.key": anothers_key()}),
        json!({"ca.key": anothers_key()}),
        json!({"ca.crt": null}),
        Value::Null,
    ] {
        let before = bench.held(&webhook, "tls.crt").await;
        bench.patch(secret, &json!({"data": broken})).await;
        bench
            .until("another is made", async || {
                let held = bench.held(&webhook, "ca.crt").await;
                bench.held(&webhook, "tls.crt").await != before && bench.trusted(&webhook).await == held
            })
            .await;
        bench
            .until("pods are injected", async || bench.is_injected("app").await)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_to_trust_is_put_back_but_not_taken_from_another_manager() {
    let bench = Bench::new().await;
    let webhook = bench.ready(&[]).await;
    let bundle = bench.trusted(&webhook).await;
    let managers = bench.get(&webhook.configuration()).await["metadata"]["managedFields"].clone();
    let managers = managers.as_array().unwrap();
    assert!(
        managers
            .iter()
            .any(|entry| entry["manager"] == WEBHOOK && entry["operation"] == "Apply")
    );

    let set = |bundle: &str| json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
    let path = webhook.configuration();
    let remove = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    let reply = bench
        .cluster
        .client()
        .unwrap()
        .json_patch(&path, &remove)
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
    bench
        .until("it is put back", async || bench.trusted(&webhook).await == bundle)
        .await;

    // Somebody else's is his: what is to be done is said.
    let other = old(Days::days(300), Days::days(20));
    let cainjector = format!("{path}?fieldManager=cainjector");
    let reply = bench
        .cluster
        .client()
        .unwrap()
        .json_patch(&cainjector, &set(&encoded(&other.authority)))
        .await;
    assert!(reply.unwrap().is_success());
    bench
        .until("it is said", async || {
            webhook.process().log().contains("give --certificate-directory")
        })
        .await;
    assert_eq!(bench.trusted(&webhook).await, other.authority);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_mounted_is_shown_and_exchanged_without_a_restart() {
    let bench = Bench::new().await;
    let directory = tempfile::tempdir().unwrap();
    let put = |old: &Old| {
        for name in ["tls.crt", "tls.key"] {
            std::fs::write(directory.path().join(name), decoded(&old.data[name])).unwrap();
        }
    };
    let trust = async |webhook: &Webhook, authority: &str| {
        let path = "/webhooks/0/clientConfig/caBundle";
        let patch = json!([{"op": "add", "path": path, "value": encoded(authority)}]);
        let reply = bench
            .cluster
            .client()
            .unwrap()
            .json_patch(&webhook.configuration(), &patch)
            .await
            .unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    };
    let (first, second) = (old(Days::days(100), Days::days(5)), old(Days::days(100), Days::days(5)));
    put(&first);
    let flag = format!("--certificate-directory={}", directory.path().display());
    let webhook = bench.ready(&[&flag]).await;
    trust(&webhook, &first.authority).await;
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;
    assert_eq!(
        bench.trusted(&webhook).await,
        first.authority,
        "nobody replaces what is mounted"
    );

    trust(&webhook, &format!("{}{}", second.authority, first.authority)).await;
    put(&second);
    let shown = async || webhook.process().log().matches("a certificate is shown").count() == 2;
    let ((), pods) = bench.meanwhile(bench.until("the other is shown", shown)).await;
    assert!(pods > 0);
    trust(&webhook, &second.authority).await;
    bench
        .until("pods are injected", async || bench.is_injected("app").await)
        .await;
    let writes = bench.cluster.audit().await.unwrap().by_user(USER).writes();
    assert!(writes.is_empty(), "{:?}", writes.summary());
}
