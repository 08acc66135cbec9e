//! Bucket naming rules [S3UG bucketnamingrules].

const PREFIXES: &[&str] = &["xn--", "sthree-", "amzn-s3-demo-"];
const SUFFIXES: &[&str] = &["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether a general purpose bucket of the global namespace may have this name.
pub(super) fn is_valid(name: &str) -> bool {
    is_well_formed(name) && !name.ends_with("-an")
}

/// Whether an account regional bucket may have this name: `<prefix>-<account>-<region>-an`
/// [S3-model CreateBucket.BucketNamespace].
pub(super) fn is_valid_regional(name: &str, account: &str, region: &str) -> bool {
    is_well_formed(name)
        && name
            .strip_suffix(&format!("-{account}-{region}-an"))
            .is_some_and(|prefix| !prefix.is_empty())
}

fn is_well_formed(name: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_user_guide() {
        let long = "a".repeat(63);
        for name in ["abc", "a.b-c", "1abc", "acme-irsa", long.as_str()] {
            assert!(is_valid(name), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "ab",
            &too_long,
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "sthree-x",
            "amzn-s3-demo-x",
            "x-s3alias",
            "x--ol-s3",
            "x.mrap",
            "x--x-s3",
            "x--table-s3",
            "abc-an",
            "äbc",
            "a b",
        ] {
            assert!(!is_valid(name), "{name}");
        }
        assert!(is_valid_regional(
            "x-123456789012-eu-west-1-an",
            "123456789012",
            "eu-west-1"
        ));
        assert!(!is_valid_regional(
            "x-123456789012-eu-west-1-an",
            "999999999999",
            "eu-west-1"
        ));
        assert!(!is_valid_regional(
            "x-123456789012-eu-west-1",
            "123456789012",
            "eu-west-1"
        ));
    }
}
