//! Conditional requests [S3-model; S3UG conditional-requests; RFC 9110 §13].

use jiff::Timestamp;

use super::{Object, errors};
use crate::aws::wire::{AwsError, Call};

/// Preconditions of a PUT. `If-None-Match` takes `*` only; `If-Match` takes an ETag, and a missing key answers 404
/// [S3UG conditional-writes]. Two calls never overlap here, so 409 ConditionalRequestConflict comes from a fault only.
pub(super) fn check_put(call: &Call, key: &str, object: Option<&Object>) -> Result<(), AwsError> {
    let (wanted, unwanted) = (call.header("if-match"), call.header("if-none-match"));
    match (wanted, unwanted, object) {
        (Some(_), Some(_), _) => Err(errors::not_implemented("If-Match")),
        (_, Some(unwanted), _) if unwanted != "*" => Err(errors::not_implemented("If-None-Match")),
        (_, Some(_), Some(_)) => Err(errors::precondition_failed("If-None-Match")),
        (Some(_), _, None) => Err(errors::no_such_key(key)),
        (Some(wanted), _, Some(object)) if !etag_matches(wanted, &object.etag) => {
            Err(errors::precondition_failed("If-Match"))
        }
        _ => Ok(()),
    }
}

/// Preconditions of a GET or HEAD: `Ok(false)` is 304. An ETag condition beats a date of the same sense
/// [S3-model GetObject].
pub(super) fn check_get(call: &Call, object: &Object) -> Result<bool, AwsError> {
    let second = |time: Timestamp| time.as_second();
    match call.header("if-match") {
        Some(wanted) if !etag_matches(wanted, &object.etag) => return Err(errors::precondition_failed("If-Match")),
        Some(_) => {}
        None => {
            let limit = call.header("if-unmodified-since").and_then(parse_date);
            if limit.is_some_and(|limit| second(object.modified) > second(limit)) {
                return Err(errors::precondition_failed("If-Unmodified-Since"));
            }
        }
    }
    Ok(match call.header("if-none-match") {
        Some(unwanted) => !etag_matches(unwanted, &object.etag),
        None => call
            .header("if-modified-since")
            .and_then(parse_date)
            .is_none_or(|limit| limit > call.now || second(object.modified) > second(limit)),
    })
}

/// Whether a list of ETags (with or without quotes, weak or not) or `*` names this one.
pub(super) fn etag_matches(list: &str, etag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    list.split(',')
        .any(|wanted| wanted.trim() == "*" || bare(wanted) == bare(etag))
}

fn parse_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}
