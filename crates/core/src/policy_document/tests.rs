//! What IAM would refuse, and what it would not.

use serde_json::json;

use super::*;

fn document(statement: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn read() -> Value {
    json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
}

fn refused(name: &str, document: &Value) -> InlineError {
    check([(name, document)], InlineLimits::default()).unwrap_err()
}

#[test]
fn a_sound_document_comes_back_minified() {
    let one = json!({"Version": "2012-10-17", "Statement": read()});
    let checked = check(
        [("read", &one), ("read-2", &document(&read()))],
        InlineLimits::default(),
    )
    .unwrap();
    assert_eq!(checked.len(), 2);
    assert_eq!(checked[0].name, "read");
    assert_eq!(serde_json::from_str::<Value>(&checked[0].document).unwrap(), one);
    assert!(!checked[0].document.contains(' '));
}

#[test]
fn each_problem_names_its_field_and_what_to_do() {
    let with = |name: &str, value: Value| {
        let mut statement = read();
        statement[name] = value;
        document(&statement)
    };
    let without = |name: &str| {
        let mut statement = read();
        statement.as_object_mut().unwrap().remove(name);
        document(&statement)
    };
    for (bad, problem) in [
        (json!("x"), InlineProblem::NotAnObject),
        (json!([]), InlineProblem::NotAnObject),
        (json!({"Statement": [read()]}), InlineProblem::Version),
        (
            json!({"Version": "2020-01-01", "Statement": [read()]}),
            InlineProblem::Version,
        ),
        (json!({"Version": "2012-10-17"}), InlineProblem::Statement),
        (
            json!({"Version": "2012-10-17", "Statement": []}),
            InlineProblem::Statement,
        ),
        (
            json!({"Version": "2012-10-17", "Statement": ["x"]}),
            InlineProblem::Statement,
        ),
        (
            json!({"Version": "2012-10-17", "Statement": "x"}),
            InlineProblem::Statement,
        ),
        (without("Effect"), InlineProblem::Effect(0)),
        (with("Effect", json!("allow")), InlineProblem::Effect(0)),
        (
            without("Action"),
            InlineProblem::ExactlyOne {
                statement: 0,
                one: "Action",
            },
        ),
        (
            with("NotAction", json!("x")),
            InlineProblem::ExactlyOne {
                statement: 0,
                one: "Action",
            },
        ),
        (
            without("Resource"),
            InlineProblem::ExactlyOne {
                statement: 0,
                one: "Resource",
            },
        ),
        (
            with("NotResource", json!("x")),
            InlineProblem::ExactlyOne {
                statement: 0,
                one: "Resource",
            },
        ),
        (with("Principal", json!("*")), InlineProblem::Principal(0)),
        (with("NotPrincipal", json!("*")), InlineProblem::Principal(0)),
        (with("Sid", json!("a→b")), InlineProblem::Character('→')),
        (with("Sid", json!("a\u{0}")), InlineProblem::Character('\u{0}')),
        (with("Ā", json!("a")), InlineProblem::Character('Ā')),
    ] {
        let error = refused("p", &bad);
        assert_eq!(error.problem, problem, "{bad}");
        assert!(
            error.to_string().starts_with("spec.policies.inline[0].document: "),
            "{error}"
        );
    }
}

#[test]
fn characters_up_to_ff_and_line_breaks_are_fine() {
    let mut statement = read();
    statement["Resource"] = json!("arn:aws:s3:::ÿ é\t\r\n");
    assert!(check([("p", &document(&statement))], InlineLimits::default()).is_ok());
}

#[test]
fn names_follow_iams_pattern_and_differ_in_more_than_case() {
    let sound = document(&read());
    for bad in ["", "a b", "a/b", "ä", &"n".repeat(129)] {
        let error = refused(bad, &sound);
        assert!(matches!(error.problem, InlineProblem::Name(_)), "{bad}");
        assert_eq!(error.field, "spec.policies.inline[0].name");
    }
    assert!(check([("n".repeat(128).as_str(), &sound)], InlineLimits::default()).is_ok());
    let error = check([("Read", &sound), ("read", &sound)], InlineLimits::default()).unwrap_err();
    assert_eq!(error.problem, InlineProblem::DuplicateName("read".to_owned()));
    assert_eq!(error.field, "spec.policies.inline[1].name");
}

#[test]
fn the_tenth_level_is_the_last() {
    let nested = |levels: usize| {
        // Document, list, statement, condition: three levels of containers above the condition's own.
        let mut value = json!("x");
        for _ in 0..levels - 3 {
            value = json!({ "a": value });
        }
        let mut statement = read();
        statement["Condition"] = value;
        document(&statement)
    };
    assert!(check([("p", &nested(10))], InlineLimits::default()).is_ok());
    assert_eq!(
        refused("p", &nested(11)).problem,
        InlineProblem::Depth { depth: 11, limit: 10 }
    );
}

#[test]
fn the_quota_counts_all_documents_together_and_no_white_space() {
    let mut statement = read();
    statement["Resource"] = json!("r".repeat(5_000));
    let large = document(&statement);
    let each = large.to_string().chars().count();
    assert!(check([("a", &large), ("b", &large)], InlineLimits::default()).is_ok());
    let limits = InlineLimits {
        total_characters: 2 * each - 1,
        ..InlineLimits::default()
    };
    let error = check([("a", &large), ("b", &large)], limits).unwrap_err();
    assert_eq!(
        error.problem,
        InlineProblem::TooLarge {
            size: 2 * each,
            limit: 2 * each - 1
        }
    );
    assert_eq!(error.field, "spec.policies.inline");

    statement["Resource"] = json!(" ".repeat(20_000));
    assert!(check([("a", &document(&statement))], InlineLimits::default()).is_ok());
}

#[test]
fn a_document_that_only_denies_is_told_from_every_other() {
    let deny =
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"x"}}}"#;
    let allow = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#;
    for good in [
        format!(r#"{{"Version":"2012-10-17","Statement":[{deny}]}}"#),
        format!(r#"{{"Statement":{deny}}}"#),
        format!("%7B%22Statement%22%3A{deny}%7D"),
    ] {
        assert!(only_denies(&good), "{good}");
    }
    for other in [
        format!(r#"{{"Statement":[{deny},{allow}]}}"#),
        format!(r#"{{"Statement":[{deny}],"Statement":[{allow}]}}"#),
        format!(
            r#"{{"Statement":[{}]}}"#,
            deny.replacen(r#""Deny""#, r#""Deny","Effect":"Allow""#, 1)
        ),
        format!(r#"{{"Statement":[{}]}}"#, deny.replace("Deny", "deny")),
        r#"{"Statement":[]}"#.to_owned(),
        r#"{"Version":"2012-10-17"}"#.to_owned(),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(!only_denies(&other), "{other}");
    }
}
