//! What a federation says of the cluster around it: the API servers' own audiences, and whether pods are injected.

use irsa_tests::world::{DATA_BUCKET, WEBHOOK, World, http_get, objects::says};
use serde_json::Value;

use crate::support::sdk_process;

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");

async fn events(world: &World, reason: &str) -> usize {
    let selector = format!("reason={reason}");
    let arguments = [
        "get",
        "events.events.k8s.io",
        "-n",
        "default",
        "-o",
        "json",
        "--field-selector",
        &selector,
    ];
    let listed: Value = serde_json::from_str(&world.kubectl(&arguments).await.unwrap()).unwrap();
    let events = listed["items"].as_array().unwrap();
    assert!(events.iter().all(|event| event["type"] == "Warning"), "{events:#?}");
    events.len()
}

fn failing(world: &World, condition: &str) -> String {
    let (_, metrics) = http_get(world.operator().unwrap().probes(), "/metrics").unwrap();
    let series = format!("irsa_anywhere_failing_conditions{{condition=\"{condition}\"}} ");
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(&series))
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_api_server_with_an_audience_of_aws_is_told_because_aws_takes_its_default_tokens() {
    let mut world = World::start_configured(|cluster| cluster.api_audiences(["sts.amazonaws.com"]))
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();

    // What is to be told: nobody asked for a token for AWS, and AWS takes it.
    let binding = world.get("iamrolebinding", "default", "app").await.unwrap().unwrap();
    let role = binding["status"]["roleArn"].as_str().unwrap();
    let default_token = world.cluster.api_token("default", "app").await.unwrap();
    assert!(world.assume(role, &default_token).await.is_ok());

    let told = |federation: &Value| {
        says(federation, "AudiencesSeparate", "False") && says(federation, "AudiencesSeparate", "ApiAudienceShared")
    };
    let federation = world
        .wait_for("AudiencesSeparate=False", FEDERATION, told)
        .await
        .unwrap();
    assert!(says(&federation, "Ready", "True"), "{federation:#}");
    assert_eq!(events(&world, "ApiAudienceShared").await, 1);
    assert_eq!(failing(&world, "AudiencesSeparate"), "1");

    // Told again, and not as something new.
    world.request_pass(&[FEDERATION], "again").await.unwrap();
    assert_eq!(events(&world, "ApiAudienceShared").await, 1);
}

#[tokio::test]
async fn separate_audiences_and_injection_are_confirmed_and_what_takes_it_away_is_told() {
    let mut world = World::start_configured(|cluster| cluster).await.unwrap();
    world.start_operator().await.unwrap();
    world.apply_samples().await.unwrap();
    let federation = world
        .get(FEDERATION.0, FEDERATION.1, FEDERATION.2)
        .await
        .unwrap()
        .unwrap();
    assert!(says(&federation, "AudiencesSeparate", "True"), "{federation:#}");
    assert!(says(&federation, "InjectionActive", "True"), "{federation:#}");
    let identity = world.pod_identity("default", "app").await.unwrap();
    let listed = sdk_process::list_bucket(&world.aws, &identity.role_arn, identity.token_file(), DATA_BUCKET).await;
    assert!(listed.is_ok(), "{listed:?}");

    let mark = world.mark().await.unwrap();
    let carrier = match world.webhook() {
        Some(_) => ["mutatingwebhookconfiguration", WEBHOOK],
        None => ["mutatingadmissionpolicy", "irsa-anywhere-inject"],
    };
    world.kubectl(&["delete", carrier[0], carrier[1]]).await.unwrap();
    world.request_pass(&[FEDERATION], "gone").await.unwrap();
    let missing = |federation: &Value| says(federation, "InjectionActive", "InjectionMissing");
    let federation = world
        .wait_for("InjectionActive=False", FEDERATION, missing)
        .await
        .unwrap();
    assert!(says(&federation, "Ready", "True"), "{federation:#}");
    assert_eq!(events(&world, "InjectionMissing").await, 1);
    assert_eq!(failing(&world, "InjectionActive"), "1");
    // One look: a token of its own from the one API server, policies (where there are none, in both versions that there may be),
    // bindings, and webhooks.
    let counts = world.counts_since(&mark).await.unwrap();
    let policies = if world.webhook().is_none() {
        (1, Some(1))
    } else {
        (2, None)
    };
    for (call, times) in [
        ("create serviceaccounts/token", Some(1)),
        ("list mutatingadmissionpolicies", Some(policies.0)),
        ("list mutatingadmissionpolicybindings", policies.1),
        ("list mutatingwebhookconfigurations", Some(1)),
    ] {
        assert_eq!(counts.kubernetes_reads.get(call).copied(), times, "{call}: {counts:#?}");
    }

    // Rights that were taken away: not known, and nothing else suffers.
    for role in [
        "clusterrole/irsa-anywhere-own-token",
        "clusterrole/irsa-anywhere-verify",
        "clusterrole/irsa-anywhere",
    ] {
        let rules: Value = serde_json::from_str(&world.kubectl(&["get", role, "-o", "json"]).await.unwrap()).unwrap();
        let mut rules = rules["rules"].as_array().unwrap().clone();
        let concerns = |rule: &Value| {
            let text = rule.to_string();
            text.contains("serviceaccounts/token") || text.contains("admissionregistration")
        };
        rules.retain(|rule| !concerns(rule));
        let patch = serde_json::json!({ "rules": rules }).to_string();
        world
            .kubectl(&["patch", role, "--type=merge", "-p", &patch])
            .await
            .unwrap();
    }
    world.request_pass(&[FEDERATION], "denied").await.unwrap();
    let unknown = |federation: &Value| {
        ["AudiencesSeparate", "InjectionActive"]
            .iter()
            .all(|kind| says(federation, kind, "Unknown") && says(federation, kind, "NotPermitted"))
    };
    let federation = world.wait_for("both Unknown", FEDERATION, unknown).await.unwrap();
    assert!(says(&federation, "Ready", "True"), "{federation:#}");
}
