//! What pods get beside role and token: region, session name, STS endpoint, instance metadata.

use irsa_core::vocabulary::{POD_INSTANCE_METADATA, POD_REGION, POD_SESSION_NAME, POD_STS_REGIONAL_ENDPOINTS};
use serde_json::{Value, json};

use crate::bench::{Bench, REGION, ROLE_ARN, container, env, pod, settings, simple_pod, variable};

async fn region_of(bench: &Bench, container_fields: &Value) -> (Option<String>, Option<String>) {
    let mut app = json!({"name": "app", "image": "app"});
    app.as_object_mut()
        .unwrap()
        .extend(container_fields.as_object().unwrap().clone());
    let admitted = bench.admit(&pod("app", json!({"containers": [app]}))).await;
    let app = container(&admitted, "app");
    assert_eq!(
        variable(app, "AWS_ROLE_ARN").as_deref(),
        Some(ROLE_ARN),
        "{container_fields}"
    );
    (variable(app, "AWS_REGION"), variable(app, "AWS_DEFAULT_REGION"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_asked_for_is_there_in_the_webhooks_order_and_the_rest_behind() {
    let bench = Bench::new("settings-all").await;
    bench.bind("app", &settings()).await;
    let admitted = bench.admit(&simple_pod("app")).await;
    let names: Vec<&str> = env(container(&admitted, "app"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "AWS_STS_REGIONAL_ENDPOINTS",
            "AWS_DEFAULT_REGION",
            "AWS_REGION",
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_SESSION_NAME",
            "AWS_EC2_METADATA_DISABLED",
        ]
    );
    let app = container(&admitted, "app");
    assert_eq!(variable(app, "AWS_EC2_METADATA_DISABLED").as_deref(), Some("true"));
    assert_eq!(variable(app, "AWS_STS_REGIONAL_ENDPOINTS").as_deref(), Some("regional"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_region_variables_go_into_a_container_that_has_neither() {
    let bench = Bench::new("settings-region").await;
    bench.bind("app", &[(POD_REGION, REGION)]).await;
    let given = || Some(REGION.to_owned());
    let one = |name: &str| json!({"env": [{"name": name, "value": "us-east-1"}]});
    let from = |name: &str| {
        let source = json!({"configMapKeyRef": {"name": "settings", "key": "region", "optional": true}});
        json!({"env": [{"name": name, "valueFrom": source}]})
    };
    let bulk =
        |prefix: &str| json!({"envFrom": [{"prefix": prefix, "configMapRef": {"name": "settings", "optional": true}}]});
    let secret = json!({"envFrom": [{"secretRef": {"name": "settings", "optional": true}}]});
    let table = [
        (json!({}), given(), given()),
        (
            json!({"env": [{"name": "REGION", "value": "us-east-1"}]}),
            given(),
            given(),
        ),
        (one("AWS_REGION"), Some("us-east-1".to_owned()), None),
        (one("AWS_DEFAULT_REGION"), None, Some("us-east-1".to_owned())),
        (from("AWS_REGION"), Some(String::new()), None),
        (from("AWS_DEFAULT_REGION"), None, Some(String::new())),
        // What is in a ConfigMap cannot be seen: where it may name a region, it keeps the word.
        (bulk(""), None, None),
        (secret, None, None),
        (bulk("AWS_"), None, None),
        (bulk("AWS_DEFAULT_"), None, None),
        (bulk("APP_"), given(), given()),
        (bulk("AWS_REGIONAL_"), given(), given()),
    ];
    for (fields, region, default_region) in table {
        assert_eq!(region_of(&bench, &fields).await, (region, default_region), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_none_is_not_believed_and_the_pod_is_admitted_without() {
    let bench = Bench::new("settings-no-region").await;
    let values = [
        "",
        "None",
        "Frankfurt",
        "eu-central",
        "eu-central-1 ",
        "$(HOME)",
        "eu-central-1\nx",
        "eu--1",
    ];
    for (index, value) in values.iter().enumerate() {
        let account = format!("app-{index}");
        bench.bind(&account, &[(POD_REGION, value)]).await;
        let admitted = bench.admit(&simple_pod(&account)).await;
        assert_eq!(env(container(&admitted, "app")).len(), 2, "{value:?}");
    }
    for (index, value) in ["us-gov-west-1", "eusc-de-east-1", "ap-southeast-7"].iter().enumerate() {
        let account = format!("good-{index}");
        bench.bind(&account, &[(POD_REGION, value)]).await;
        let admitted = bench.admit(&simple_pod(&account)).await;
        assert_eq!(
            variable(container(&admitted, "app"), "AWS_REGION").as_deref(),
            Some(*value)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_ours_that_mean_nothing_change_nothing() {
    let bench = Bench::new("settings-nonsense").await;
    let nonsense = [
        (POD_SESSION_NAME, "podname"),
        (POD_INSTANCE_METADATA, "disabled"),
        (POD_STS_REGIONAL_ENDPOINTS, "maybe"),
        ("eks.amazonaws.com/audience", ""),
    ];
    bench.bind("app", &nonsense).await;
    let admitted = bench.admit(&simple_pod("app")).await;
    assert_eq!(env(container(&admitted, "app")).len(), 2);
    let source = &crate::bench::volume(&admitted).unwrap()["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(source["audience"], "sts.amazonaws.com");
}

/// A session name has 2 to 64 characters, a pod's name 1 to 253.
#[tokio::test(flavor = "multi_thread")]
async fn the_session_is_named_after_the_pod_where_its_name_is_sure_to_fit_and_else_by_its_uid() {
    let bench = Bench::new("settings-session").await;
    bench.bind("app", &[(POD_SESSION_NAME, "PodName")]).await;
    let named = |length: usize| json!({"name": "a".repeat(length)});
    let table = [
        (named(1), "field:metadata.uid"),
        (named(2), "field:metadata.name"),
        (named(64), "field:metadata.name"),
        (named(65), "field:metadata.uid"),
        (named(253), "field:metadata.uid"),
        (json!({"generateName": "a"}), "field:metadata.name"),
        (json!({"generateName": "a".repeat(200)}), "field:metadata.name"),
        (
            json!({"generateName": "a", "name": "b".repeat(65)}),
            "field:metadata.uid",
        ),
    ];
    for (metadata, expected) in table {
        let mut pod = simple_pod("app");
        pod["metadata"] = metadata.clone();
        let admitted = bench.admit(&pod).await;
        let field = variable(container(&admitted, "app"), "AWS_ROLE_SESSION_NAME");
        assert_eq!(field.as_deref(), Some(expected), "{metadata}");
        let given = admitted["metadata"]["name"].as_str().unwrap().len();
        assert!(
            expected != "field:metadata.name" || (2..=64).contains(&given),
            "{metadata}: {given}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhooks_annotation_counts_before_the_bindings_word() {
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
    let bench = Bench::new("settings-sts").await;
    let theirs = "eks.amazonaws.com/sts-regional-endpoints";
    let table: [Row<'_>; 5] = [
        ("neither", &[], false),
        ("ours", &[(POD_STS_REGIONAL_ENDPOINTS, "true")], true),
        ("theirs", &[(theirs, "true")], true),
        (
            "theirs-no",
            &[(POD_STS_REGIONAL_ENDPOINTS, "true"), (theirs, "false")],
            false,
        ),
        (
            "theirs-yes",
            &[(POD_STS_REGIONAL_ENDPOINTS, "false"), (theirs, "true")],
            true,
        ),
    ];
    for (account, annotations, expected) in table {
        bench.bind(account, annotations).await;
        let admitted = bench.admit(&simple_pod(account)).await;
        let value = variable(container(&admitted, "app"), "AWS_STS_REGIONAL_ENDPOINTS");
        assert_eq!(value.is_some(), expected, "{account}");
    }
}

/// What a container says itself wins, and none of its own variables changes its meaning.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_container_sets_itself_stays_and_stays_first() {
    let bench = Bench::new("settings-own").await;
    bench.bind("app", &settings()).await;
    let own = json!([
        {"name": "AWS_ROLE_SESSION_NAME", "value": "mine"},
        {"name": "AWS_EC2_METADATA_DISABLED", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "legacy"},
        {"name": "AWS_REGION", "value": "us-east-1"},
        {"name": "WHERE", "value": "$(AWS_REGION) $(AWS_ROLE_ARN)"},
    ]);
    let spec = json!({"containers": [{"name": "app", "image": "app", "env": own}]});
    let admitted = bench.admit(&pod("app", spec)).await;
    let list = container(&admitted, "app")["env"].as_array().unwrap();
    assert_eq!(list[..5], own.as_array().unwrap()[..]);
    let added: Vec<&str> = list[5..].iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(added, ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
}
