use std::time::Duration;

use crate::bench::{binding, create, federation, plane};

#[tokio::test]
async fn an_object_without_status_reads_as_not_yet_observed() {
    let plane = plane().await;
    for mut object in [federation(), binding()] {
        object["metadata"]["name"] = "untouched".into();
        let reply = create(&plane, &object).await;
        assert!(reply.is_success(), "{}", reply.message());
        assert_eq!(reply.body["status"]["observedGeneration"], -1);
    }
}

#[tokio::test]
async fn explain_reads_like_documentation() {
    let plane = plane().await;
    for (field, part) in [
        ("oidcfederation.spec.issuer", "--service-account-issuer"),
        ("irb.spec.serviceAccounts", "name"),
    ] {
        // The API server publishes the schema of a new CRD a moment after it serves the kind.
        let mut explained = String::new();
        for _ in 0..300 {
            explained = plane.kubectl(&["explain", field]).await.unwrap().stdout;
            if explained.contains(part) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(explained.contains(part), "{field}: {explained}");
    }
}

/// The heads of a table that kubectl prints.
fn heads(table: &str) -> Vec<&str> {
    let first = table.lines().next().unwrap_or_default();
    let heads = first.split("  ").map(str::trim).filter(|head| !head.is_empty());
    heads.collect()
}

#[tokio::test]
async fn kubectl_lists_both_kinds_by_their_category_and_short_names_in_the_promised_columns() {
    let plane = plane().await;
    for mut object in [federation(), binding()] {
        object["metadata"]["name"] = "listed".into();
        let reply = create(&plane, &object).await;
        assert!(reply.is_success(), "{}", reply.message());
    }
    let get = async |arguments: &[&str]| {
        let arguments = [&["get"], arguments].concat();
        let printed = plane.kubectl(&arguments).await.unwrap();
        assert!(printed.success, "{arguments:?}: {}", printed.stderr);
        printed.stdout
    };
    let all = get(&["irsa", "-A", "-o", "name"]).await;
    for name in [
        "oidcfederation.irsa-anywhere.dev/listed",
        "iamrolebinding.irsa-anywhere.dev/listed",
    ] {
        assert!(all.lines().any(|line| line == name), "{all}");
    }
    let table = get(&["oidcfed", "listed"]).await;
    assert_eq!(heads(&table), ["NAME", "READY", "ISSUER", "KEYS", "STATUS", "AGE"]);
    let table = get(&["oidcfed", "listed", "-o", "wide"]).await;
    let wide = [
        "NAME", "READY", "ISSUER", "PROVIDER", "KEYS", "STATUS", "MESSAGE", "AGE",
    ];
    assert_eq!(heads(&table), wide);
    let table = get(&["irb", "listed"]).await;
    let columns = [
        "NAME",
        "READY",
        "ROLE ARN",
        "SERVICE ACCOUNTS",
        "VERIFIED",
        "STATUS",
        "AGE",
    ];
    assert_eq!(heads(&table), columns);
    let table = get(&["irb", "listed", "-o", "wide"]).await;
    let wide = [
        "NAME",
        "READY",
        "ROLE ARN",
        "SERVICE ACCOUNTS",
        "VERIFIED",
        "STATUS",
        "MESSAGE",
        "AGE",
    ];
    assert_eq!(heads(&table), wide);
}

#[test]
fn every_field_has_a_description() {
    for crd in irsa_api::custom_resource_definitions().unwrap() {
        for version in crd.spec.versions {
            let schema = serde_json::to_value(version.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
            let spec = &schema["properties"]["spec"];
            describe("spec", spec);
        }
    }
}

fn describe(path: &str, schema: &serde_json::Value) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        assert!(
            field["description"].as_str().is_some_and(|text| text.len() > 10),
            "{path} has no description"
        );
        describe(&path, field);
        describe(&format!("{path}[]"), &field["items"]);
    }
}
