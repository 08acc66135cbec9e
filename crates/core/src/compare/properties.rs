//! Generated documents, IAM's rewriting of them, and changes of their meaning.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::{Policy, equivalent};

/// One value or several distinct ones, in IAM's two spellings of one.
fn values(pattern: &'static str) -> impl Strategy<Value = Value> {
    prop_oneof![
        pattern.prop_map(Value::from),
        proptest::collection::btree_set(pattern, 1..4).prop_map(|set| Value::from(set.into_iter().collect::<Vec<_>>())),
    ]
}

fn conditions() -> impl Strategy<Value = Value> {
    let operator = proptest::sample::select(vec!["StringEquals", "StringLike", "Bool", "ForAnyValue:StringLike"]);
    let keys = proptest::collection::btree_map("[a-c]{1,2}:[a-c]{1,3}", values("[a-zA-Z]{1,4}"), 1..3);
    proptest::collection::btree_map(operator, keys, 0..3).prop_map(|map| json!(map))
}

fn principals() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("*")),
        proptest::collection::btree_map(
            proptest::sample::select(vec!["AWS", "Federated", "Service"]),
            values("[a-z:*]{1,6}"),
            1..3
        )
        .prop_map(|map| json!(map)),
    ]
}

prop_compose! {
    fn statement()(
        effect in proptest::sample::select(vec!["Allow", "Deny"]),
        action_name in proptest::sample::select(vec!["Action", "NotAction"]),
        actions in values("[a-z]{1,3}:[a-zA-Z*]{1,5}"),
        resources in values("arn:[a-zA-Z/*%]{1,6}"),
        condition in proptest::option::of(conditions()),
        principal in proptest::option::of(principals()),
        sid in proptest::option::of("[A-Z]{1,3}"),
    ) -> Value {
        let mut statement = Map::from_iter([
            ("Effect".to_owned(), json!(effect)),
            (action_name.to_owned(), actions),
            ("Resource".to_owned(), resources),
        ]);
        for (name, value) in [("Condition", condition), ("Principal", principal), ("Sid", sid.map(Value::from))] {
            if let Some(value) = value {
                statement.insert(name.to_owned(), value);
            }
        }
        Value::Object(statement)
    }
}

fn document() -> impl Strategy<Value = Value> {
    proptest::collection::vec(statement(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

/// What IAM does to a stored document: arrays turned, single elements collapsed or expanded, driven by `choices`.
fn rewritten(value: &Value, choices: &mut impl Iterator<Item = bool>) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, member)| (name.clone(), rewritten(member, choices)))
            .collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| rewritten_inside(item, choices)).collect();
            if choices.next() == Some(true) {
                items.reverse();
            }
            match items.as_slice() {
                [one] if choices.next() == Some(true) => one.clone(),
                _ => Value::Array(items),
            }
        }
        scalar => scalar.clone(),
    }
}

/// Elements of arrays are never arrays themselves.
fn rewritten_inside(value: &Value, choices: &mut impl Iterator<Item = bool>) -> Value {
    if value.is_object() {
        rewritten(value, choices)
    } else {
        value.clone()
    }
}

/// Expands the scalars that IAM may expand: values of actions, resources, principals and conditions.
fn expanded(document: &Value) -> Value {
    let mut document = document.clone();
    let expand = |value: &mut Value| {
        if value.is_string() && value != "*" {
            *value = json!([value.clone()]);
        }
    };
    for statement in document["Statement"].as_array_mut().unwrap() {
        for name in ["Action", "NotAction", "Resource"] {
            if let Some(value) = statement.get_mut(name) {
                expand(value);
            }
        }
        if let Some(Value::Object(kinds)) = statement.get_mut("Principal") {
            kinds.values_mut().for_each(expand);
        }
        if let Some(Value::Object(operators)) = statement.get_mut("Condition") {
            for keys in operators.values_mut() {
                keys.as_object_mut().unwrap().values_mut().for_each(expand);
            }
        }
    }
    document
}

/// Adds a value that is in no generated document to one element's values.
fn with_one_more(value: &Value) -> Value {
    let mut items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    items.push(json!("new:Value-9"));
    Value::Array(items)
}

/// Every way to change what the statement means by one small edit.
fn mutants(statement: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut put = |name: &str, value: Value| {
        let mut mutant = statement.clone();
        mutant[name] = value;
        all.push(mutant);
    };
    put(
        "Effect",
        json!(if statement["Effect"] == "Allow" {
            "Deny"
        } else {
            "Allow"
        }),
    );
    put("Resource", with_one_more(&statement["Resource"]));
    put("Resource", json!("new:Value-9"));
    if let Some(actions) = statement.get("Action") {
        put("Action", with_one_more(actions));
    }
    if let Some(Value::Object(operators)) = statement.get("Condition") {
        for (operator, keys) in operators {
            let mut moved = operators.clone();
            moved.remove(operator);
            put("Condition", Value::Object(moved.clone()));
            moved.insert("NewOperator".to_owned(), keys.clone());
            put("Condition", Value::Object(moved));
            for (key, value) in keys.as_object().unwrap() {
                let mut widened = operators.clone();
                widened[operator][key] = with_one_more(value);
                put("Condition", Value::Object(widened));
            }
        }
    }
    if statement.get("Principal").is_some() {
        put("Principal", json!({"AWS": "new:Value-9"}));
    } else {
        put("Principal", json!("*"));
    }
    if let Some(actions) = statement.get("Action") {
        let mut inverted = statement.clone();
        inverted.as_object_mut().unwrap().remove("Action");
        inverted["NotAction"] = actions.clone();
        all.push(inverted);
    }
    all
}

proptest! {
    #[test]
    fn comparison_is_an_equivalence_relation(a in document(), b in document(), c in document()) {
        let [a, b, c] = [a, b, c].map(|document| Policy::of(&document));
        prop_assert_eq!(&a, &a.clone());
        prop_assert_eq!(a == b, b == a);
        prop_assert!(!(a == b && b == c) || a == c);
    }

    #[test]
    fn what_iam_rewrites_stays_equal(
        document in document(),
        choices in proptest::collection::vec(any::<bool>(), 64),
        encode in any::<bool>(),
    ) {
        let mut choices = choices.into_iter();
        let text = rewritten(&expanded(&document), &mut choices).to_string();
        let text = if encode { utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string() } else { text };
        prop_assert!(equivalent(&document.to_string(), &text), "{} and {}", document, text);
    }

    #[test]
    fn a_changed_meaning_is_never_equal(document in document(), which in any::<Index>(), how in any::<Index>()) {
        let position = which.index(document["Statement"].as_array().unwrap().len());
        let mutants = mutants(&document["Statement"][position]);
        let mut changed = document.clone();
        changed["Statement"][position] = mutants[how.index(mutants.len())].clone();
        prop_assert_ne!(Policy::of(&document), Policy::of(&changed));
    }

    #[test]
    fn a_statement_more_or_less_is_never_equal(document in document()) {
        let mut more = document.clone();
        more["Statement"].as_array_mut().unwrap().push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        prop_assert_ne!(Policy::of(&document), Policy::of(&more));
    }

    #[test]
    fn any_text_equals_itself_encoded_or_not(text in "\\PC{0,40}") {
        prop_assert!(equivalent(&text, &text));
    }
}
