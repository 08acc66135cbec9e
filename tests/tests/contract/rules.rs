//! No rule of the CRDs without a row that provokes it: a rule that refuses nothing looks like one that works.

use serde_json::{Value, json};

use crate::{
    bench::{Row, binding, create, federation, merge, offer, offer_change, plane},
    binding as bindings, federation as federations,
};

/// The sentences of all rules within a schema. Of one that is computed: what it begins with.
fn sentences(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let computed = |rule: &Value| {
        let expression = rule["messageExpression"].as_str()?.strip_prefix('\'')?;
        Some(expression.split_once('\'')?.0.to_owned())
    };
    let own = rules.map(|rule| {
        let sentence = rule["message"].as_str().map(str::to_owned);
        sentence
            .or_else(|| computed(rule))
            .unwrap_or_else(|| panic!("without a sentence: {rule}"))
    });
    let below = match schema {
        Value::Object(members) => members.values().flat_map(sentences).collect(),
        Value::Array(items) => items.iter().flat_map(sentences).collect(),
        _ => Vec::new(),
    };
    own.chain(below).collect()
}

/// What the API server says of the rows that it is to refuse.
async fn refusals(base: fn() -> Value, offers: Vec<Row>, changes: Vec<Row>) -> Vec<String> {
    let plane = plane().await;
    let mut said = Vec::new();
    for (_, change, expected) in offers {
        if expected.is_some() {
            let mut object = base();
            merge(&mut object, &change);
            said.push(offer(&plane, &object).await.message().clone());
        }
    }
    let mut stored = base();
    stored["metadata"]["name"] = json!("provoked");
    assert!(create(&plane, &stored).await.is_success());
    for (_, change, expected) in changes {
        if expected.is_some() {
            said.push(offer_change(&plane, &stored, &change).await.message().clone());
        }
    }
    said
}

#[tokio::test]
async fn every_rule_is_provoked_by_a_row() {
    let said = [
        (
            "OidcFederation",
            refusals(federation, federations::offers(), federations::changes()).await,
        ),
        (
            "IamRoleBinding",
            refusals(binding, bindings::offers(), bindings::changes()).await,
        ),
    ];
    let mut silent = Vec::new();
    for crd in irsa_api::custom_resource_definitions().unwrap() {
        let kind = crd.spec.names.kind.clone();
        let (_, said) = said.iter().find(|(of, _)| *of == kind).unwrap();
        let rules = sentences(&serde_json::to_value(crd.spec.versions).unwrap());
        assert!(rules.len() > 20, "{kind}: {rules:?}");
        let unsaid = rules
            .into_iter()
            .filter(|rule| !said.iter().any(|said| said.contains(rule.as_str())));
        silent.extend(unsaid.map(|rule| format!("{kind}: {rule}")));
    }
    assert!(silent.is_empty(), "no row provokes\n{}", silent.join("\n"));
}
