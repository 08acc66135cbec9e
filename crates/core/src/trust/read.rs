//! Parsing of trust policies that IAM gives back, as far as we render such.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider};
use crate::{compare, json};

impl TrustPolicy {
    /// The policy that a document as IAM returns it expresses, `None` for any document that [`TrustPolicy::render`]
    /// could not have made.
    ///
    /// Nothing that the document says is passed over: what is read renders to a document of the same meaning.
    pub fn read(document: &str) -> Option<Self> {
        let text = compare::decoded(document);
        let value = json::read(text.as_bytes()).ok()?;
        let statements = items(value.get("Statement")?);
        let mut providers = BTreeSet::new();
        let mut pinned = BTreeSet::new();
        for statement in statements {
            let arn = statement.pointer("/Principal/Federated").map(items)?;
            let arn = arn.first()?.as_str()?;
            let issuer = arn.split_once(":oidc-provider/")?.1;
            let claims = statement.pointer("/Condition/StringEquals")?;
            let of = |claim: &str| Some(strings(claims.get(format!("{issuer}:{claim}"))?));
            providers.insert(TrustProvider::new(arn, issuer));
            pinned.insert((of("sub")??, of("aud")??));
        }
        let (subjects, audiences) = pinned.pop_first()?;
        let read = Self {
            providers: NonEmptySet::new(providers)?,
            subjects: NonEmptySet::new(
                subjects
                    .iter()
                    .map(|text| Subject::read(text))
                    .collect::<Option<Vec<_>>>()?,
            )?,
            audiences: NonEmptySet::new(
                audiences
                    .iter()
                    .map(|text| Audience::new(text).ok())
                    .collect::<Option<Vec<_>>>()?,
            )?,
        };
        let rendered = read.render(usize::MAX).ok()?;
        compare::equivalent(rendered.as_str(), document).then_some(read)
    }

    /// Whoever both policies let in; `None` when that is nobody.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Some(Self {
            providers: self.providers.intersection(&other.providers)?,
            subjects: self.subjects.intersection(&other.subjects)?,
            audiences: self.audiences.intersection(&other.audiences)?,
        })
    }
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}

fn strings(value: &Value) -> Option<BTreeSet<String>> {
    items(value)
        .into_iter()
        .map(|item| item.as_str().map(ToOwned::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use serde_json::json;

    use super::*;
    use crate::trust::closed;

    const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/b.example/c";

    fn policy(subjects: &[&str], audiences: &[&str]) -> TrustPolicy {
        TrustPolicy {
            providers: NonEmptySet::one(TrustProvider::new(ARN, "b.example/c")),
            subjects: NonEmptySet::new(subjects.iter().map(|name| Subject::new("ns", name).unwrap())).unwrap(),
            audiences: NonEmptySet::new(audiences.iter().map(|name| Audience::new(*name).unwrap())).unwrap(),
        }
    }

    fn text(policy: &TrustPolicy) -> String {
        policy.render(usize::MAX).unwrap().as_str().to_owned()
    }

    #[test]
    fn what_was_rendered_is_read_back_however_iam_writes_it() {
        for of in [policy(&["a"], &["x"]), policy(&["a", "b"], &["x", "y"])] {
            let rendered = text(&of);
            assert_eq!(TrustPolicy::read(&rendered).as_ref(), Some(&of));
            let encoded = utf8_percent_encode(&rendered, NON_ALPHANUMERIC).to_string();
            assert_eq!(TrustPolicy::read(&encoded).as_ref(), Some(&of));
        }
        let two = TrustPolicy {
            providers: NonEmptySet::new([
                TrustProvider::new(ARN, "b.example/c"),
                TrustProvider::new(ARN.replace("b.", "d."), "d.example/c"),
            ])
            .unwrap(),
            ..policy(&["a"], &["x"])
        };
        assert_eq!(TrustPolicy::read(&text(&two)), Some(two));
    }

    #[test]
    fn what_says_more_or_less_than_we_would_is_not_read() {
        let sound: Value = serde_json::from_str(&text(&policy(&["a"], &["x"]))).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut changed = sound.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            changed.to_string()
        };
        let claims = "/Statement/0/Condition/StringEquals";
        for text in [
            closed().as_str().to_owned(),
            "x".to_owned(),
            with("/Statement", json!([])),
            with("/Statement/0/Effect", json!("Deny")),
            with("/Statement/0/Action", json!("sts:*")),
            with("/Statement/0/Principal", json!("*")),
            with(
                "/Statement/0/Principal",
                json!({"Federated": [ARN, "arn:aws:iam::1:oidc-provider/x"]}),
            ),
            with("/Statement/0/Condition", json!({})),
            with(claims, json!({"b.example/c:sub": "system:serviceaccount:ns:a"})),
            with(
                claims,
                json!({"b.example/c:aud": "x", "b.example/c:sub": "system:serviceaccount:ns:*"}),
            ),
            with(
                claims,
                json!({"b.example/c:aud": "x", "b.example/c:sub": "system:serviceaccount:ns:a", "aws:x": "y"}),
            ),
            text_twice(),
        ] {
            assert_eq!(TrustPolicy::read(&text), None, "{text}");
        }
    }

    fn text_twice() -> String {
        text(&policy(&["a"], &["x"])).replacen(r#""Condition":"#, r#""Condition":{},"Condition":"#, 1)
    }

    #[test]
    fn an_intersection_lets_in_whom_both_let_in() {
        let one = policy(&["a", "b"], &["x", "y"]);
        assert_eq!(
            one.intersection(&policy(&["b", "c"], &["y"])),
            Some(policy(&["b"], &["y"]))
        );
        assert_eq!(one.intersection(&policy(&["c"], &["y"])), None);
        assert_eq!(one.intersection(&policy(&["a"], &["z"])), None);
    }
}
