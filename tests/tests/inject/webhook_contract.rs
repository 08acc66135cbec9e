//! That our pods are the AWS pod-identity webhook's pods.
//!
//! Source: aws/amazon-eks-pod-identity-webhook, README.md ("EKS Walkthrough", steps 3 and 4) and
//! pkg/handler/handler.go (`addEnvToContainer`, `getPodSpecPatch`, `parsePodAnnotations`).

use serde_json::json;

use crate::bench::{Bench, ROLE_ARN, annotated, container, env, expiration, mounts, pod, simple_pod, volume};

const TOKEN_FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
const MOUNT_PATH: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_webhooks_readme_comes_back_as_its_readme_shows_it() {
    let bench = Bench::new("contract-readme").await;
    bench
        .bind(
            "my-serviceaccount",
            &[
                ("eks.amazonaws.com/audience", "sts.amazonaws.com"),
                ("eks.amazonaws.com/sts-regional-endpoints", "true"),
                ("eks.amazonaws.com/token-expiration", "86400"),
            ],
        )
        .await;
    let spec = json!({
        "initContainers": [{"name": "init-first", "image": "container-image:version"}],
        "containers": [
            {"name": "sidecar", "image": "container-image:version"},
            {"name": "container-name", "image": "container-image:version"},
        ],
    });
    let pod = annotated(
        annotated(
            pod("my-serviceaccount", spec),
            "eks.amazonaws.com/skip-containers",
            "init-first,sidecar",
        ),
        "eks.amazonaws.com/token-expiration",
        "86400",
    );

    let admitted = bench.admit(&pod).await;

    assert_eq!(
        volume(&admitted).unwrap(),
        &json!({"name": "aws-iam-token", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}},
        ]}})
    );
    let changed = container(&admitted, "container-name");
    assert_eq!(
        env(changed),
        [
            ("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
            ("AWS_ROLE_ARN", ROLE_ARN),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", TOKEN_FILE),
        ]
    );
    assert_eq!(
        mounts(changed),
        [&json!({"name": "aws-iam-token", "readOnly": true, "mountPath": MOUNT_PATH})]
    );
    for skipped in ["init-first", "sidecar"] {
        assert!(env(container(&admitted, skipped)).is_empty(), "{skipped}");
        assert!(mounts(container(&admitted, skipped)).is_empty(), "{skipped}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_volume_is_the_first_as_the_webhook_puts_it() {
    let bench = Bench::new("contract-first").await;
    bench.bind("app", &[]).await;
    let admitted = bench.admit(&simple_pod("app")).await;
    assert_eq!(admitted["spec"]["volumes"][0]["name"], "aws-iam-token");
}

/// What a container has in its environment → what the webhook adds to it, with `sts-regional-endpoints` on.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_sets_itself_decides_what_is_added() {
    let bench = Bench::new("contract-env").await;
    bench
        .bind("app", &[("eks.amazonaws.com/sts-regional-endpoints", "true")])
        .await;
    let (arn, file, sts) = (
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_STS_REGIONAL_ENDPOINTS",
    );
    let table: [(&[&str], &[&str]); 8] = [
        (&[], &[sts, arn, file]),
        (&["OTHER"], &[sts, arn, file]),
        (&[arn], &[sts]),
        (&[file], &[sts]),
        (&[arn, file], &[sts]),
        (&[sts], &[arn, file]),
        (&[sts, arn], &[]),
        (&["AWS_REGION", "AWS_DEFAULT_REGION"], &[sts, arn, file]),
    ];
    for (own, added) in table {
        let own_env: Vec<_> = own.iter().map(|name| json!({"name": name, "value": "own"})).collect();
        let spec = json!({"containers": [{"name": "app", "image": "app", "env": own_env}]});
        let admitted = bench.admit(&pod("app", spec)).await;
        let app = container(&admitted, "app");
        let names: Vec<_> = env(app).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [own, added].concat(), "own: {own:?}");
        assert!(
            env(app).iter().take(own.len()).all(|(_, value)| *value == "own"),
            "own: {own:?}"
        );
        // The webhook looks for the volume's name only, whoever set the variables.
        assert_eq!(mounts(app).len(), 1, "own: {own:?}");
    }
}

/// Annotation on the pod, annotation on the ServiceAccount → lifetime of the token.
#[tokio::test(flavor = "multi_thread")]
async fn token_expiration_is_the_pods_then_the_service_accounts_then_a_day_within_bounds() {
    let bench = Bench::new("contract-expiration").await;
    let accounts = [
        ("none", None),
        ("hour", Some("3600")),
        ("short", Some("60")),
        ("long", Some("604800")),
        ("nonsense", Some("one day")),
        ("negative", Some("-5")),
        ("magic", Some("3607")),
    ];
    for (name, value) in accounts {
        let annotations: Vec<_> = value
            .map(|value| ("eks.amazonaws.com/token-expiration", value))
            .into_iter()
            .collect();
        bench.bind(name, &annotations).await;
    }
    let table = [
        (None, "none", 86_400),
        (None, "hour", 3_600),
        (None, "short", 600),
        (None, "long", 86_400),
        (None, "nonsense", 86_400),
        (None, "negative", 600),
        (Some("7200"), "none", 7_200),
        (Some("7200"), "hour", 7_200),
        (Some("1"), "hour", 600),
        (Some("99999999"), "hour", 86_400),
        (Some("soon"), "hour", 3_600),
        (Some(""), "hour", 3_600),
        (Some("99999999999999999999999"), "hour", 3_600),
        (Some("7200"), "nonsense", 7_200),
        // Of exactly 3607 an API server whose own audience it is makes a year.
        (None, "magic", 3_608),
        (Some("+3607"), "none", 3_608),
        (Some("3606"), "none", 3_606),
    ];
    for (on_pod, account, seconds) in table {
        let mut pod = simple_pod(account);
        if let Some(value) = on_pod {
            pod = annotated(pod, "eks.amazonaws.com/token-expiration", value);
        }
        assert_eq!(
            expiration(&bench.admit(&pod).await),
            seconds,
            "pod: {on_pod:?}, account: {account}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_pod_gets_the_path_as_windows_writes_it() {
    let bench = Bench::new("contract-windows").await;
    bench.bind("app", &[]).await;
    for label in ["kubernetes.io/os", "beta.kubernetes.io/os"] {
        let spec = json!({"nodeSelector": {label: "windows"}, "containers": [{"name": "app", "image": "app"}]});
        let admitted = bench.admit(&pod("app", spec)).await;
        let path = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token";
        assert_eq!(
            env(container(&admitted, "app"))[1],
            ("AWS_WEB_IDENTITY_TOKEN_FILE", path),
            "{label}"
        );
        assert_eq!(mounts(container(&admitted, "app"))[0]["mountPath"], MOUNT_PATH);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_with_the_webhooks_opt_out_label_is_left_alone() {
    let bench = Bench::new("contract-opt-out").await;
    bench.bind("app", &[]).await;
    let mut pod = simple_pod("app");
    pod["metadata"]["labels"]["eks.amazonaws.com/skip-pod-identity-webhook"] = json!("");
    assert!(volume(&bench.admit(&pod).await).is_none());
}
