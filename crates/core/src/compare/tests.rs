//! Pairs of documents that mean the same, and pairs that only look like it.

use serde_json::{Value, json};

use super::{Policy, equivalent};

fn statement(extra: &Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
    for (name, value) in extra.as_object().unwrap() {
        statement[name] = value.clone();
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[track_caller]
fn same(one: &Value, other: &Value) {
    assert_eq!(Policy::of(one), Policy::of(other));
    assert!(equivalent(&one.to_string(), &other.to_string()));
}

#[track_caller]
fn different(one: &Value, other: &Value) {
    assert_ne!(Policy::of(one), Policy::of(other));
    assert!(!equivalent(&one.to_string(), &other.to_string()));
}

#[test]
fn a_document_equals_its_url_encoded_self() {
    let plain = statement(&json!({"Resource": "arn:aws:s3:::b/100%25+x"})).to_string();
    let encoded: String = percent_encoding::utf8_percent_encode(&plain, percent_encoding::NON_ALPHANUMERIC).to_string();
    assert!(equivalent(&plain, &encoded));
    assert!(equivalent(&format!("\n {plain}"), &encoded));
}

#[test]
fn a_percent_sign_in_a_plain_document_is_not_decoded() {
    different(
        &statement(&json!({"Resource": "arn:aws:s3:::b/%2A"})),
        &statement(&json!({"Resource": "arn:aws:s3:::b/*"})),
    );
}

#[test]
fn a_plus_in_an_encoded_document_is_a_plus() {
    assert!(!equivalent("%7B%22a+b%22:1%7D", r#"{"a b":1}"#));
    assert!(equivalent("%7B%22a+b%22:1%7D", r#"{"a+b":1}"#));
}

#[test]
fn order_and_repetition_mean_nothing() {
    let first = json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["a", "b"]});
    let second = json!({"Effect": "Deny", "Action": "iam:*", "Resource": "*"});
    let turned = json!({"Resource": ["b", "a", "b"], "Action": ["s3:PutObject", "s3:GetObject"], "Effect": "Allow"});
    same(
        &json!({"Version": "2012-10-17", "Statement": [first.clone(), second.clone()]}),
        &json!({"Statement": [second, turned, first], "Version": "2012-10-17"}),
    );
}

#[test]
fn a_scalar_equals_an_array_of_one() {
    same(
        &statement(&json!({})),
        &statement(&json!({"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]})),
    );
    same(
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": "x"}}, "Principal": {"AWS": "p"}})),
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": ["x"]}}, "Principal": {"AWS": ["p"]}})),
    );
}

#[test]
fn an_array_of_one_is_not_an_empty_array() {
    different(&statement(&json!({"Action": []})), &statement(&json!({})));
    different(
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": []}}})),
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": ""}}})),
    );
    different(
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": []}}})),
        &statement(&json!({})),
    );
}

#[test]
fn one_statement_equals_an_array_of_one() {
    let document = statement(&json!({}));
    same(
        &document,
        &json!({"Version": "2012-10-17", "Statement": document["Statement"][0]}),
    );
}

#[test]
fn actions_ignore_case_and_resources_do_not() {
    same(&statement(&json!({"Action": "S3:getobject"})), &statement(&json!({})));
    same(
        &statement(&json!({"NotAction": "S3:*"})),
        &statement(&json!({"NotAction": "s3:*"})),
    );
    different(
        &statement(&json!({"Resource": "arn:aws:s3:::B/*"})),
        &statement(&json!({})),
    );
}

#[test]
fn condition_keys_ignore_case_and_values_and_operators_do_not() {
    let of = |operator: &str, key: &str, value: &str| statement(&json!({"Condition": {operator: {key: value}}}));
    same(
        &of("StringEquals", "aws:SourceIp", "x"),
        &of("StringEquals", "AWS:sourceip", "x"),
    );
    different(
        &of("StringEquals", "aws:SourceIp", "x"),
        &of("StringEquals", "aws:SourceIp", "X"),
    );
    different(
        &of("StringEquals", "aws:SourceIp", "x"),
        &of("StringLike", "aws:SourceIp", "x"),
    );
    different(
        &of("StringEquals", "aws:SourceIp", "x"),
        &of("stringequals", "aws:SourceIp", "x"),
    );
    different(
        &of("StringEquals", "aws:SourceIp", "x"),
        &of("StringEqualsIfExists", "aws:SourceIp", "x"),
    );
}

#[test]
fn two_keys_that_differ_in_case_are_two_conditions() {
    different(
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": "x", "AWS:A": "y"}}})),
        &statement(&json!({"Condition": {"StringEquals": {"aws:a": ["x", "y"]}}})),
    );
}

#[test]
fn everyone_is_everyone_in_both_spellings_and_nobody_else() {
    same(
        &statement(&json!({"Principal": "*"})),
        &statement(&json!({"Principal": {"AWS": ["*"]}})),
    );
    different(
        &statement(&json!({"Principal": "*"})),
        &statement(&json!({"Principal": {"Federated": "*"}})),
    );
    different(
        &statement(&json!({"Principal": "*"})),
        &statement(&json!({"Principal": {"AWS": "*", "Service": "x"}})),
    );
    different(
        &statement(&json!({"Principal": "*"})),
        &statement(&json!({"NotPrincipal": "*"})),
    );
    different(&statement(&json!({"Principal": "*"})), &statement(&json!({})));
}

#[test]
fn quoted_and_bare_condition_values_are_the_same() {
    let of = |value: Value| statement(&json!({"Condition": {"Bool": {"aws:SecureTransport": value}}}));
    same(&of(json!(true)), &of(json!("true")));
    same(&of(json!(5)), &of(json!(["5"])));
    same(&of(json!(-5)), &of(json!("-5")));
    same(&of(json!(u64::MAX)), &of(json!(u64::MAX.to_string())));
    different(&of(json!(1.5)), &of(json!("1.5")));
    different(&of(json!(true)), &of(json!("false")));
    different(&of(json!(true)), &of(json!(1)));
}

#[test]
fn numbers_too_large_to_tell_apart_are_not_equal_to_a_string() {
    let document = |value: &str| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Condition":{{"NumericEquals":{{"a":{value}}}}}}}]}}"#)
    };
    assert!(!equivalent(
        &document("12345678901234567890123"),
        &document("\"1.2345678901234568e22\"")
    ));
}

#[test]
fn an_empty_condition_is_no_condition() {
    same(&statement(&json!({"Condition": {}})), &statement(&json!({})));
}

#[test]
fn a_missing_version_is_the_old_one() {
    let document = statement(&json!({}));
    let without = json!({"Statement": document["Statement"]});
    same(
        &without,
        &json!({"Version": "2008-10-17", "Statement": document["Statement"]}),
    );
    different(&without, &document);
}

#[test]
fn a_sid_is_kept_and_an_empty_one_is_none() {
    different(&statement(&json!({"Sid": "A"})), &statement(&json!({"Sid": "B"})));
    different(&statement(&json!({"Sid": "A"})), &statement(&json!({})));
    same(&statement(&json!({"Sid": ""})), &statement(&json!({})));
}

#[test]
fn effect_and_kind_of_element_are_compared() {
    different(&statement(&json!({"Effect": "Deny"})), &statement(&json!({})));
    different(
        &json!({"Statement": {"Action": "a"}}),
        &json!({"Statement": {"NotAction": "a"}}),
    );
    different(
        &json!({"Statement": {"Resource": "a"}}),
        &json!({"Statement": {"NotResource": "a"}}),
    );
    different(
        &json!({"Id": "a", "Statement": []}),
        &json!({"Id": "b", "Statement": []}),
    );
    different(&json!({"Id": "a", "Statement": []}), &json!({"Statement": []}));
}

#[test]
fn what_is_no_policy_equals_only_itself() {
    assert!(equivalent("nonsense", "nonsense"));
    assert!(!equivalent("nonsense", "Nonsense"));
    same(
        &json!({"a": [1, 2], "b": {"x": 1, "y": 2}}),
        &json!({"b": {"y": 2, "x": 1}, "a": [1, 2]}),
    );
    different(&json!({"a": [1, 2]}), &json!({"a": [2, 1]}));
    different(&json!({"Statement": "x"}), &json!({"Statement": ["x"]}));
    different(&json!({"Version": 1, "Statement": []}), &json!({"Statement": []}));
    different(
        &statement(&json!({"Action": {"a": 1}})),
        &statement(&json!({"Action": {"a": 2}})),
    );
    different(
        &statement(&json!({"Condition": {"StringEquals": {}}})),
        &statement(&json!({})),
    );
    different(
        &statement(&json!({"Condition": "x"})),
        &statement(&json!({"Condition": ["x"]})),
    );
    different(
        &statement(&json!({"Principal": "a"})),
        &statement(&json!({"Principal": "b"})),
    );
}

#[test]
fn a_document_with_a_member_twice_is_like_no_other() {
    let twice = r#"{"Statement":[{"Effect":"Allow","Action":"a","Condition":{},"Condition":{"Bool":{"x":"true"}}}]}"#;
    let once = r#"{"Statement":[{"Effect":"Allow","Action":"a","Condition":{"Bool":{"x":"true"}}}]}"#;
    assert!(!super::equivalent(twice, once));
    assert!(super::equivalent(twice, twice));
}
