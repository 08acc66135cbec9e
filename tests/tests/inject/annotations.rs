use serde_json::json;

use crate::bench::{Bench, annotated, container, env, mounts, pod, simple_pod, volume};

#[tokio::test(flavor = "multi_thread")]
async fn the_audience_is_the_service_accounts_or_the_default() {
    let bench = Bench::new("audience").await;
    bench.bind("plain", &[]).await;
    bench
        .bind("china", &[("eks.amazonaws.com/audience", "sts.amazonaws.com.cn")])
        .await;
    for (account, audience) in [("plain", "sts.amazonaws.com"), ("china", "sts.amazonaws.com.cn")] {
        let admitted = bench.admit(&simple_pod(account)).await;
        let source = &volume(&admitted).unwrap()["projected"]["sources"][0]["serviceAccountToken"];
        assert_eq!(source["audience"], audience);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn regional_endpoints_are_asked_for_by_any_spelling_of_true_and_nothing_else() {
    let bench = Bench::new("regional").await;
    for (index, (value, expected)) in [
        ("true", true),
        ("TRUE", true),
        ("1", true),
        ("false", false),
        ("yes", false),
        ("", false),
    ]
    .iter()
    .enumerate()
    {
        let account = format!("account-{index}");
        bench
            .bind(&account, &[("eks.amazonaws.com/sts-regional-endpoints", value)])
            .await;
        let admitted = bench.admit(&simple_pod(&account)).await;
        let has = env(container(&admitted, "app")).contains(&("AWS_STS_REGIONAL_ENDPOINTS", "regional"));
        assert_eq!(has, *expected, "{value:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_containers_get_nothing_and_the_others_everything() {
    let bench = Bench::new("skipped").await;
    bench.bind("app", &[]).await;
    let spec = json!({
        "initContainers": [{"name": "first", "image": "app"}, {"name": "second", "image": "app"}],
        "containers": [{"name": "app", "image": "app"}, {"name": "proxy", "image": "app"}],
    });
    for (list, skipped) in [
        ("proxy", vec!["proxy"]),
        ("first,proxy", vec!["first", "proxy"]),
        (" first , proxy ", vec!["first", "proxy"]),
        ("\"first\",\"app\"", vec!["first", "app"]),
        ("unknown", vec![]),
        ("", vec![]),
        ("app,proxy,first,second", vec!["app", "proxy", "first", "second"]),
    ] {
        let pod = annotated(pod("app", spec.clone()), "eks.amazonaws.com/skip-containers", list);
        let admitted = bench.admit(&pod).await;
        for name in ["first", "second", "app", "proxy"] {
            let expected = usize::from(!skipped.contains(&name));
            assert_eq!(mounts(container(&admitted, name)).len(), expected, "{list:?}: {name}");
            assert_eq!(env(container(&admitted, name)).len(), 2 * expected, "{list:?}: {name}");
        }
    }
}
