//! Subjects and audiences of a trust policy, in sets that are never empty.

use std::{collections::BTreeSet, fmt};

/// The longest subject that STS reports back (`SubjectFromWebIdentityToken`, STS API model); whether it refuses longer
/// ones is not documented, so we do.
const MAX_SUBJECT: usize = 255;
/// The longest client ID of an IAM OIDC provider (IAM API model, `clientIDType`).
const MAX_AUDIENCE: usize = 255;
/// The longest namespace name: an RFC 1123 label.
const MAX_NAMESPACE: usize = 63;
/// The longest ServiceAccount name: an RFC 1123 subdomain.
const MAX_SERVICE_ACCOUNT: usize = 253;

/// The `sub` claim of one ServiceAccount's tokens: `system:serviceaccount:<namespace>:<name>`.
///
/// Built from names that Kubernetes itself would accept, so neither a wildcard nor a policy variable can ever get in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

/// Why a namespace and a name make no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Not an RFC 1123 label.
    #[error("{0:?} is not a namespace name")]
    Namespace(String),
    /// Not an RFC 1123 subdomain.
    #[error("{0:?} is not a ServiceAccount name")]
    ServiceAccount(String),
    /// Longer than AWS takes.
    #[error("the subject {subject} has {length} characters and AWS takes 255; use a shorter ServiceAccount name")]
    TooLong {
        /// The subject.
        subject: String,
        /// Its length in characters.
        length: usize,
    },
}

impl Subject {
    /// The subject of ServiceAccount `name` in `namespace`.
    pub fn new(namespace: &str, name: &str) -> Result<Self, SubjectError> {
        if namespace.len() > MAX_NAMESPACE || !is_label(namespace) {
            return Err(SubjectError::Namespace(namespace.to_owned()));
        }
        if name.len() > MAX_SERVICE_ACCOUNT || !name.split('.').all(is_label) {
            return Err(SubjectError::ServiceAccount(name.to_owned()));
        }
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        if subject.len() > MAX_SUBJECT {
            return Err(SubjectError::TooLong {
                length: subject.len(),
                subject,
            });
        }
        Ok(Self(subject))
    }

    /// The subject that a claim names, `None` for a claim that is no ServiceAccount's.
    pub fn read(claim: &str) -> Option<Self> {
        let (namespace, name) = claim.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Self::new(namespace, name).ok()
    }

    /// The namespace of the ServiceAccount.
    pub fn namespace(&self) -> &str {
        self.0.split(':').nth(2).unwrap_or_default()
    }

    /// The claim as tokens carry it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The `aud` claim of a token: one of the provider's client IDs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(String);

/// Why a text is no audience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an audience: use 1 to 255 printable ASCII characters without spaces, quotes, backslashes or the sign $"
)]
pub struct InvalidAudience(String);

impl Audience {
    /// An audience of 1 to 255 printable ASCII characters.
    ///
    /// `$` is refused because IAM replaces `${…}` in condition values by the request's own context (policy variables),
    /// so that a pinned audience would no longer be pinned; quotes and backslashes only make documents longer.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidAudience> {
        let text = text.into();
        let plain = |c: u8| c.is_ascii_graphic() && !matches!(c, b'$' | b'"' | b'\\');
        if text.is_empty() || text.len() > MAX_AUDIENCE || !text.bytes().all(plain) {
            return Err(InvalidAudience(text));
        }
        Ok(Self(text))
    }

    /// The claim as tokens carry it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ordered set with at least one element, so that no list in a trust policy can be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NonEmptySet<T>(BTreeSet<T>);

impl<T: Ord> NonEmptySet<T> {
    /// The set of `items`; `None` when there are none.
    pub fn new(items: impl IntoIterator<Item = T>) -> Option<Self> {
        let set: BTreeSet<T> = items.into_iter().collect();
        (!set.is_empty()).then_some(Self(set))
    }

    /// The set of one.
    pub fn one(item: T) -> Self {
        Self(BTreeSet::from([item]))
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// The elements that both sets have; `None` when there are none.
    pub fn intersection(&self, other: &Self) -> Option<Self>
    where
        T: Clone,
    {
        Self::new(self.0.intersection(&other.0).cloned())
    }

    /// How many, at least 1.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_claim_that_kubernetes_signs() {
        let subject = Subject::new("payments", "app.v2").unwrap();
        assert_eq!(subject.as_str(), "system:serviceaccount:payments:app.v2");
        assert_eq!(subject.to_string(), subject.as_str());
        assert_eq!(subject.namespace(), "payments");
        assert_eq!(Subject::read(subject.as_str()), Some(subject));
        for other in [
            "system:serviceaccount:payments",
            "system:node:a",
            "system:serviceaccount:payments:*",
        ] {
            assert_eq!(Subject::read(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_that_kubernetes_would_refuse_gets_into_a_subject() {
        for (namespace, name) in [
            ("*", "app"),
            ("payments", "*"),
            ("pay?", "app"),
            ("payments", "app*"),
            ("a:b", "app"),
            ("payments", "a:b"),
            ("payments", "${aws:username}"),
            ("", "app"),
            ("payments", ""),
            ("Payments", "app"),
            ("payments", "-app"),
            ("payments", "app-"),
            ("payments", "a..b"),
            ("pay.ments", "app"),
            ("payments", "app\n"),
        ] {
            assert!(Subject::new(namespace, name).is_err(), "{namespace:?} {name:?}");
        }
    }

    #[test]
    fn a_subject_has_at_most_255_characters() {
        let namespace = "n".repeat(63);
        let fits = "a".repeat(255 - "system:serviceaccount:".len() - 63 - 1);
        assert_eq!(Subject::new(&namespace, &fits).unwrap().as_str().len(), 255);
        let error = Subject::new(&namespace, &format!("{fits}a")).unwrap_err();
        assert!(error.to_string().contains("256 characters"), "{error}");
    }

    #[test]
    fn names_longer_than_kubernetes_allows_are_refused() {
        assert!(Subject::new(&"n".repeat(64), "app").is_err());
        assert!(matches!(
            Subject::new("n", &"a".repeat(254)),
            Err(SubjectError::ServiceAccount(_))
        ));
    }

    #[test]
    fn an_audience_cannot_carry_a_policy_variable() {
        assert!(Audience::new("sts.amazonaws.com").is_ok());
        assert!(Audience::new("https://vault.acme.com/x?y=*").is_ok());
        for bad in ["", "${aws:username}", "a b", "a\"b", "a\\b", "ä", &"a".repeat(256)] {
            assert!(Audience::new(bad).is_err(), "{bad:?}");
        }
        assert!(Audience::new("a".repeat(255)).is_ok());
        assert_eq!(Audience::new("vault").unwrap().to_string(), "vault");
    }

    #[test]
    fn a_set_of_nothing_does_not_exist() {
        assert!(NonEmptySet::<u8>::new([]).is_none());
        assert_eq!(
            NonEmptySet::new([2, 1, 2]).unwrap().iter().copied().collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(NonEmptySet::one(7).count(), 1);
        assert_eq!(NonEmptySet::new([2, 1, 2]).unwrap().count(), 2);
    }
}
