//! What IAM makes of a policy document between storing it and handing it out again.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// How documents look when they are read back.
///
/// That IAM reorders and collapses is UNCONFIRMED in general (reference §2.1); a client must cope with it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rewriting {
    /// Statements and lists reordered, elements reordered, one-element lists collapsed to their element, booleans and
    /// numbers in conditions turned into strings. The meaning never changes.
    #[default]
    LikeIam,
    /// Byte for byte as it was put.
    AsWritten,
}

impl Rewriting {
    /// The document as it is read back, not yet percent-encoded.
    pub(super) fn apply(self, text: &str, document: &Value) -> String {
        match self {
            Self::AsWritten => text.to_owned(),
            Self::LikeIam => rewrite(document, &mut Vec::new()).to_string(),
        }
    }
}

/// RFC 3986 percent-encoding, in which documents are returned [IAM-model GetRole].
pub(super) fn encode(document: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut encoded = String::with_capacity(document.len() * 2);
    // Writing to a string cannot fail.
    let _ = write!(encoded, "{}", utf8_percent_encode(document, RESERVED));
    encoded
}

/// `path`: the keys that lead to `value`; only what stands under `Condition` is stringified.
fn rewrite<'a>(value: &'a Value, path: &mut Vec<&'a str>) -> Value {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_unstable();
            let mut rewritten = Map::new();
            for key in keys {
                if let Some(member) = members.get(key) {
                    path.push(key);
                    rewritten.insert(key.clone(), rewrite(member, path));
                    path.pop();
                }
            }
            Value::Object(rewritten)
        }
        Value::Array(items) => match items.as_slice() {
            [only] => rewrite(only, path),
            // Every list in a policy is a set; the reverse order is the simplest that differs from the one written.
            items => Value::Array(items.iter().rev().map(|item| rewrite(item, path)).collect()),
        },
        Value::Bool(_) | Value::Number(_) if path.contains(&"Condition") => Value::String(value.to_string()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_reordered_and_single_elements_collapsed() {
        let document = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["*"],
            "Condition": {"Bool": {"aws:SecureTransport": [true]}},
        }]});
        let rewritten: Value = serde_json::from_str(&Rewriting::LikeIam.apply("", &document)).unwrap();
        assert_eq!(
            rewritten,
            json!({"Version": "2012-10-17", "Statement": {
                "Sid": "A", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }})
        );
    }

    #[test]
    fn as_written_keeps_every_byte() {
        let text = "{ \"Version\" : \"2012-10-17\" }";
        assert_eq!(Rewriting::AsWritten.apply(text, &json!({})), text);
    }

    #[test]
    fn encoding_leaves_only_unreserved_characters() {
        assert_eq!(encode("{\"a\": \"*~-._é\"}"), "%7B%22a%22%3A%20%22%2A~-._%C3%A9%22%7D");
    }
}
