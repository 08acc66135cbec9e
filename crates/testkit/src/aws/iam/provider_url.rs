//! The rules of a provider's URL.

use std::net::IpAddr;

use super::{
    errors::{invalid_input, validation},
    limits::length,
};
use crate::aws::wire::AwsError;

/// The URL without its scheme, byte for byte; a trailing slash stays [reference §1.1].
///
/// No scheme is `ValidationError`, another scheme than https is `InvalidInput`, so are user, port, query, fragment and a
/// host that cannot be one [VGW oidc.go; port, query and length also IAM-model].
pub(super) fn check(url: &str) -> Result<&str, AwsError> {
    length("url", url, 1, 255)?;
    if !url.contains("://") {
        return Err(validation("Invalid Open ID Connect Provider URL"));
    }
    let Some(rest) = url.strip_prefix("https://") else {
        return Err(invalid_input(
            "Invalid Open ID Connect Provider URL. The URL must begin with https://.",
        ));
    };
    let refused = || invalid_input("Invalid Open ID Connect Provider URL.");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return Err(validation("Invalid Open ID Connect Provider URL"));
    }
    if path.contains(['?', '#']) || path.chars().any(|c| !c.is_ascii_graphic()) || !is_host(host) {
        return Err(refused());
    }
    Ok(rest)
}

/// A host name or an IP address; `@`, `:`, `?` and `#` are in neither.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    if bare.len() < host.len() {
        return bare.parse::<IpAddr>().is_ok();
    }
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_url_loses_only_its_scheme() {
        for url in [
            "https://a.example",
            "https://a.example/",
            "https://A.example/x/Y",
            "https://b.s3.eu-central-1.amazonaws.com/c",
        ] {
            assert_eq!(check(url).unwrap(), &url[8..]);
        }
    }

    #[test]
    fn each_malformed_url_gets_its_own_error_code() {
        for (url, code) in [
            ("a.example", "ValidationError"),
            ("", "ValidationError"),
            ("https://", "ValidationError"),
            ("http://a.example", "InvalidInput"),
            ("https://a.example:8443", "InvalidInput"),
            ("https://user@a.example", "InvalidInput"),
            ("https://a.example?q=1", "InvalidInput"),
            ("https://a.example/x?q=1", "InvalidInput"),
            ("https://a.example/#f", "InvalidInput"),
            ("https://a_b.example", "InvalidInput"),
            ("https://-a.example", "InvalidInput"),
        ] {
            assert_eq!(check(url).unwrap_err().code, code, "{url}");
        }
        assert_eq!(
            check(&format!("https://a.example/{}", "x".repeat(238)))
                .unwrap_err()
                .code,
            "ValidationError"
        );
    }
}
