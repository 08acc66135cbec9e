//! Condition operators [IAMUG-2023 reference_policies_elements_condition_operators].

use std::net::IpAddr;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::Value;

use super::{Context, pattern::Pattern};

/// What a comparison asks; its negation is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualIgnoringCase,
    Like,
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Same,
    Less,
    LessOrSame,
    Greater,
    GreaterOrSame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Plain,
    AnyValue,
    AllValues,
}

/// A parsed operator such as `ForAllValues:StringNotLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    quantifier: Quantifier,
    test: Test,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Null,
    Compare { comparison: Comparison, negated: bool },
}

impl Operator {
    /// `None` for an operator that AWS does not know. `Null` takes neither `IfExists` nor a quantifier: UNSOURCED for
    /// the quantifier, [IAMUG-2023 …IfExists] for the suffix.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::AnyValue, rest),
            Some(("ForAllValues", rest)) => (Quantifier::AllValues, rest),
            Some(_) => return None,
            None => (Quantifier::Plain, name),
        };
        if name == "Null" {
            return (quantifier == Quantifier::Plain).then_some(Self {
                quantifier,
                test: Test::Null,
                if_exists: false,
            });
        }
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |base| (base, true));
        let (comparison, negated) = comparison(name)?;
        Some(Self {
            quantifier,
            test: Test::Compare { comparison, negated },
            if_exists,
        })
    }

    /// Whether `values` (the policy's) hold for `key` in this request.
    pub(super) fn holds(self, key: &str, values: &[String], context: &Context, variables: bool) -> bool {
        let found = context.values(key).filter(|found| !found.is_empty());
        let Test::Compare { comparison, negated } = self.test else {
            return values
                .iter()
                .any(|value| value.eq_ignore_ascii_case("true") == found.is_none());
        };
        let Some(found) = found else {
            // A missing key fails a positive comparison and passes a negated one; IfExists passes; ForAllValues is
            // true of nothing, ForAnyValue is false of nothing.
            return match self.quantifier {
                Quantifier::AllValues => true,
                Quantifier::AnyValue => self.if_exists,
                Quantifier::Plain => self.if_exists || negated,
            };
        };
        let scope = variables.then_some(context);
        let meets = |request: &String| values.iter().any(|value| compare(comparison, value, request, scope));
        match self.quantifier {
            Quantifier::Plain => found.iter().any(meets) != negated,
            Quantifier::AnyValue => found.iter().any(|request| meets(request) != negated),
            Quantifier::AllValues => found.iter().all(|request| meets(request) != negated),
        }
    }
}

fn comparison(name: &str) -> Option<(Comparison, bool)> {
    use Order::{Greater, GreaterOrSame, Less, LessOrSame, Same};
    let positive = |comparison| Some((comparison, false));
    let negative = |comparison| Some((comparison, true));
    match name {
        "StringEquals" => positive(Comparison::Equal),
        "StringNotEquals" => negative(Comparison::Equal),
        "StringEqualsIgnoreCase" => positive(Comparison::EqualIgnoringCase),
        "StringNotEqualsIgnoreCase" => negative(Comparison::EqualIgnoringCase),
        "StringLike" => positive(Comparison::Like),
        "StringNotLike" => negative(Comparison::Like),
        // "ArnEquals and ArnLike behave identically" [IAMUG-2023 ARN condition operators].
        "ArnEquals" | "ArnLike" => positive(Comparison::Arn),
        "ArnNotEquals" | "ArnNotLike" => negative(Comparison::Arn),
        "NumericEquals" => positive(Comparison::Number(Same)),
        "NumericNotEquals" => negative(Comparison::Number(Same)),
        "NumericLessThan" => positive(Comparison::Number(Less)),
        "NumericLessThanEquals" => positive(Comparison::Number(LessOrSame)),
        "NumericGreaterThan" => positive(Comparison::Number(Greater)),
        "NumericGreaterThanEquals" => positive(Comparison::Number(GreaterOrSame)),
        "DateEquals" => positive(Comparison::Date(Same)),
        "DateNotEquals" => negative(Comparison::Date(Same)),
        "DateLessThan" => positive(Comparison::Date(Less)),
        "DateLessThanEquals" => positive(Comparison::Date(LessOrSame)),
        "DateGreaterThan" => positive(Comparison::Date(Greater)),
        "DateGreaterThanEquals" => positive(Comparison::Date(GreaterOrSame)),
        "Bool" => positive(Comparison::Bool),
        "BinaryEquals" => positive(Comparison::Binary),
        "IpAddress" => positive(Comparison::Ip),
        "NotIpAddress" => negative(Comparison::Ip),
        _ => None,
    }
}

/// A value that does not parse for its operator matches nothing (UNSOURCED).
fn compare(comparison: Comparison, policy: &str, request: &str, scope: Option<&Context>) -> bool {
    match comparison {
        Comparison::Equal => Pattern::exact(policy, scope).matches(request),
        Comparison::EqualIgnoringCase => Pattern::exact(policy, scope).matches_ignoring_case(request),
        Comparison::Like => Pattern::wild(policy, scope).matches(request),
        Comparison::Arn => Pattern::wild(policy, scope).matches_arn(request),
        Comparison::Number(order) => match (request.trim().parse::<f64>(), policy.trim().parse::<f64>()) {
            (Ok(request), Ok(policy)) => order.of(request.partial_cmp(&policy)),
            _ => false,
        },
        Comparison::Date(order) => match (instant(request), instant(policy)) {
            (Some(request), Some(policy)) => order.of(Some(request.cmp(&policy))),
            _ => false,
        },
        Comparison::Bool => request.eq_ignore_ascii_case(policy),
        Comparison::Binary => request == policy,
        Comparison::Ip => request.parse().is_ok_and(|address| in_network(address, policy)),
    }
}

impl Order {
    fn of(self, found: Option<std::cmp::Ordering>) -> bool {
        found.is_some_and(|found| match self {
            Self::Same => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrSame => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrSame => found.is_ge(),
        })
    }
}

/// ISO 8601 or epoch seconds [IAMUG-2023 date condition operators].
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| {
            text.parse::<i64>()
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
        })
        .or_else(|| {
            Some(
                text.parse::<civil::DateTime>()
                    .ok()?
                    .to_zoned(TimeZone::UTC)
                    .ok()?
                    .timestamp(),
            )
        })
}

fn in_network(address: IpAddr, network: &str) -> bool {
    let (base, length) = network
        .split_once('/')
        .map_or((network, None), |(base, length)| (base, Some(length)));
    let bits = |bits: u32| length.map_or(Some(bits), |text| text.parse().ok().filter(|length| *length <= bits));
    match (address, base.parse::<IpAddr>()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(base))) => bits(32).is_some_and(|length| {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }),
        (IpAddr::V6(address), Ok(IpAddr::V6(base))) => bits(128).is_some_and(|length| {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }),
        _ => false,
    }
}

/// Every operator of a `Condition` block must hold, every key under it must hold, one of its values suffices.
pub(super) fn all_hold(block: &Value, context: &Context, variables: bool) -> bool {
    let Some(operators) = block.as_object() else {
        return false;
    };
    operators.iter().all(|(name, keys)| {
        let (Some(operator), Some(keys)) = (Operator::parse(name), keys.as_object()) else {
            return false;
        };
        keys.iter()
            .all(|(key, values)| operator.holds(key, &texts(values), context, variables))
    })
}

/// A policy value as texts: JSON booleans and numbers count as their text [IAMUG-2023 condition values].
pub(super) fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// operator, policy values, request values (none: key missing), holds.
    type Row = (
        &'static str,
        &'static [&'static str],
        Option<&'static [&'static str]>,
        bool,
    );

    const ROWS: &[Row] = &[
        ("StringEquals", &["a"], Some(&["a"]), true),
        ("StringEquals", &["a", "b"], Some(&["b"]), true),
        ("StringEquals", &["a*"], Some(&["ab"]), false),
        ("StringEquals", &["a"], Some(&["A"]), false),
        ("StringEquals", &["a"], None, false),
        ("StringEqualsIfExists", &["a"], None, true),
        ("StringEqualsIfExists", &["a"], Some(&["b"]), false),
        ("StringNotEquals", &["a", "b"], Some(&["b"]), false),
        ("StringNotEquals", &["a", "b"], Some(&["c"]), true),
        ("StringNotEquals", &["a"], None, true),
        ("StringEqualsIgnoreCase", &["aBc"], Some(&["AbC"]), true),
        ("StringNotEqualsIgnoreCase", &["abc"], Some(&["ABC"]), false),
        ("StringLike", &["a*"], Some(&["ab"]), true),
        ("StringLike", &["a?"], Some(&["abc"]), false),
        ("StringLike", &["*"], None, false),
        ("StringNotLike", &["a*"], Some(&["ab"]), false),
        (
            "ArnLike",
            &["arn:aws:iam::*:role/*"],
            Some(&["arn:aws:iam::123456789012:role/x"]),
            true,
        ),
        (
            "ArnEquals",
            &["arn:aws:iam::*:role/*"],
            Some(&["arn:aws:iam::123456789012:role/x"]),
            true,
        ),
        (
            "ArnLike",
            &["arn:aws:*"],
            Some(&["arn:aws:iam::123456789012:role/x"]),
            false,
        ),
        (
            "ArnNotEquals",
            &["arn:aws:iam::1:role/x"],
            Some(&["arn:aws:iam::1:role/y"]),
            true,
        ),
        (
            "ArnNotLike",
            &["arn:aws:iam::1:role/*"],
            Some(&["arn:aws:iam::1:role/y"]),
            false,
        ),
        ("Bool", &["true"], Some(&["True"]), true),
        ("Bool", &["false"], Some(&["true"]), false),
        ("Bool", &["true"], None, false),
        ("BoolIfExists", &["true"], None, true),
        ("Null", &["true"], None, true),
        ("Null", &["true"], Some(&["x"]), false),
        ("Null", &["false"], Some(&["x"]), true),
        ("Null", &["false"], None, false),
        ("NumericEquals", &["10"], Some(&["10.0"]), true),
        ("NumericNotEquals", &["10"], Some(&["11"]), true),
        ("NumericLessThan", &["10"], Some(&["9"]), true),
        ("NumericLessThanEquals", &["10"], Some(&["10"]), true),
        ("NumericGreaterThan", &["10"], Some(&["9"]), false),
        ("NumericGreaterThanEquals", &["10"], Some(&["x"]), false),
        (
            "DateLessThan",
            &["2026-01-01T00:00:00Z"],
            Some(&["2025-12-31T23:59:59Z"]),
            true,
        ),
        (
            "DateGreaterThan",
            &["2026-01-01"],
            Some(&["2026-01-02T00:00:00Z"]),
            true,
        ),
        ("DateEquals", &["0"], Some(&["1970-01-01T00:00:00Z"]), true),
        (
            "DateLessThanEquals",
            &["2026-01-01T00:00:00Z"],
            Some(&["nonsense"]),
            false,
        ),
        ("IpAddress", &["10.0.0.0/8"], Some(&["10.1.2.3"]), true),
        ("IpAddress", &["10.0.0.0/8"], Some(&["11.1.2.3"]), false),
        ("IpAddress", &["0.0.0.0/0"], Some(&["11.1.2.3"]), true),
        ("IpAddress", &["10.1.2.3"], Some(&["10.1.2.3"]), true),
        ("IpAddress", &["2001:db8::/32"], Some(&["2001:db8::1"]), true),
        ("IpAddress", &["10.0.0.0/33"], Some(&["10.0.0.0"]), false),
        ("NotIpAddress", &["10.0.0.0/8"], Some(&["10.1.2.3"]), false),
        ("ForAnyValue:StringEquals", &["a"], Some(&["x", "a"]), true),
        ("ForAnyValue:StringEquals", &["a"], Some(&["x"]), false),
        ("ForAnyValue:StringEquals", &["a"], None, false),
        ("ForAnyValue:StringNotEquals", &["a"], Some(&["a", "b"]), true),
        ("ForAllValues:StringEquals", &["a", "b"], Some(&["b", "a"]), true),
        ("ForAllValues:StringEquals", &["a"], Some(&["a", "b"]), false),
        ("ForAllValues:StringEquals", &["a"], None, true),
        ("ForAllValues:StringEquals", &["a"], Some(&[]), true),
        ("ForAllValues:StringNotLike", &["a*"], Some(&["b", "ab"]), false),
    ];

    #[test]
    fn operators_hold_as_the_user_guide_says() {
        for (name, policy, request, want) in ROWS {
            let mut context = Context::new();
            if let Some(values) = request {
                context.insert("Some:Key", values.iter().copied());
            }
            let policy: Vec<String> = policy.iter().map(|value| (*value).to_owned()).collect();
            let operator = Operator::parse(name).unwrap_or_else(|| panic!("{name} is known"));
            assert_eq!(
                operator.holds("some:key", &policy, &context, true),
                *want,
                "{name} {policy:?} {request:?}"
            );
        }
    }

    #[test]
    fn unknown_operators_are_not_parsed() {
        for name in [
            "StringEqual",
            "stringEquals",
            "NullIfExists",
            "ForSome:StringEquals",
            "IpAddressNot",
            "",
        ] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }

    #[test]
    fn every_operator_and_every_key_of_a_block_must_hold() {
        let context = Context::new().with("a", "1").with("b", "2");
        let holds = |block: Value| all_hold(&block, &context, true);
        assert!(holds(serde_json::json!({"StringEquals": {"a": "1", "b": ["x", "2"]}})));
        assert!(!holds(serde_json::json!({"StringEquals": {"a": "1", "b": "x"}})));
        assert!(!holds(
            serde_json::json!({"StringEquals": {"a": "1"}, "Null": {"b": true}})
        ));
        assert!(!holds(serde_json::json!({"Unknown": {"a": "1"}})));
    }
}
