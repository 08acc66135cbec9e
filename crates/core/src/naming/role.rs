//! Names and paths of IAM roles.

use std::fmt;

use crate::digest::sha256_hex;

/// The longest role name (IAM API model, `roleNameType`).
const MAX_ROLE_NAME: usize = 64;
/// Hex digits of the digest that replace what was cut off a name.
const DIGEST_DIGITS: usize = 10;
/// Hex digits of a federation's id.
const ID_DIGITS: usize = 8;

/// The id of a federation: the first 8 hex digits of its issuer's SHA-256, issuer with `https://` as in its spec.
pub fn federation_id(issuer: &str) -> String {
    hex_prefix(issuer, ID_DIGITS)
}

/// The path of a federation's roles unless its spec names one.
pub fn default_role_path(issuer: &str) -> String {
    format!("/irsa/{}/", federation_id(issuer))
}

/// The prefix of a federation's role names unless its spec names one.
pub fn default_role_name_prefix(issuer: &str) -> String {
    format!("irsa-{}-", federation_id(issuer))
}

/// The id of the federation that made a role of this ARN, if both its path and its name are such as a federation gives
/// when its spec names neither. A role with a path or a prefix of somebody's own choice tells nothing.
pub fn default_role_federation(arn: &str) -> Option<&str> {
    let (scope, resource) = arn.rsplit_once(':')?;
    let mut scope = scope.split(':');
    let is_role = scope.next() == Some("arn") && scope.nth(1) == Some("iam");
    let mut path = resource.strip_prefix("role/irsa/")?.split('/');
    let (id, name) = (path.next()?, path.next()?);
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let follows = name.strip_prefix("irsa-")?.strip_prefix(id)?.starts_with('-');
    (is_role && is_id && follows && path.next().is_none()).then_some(id)
}

/// A role name that IAM takes. IAM compares names without case; [`RoleName::same_as`] does too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

/// Why a text is no role name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role name; use 1 to 64 letters, digits and the characters _+=,.@-")]
pub struct RoleNameError(String);

impl RoleName {
    /// A name given by a person.
    pub fn new(name: impl Into<String>) -> Result<Self, RoleNameError> {
        let name = name.into();
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c);
        if name.is_empty() || name.len() > MAX_ROLE_NAME || !name.bytes().all(fits) {
            return Err(RoleNameError(name));
        }
        Ok(Self(name))
    }

    /// The ARN of a role of this name; `path` has both slashes (IAM User Guide, "IAM identifiers").
    pub fn arn(&self, partition: &str, account: &str, path: &str) -> String {
        format!("arn:{partition}:iam::{account}:role{path}{self}")
    }

    /// The name of a binding's role: `<prefix><namespace>.<binding>`.
    ///
    /// A namespace has no dot, so the first dot after the prefix ends it and no two bindings share a name. Beyond 64
    /// characters the name is cut and ends in `-` and 10 hex digits of SHA-256 over `<namespace>/<binding>`, which
    /// tells apart what the cut made equal.
    pub fn of_binding(prefix: &str, namespace: &str, binding: &str) -> Result<Self, RoleNameError> {
        let whole = format!("{prefix}{namespace}.{binding}");
        if whole.len() <= MAX_ROLE_NAME {
            return Self::new(whole);
        }
        let kept: String = whole.chars().take(MAX_ROLE_NAME - DIGEST_DIGITS - 1).collect();
        Self::new(format!(
            "{kept}-{}",
            hex_prefix(&format!("{namespace}/{binding}"), DIGEST_DIGITS)
        ))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether IAM takes both for one role.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex_prefix(text: &str, digits: usize) -> String {
    sha256_hex(text.as_bytes()).chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_eight_digits_of_the_issuers_digest() {
        // sha256("https://example.com") = 100680ad546ce6a5…
        assert_eq!(federation_id("https://example.com"), "100680ad");
        assert_eq!(default_role_path("https://example.com"), "/irsa/100680ad/");
        assert_eq!(default_role_name_prefix("https://example.com"), "irsa-100680ad-");
    }

    #[test]
    fn a_binding_names_its_role() {
        let name = RoleName::of_binding("irsa-100680ad-", "payments", "app").unwrap();
        assert_eq!(name.as_str(), "irsa-100680ad-payments.app");
    }

    #[test]
    fn a_role_tells_the_federation_that_made_it_where_path_and_name_both_do() {
        let arn = |tail: &str| format!("arn:aws:iam::123456789012:role/irsa/100680ad/{tail}");
        let path = default_role_path("https://example.com");
        let name = RoleName::of_binding(&default_role_name_prefix("https://example.com"), "ns", "app").unwrap();
        let made = format!("arn:aws-cn:iam::123456789012:role{path}{name}");
        assert_eq!(default_role_federation(&made), Some("100680ad"));
        for other in [
            arn("irsa-0a1b2c3d-ns.app"),
            arn("app"),
            arn("irsa-100680adx"),
            arn("irsa-100680ad-ns.app/more"),
            made.replace(":role/", ":user/"),
            made.replace(":iam:", ":sts:"),
            made.replace("100680ad", "100680aD"),
            made.replace("100680ad", "100680a"),
            "arn:aws:iam::123456789012:role/app".to_owned(),
            String::new(),
        ] {
            assert_eq!(default_role_federation(&other), None, "{other}");
        }
    }

    #[test]
    fn dashes_in_a_namespace_are_not_taken_for_the_separator() {
        let one = RoleName::of_binding("p-", "a-b", "c").unwrap();
        let other = RoleName::of_binding("p-", "a", "b-c").unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_name_of_64_characters_is_whole_and_one_more_is_cut() {
        let fits = RoleName::of_binding("p-", "ns", &"b".repeat(59)).unwrap();
        assert_eq!(fits.as_str(), format!("p-ns.{}", "b".repeat(59)));
        let cut = RoleName::of_binding("p-", "ns", &"b".repeat(60)).unwrap();
        assert_eq!(cut.as_str().len(), 64);
        assert!(cut.as_str().starts_with(&format!("p-ns.{}-", "b".repeat(48))), "{cut}");
        assert_ne!(cut, RoleName::of_binding("p-", "ns", &"b".repeat(61)).unwrap());
    }

    #[test]
    fn only_iams_characters_make_a_name() {
        assert!(RoleName::new("Team+a=b,c.d@e-f_1").is_ok());
        for bad in ["", "a/b", "a b", "ä", &"a".repeat(65)] {
            assert!(RoleName::new(bad).is_err(), "{bad}");
        }
        assert!(RoleName::new("App").unwrap().same_as(&RoleName::new("aPP").unwrap()));
        assert!(!RoleName::new("App").unwrap().same_as(&RoleName::new("Apps").unwrap()));
    }

    proptest! {
        #[test]
        fn different_bindings_have_different_names(
            one in ("[a-z][a-z-]{0,61}[a-z]", "[a-z][a-z.-]{0,60}[a-z]"),
            other in ("[a-z][a-z-]{0,61}[a-z]", "[a-z][a-z.-]{0,60}[a-z]"),
        ) {
            prop_assume!(one != other);
            let a = RoleName::of_binding("irsa-100680ad-", &one.0, &one.1).unwrap();
            let b = RoleName::of_binding("irsa-100680ad-", &other.0, &other.1).unwrap();
            prop_assert!(!a.same_as(&b));
            prop_assert!(a.as_str().len() <= 64);
        }
    }
}
