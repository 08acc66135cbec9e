//! Tags: proof of ownership, and what people add.

use std::collections::BTreeMap;

use crate::{
    digest::sha256_hex,
    vocabulary::{TAG_ADOPT, TAG_CLUSTER, TAG_FEDERATION, TAG_NAME, TAG_NAMESPACE, TAG_PREFIX, TAG_UID},
};

/// Tag keys and values.
pub type Tags = BTreeMap<String, String>;

/// Tags that a role may have (IAM quotas).
pub(super) const MAX_TAGS: usize = 50;
/// Of a role's tags, the one that marks a boundary of ours.
const MARKS: usize = 1;
/// Characters of a key and of a value (IAM API model, `tagKeyType`, `tagValueType`).
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// Whose a role is: the four tags that must all be equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// UID of the namespace kube-system.
    pub cluster: String,
    /// Name of the `OidcFederation`.
    pub federation: String,
    /// Namespace of the `IamRoleBinding`.
    pub namespace: String,
    /// Name of the `IamRoleBinding`.
    pub name: String,
}

/// What a role's tags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership<'a> {
    /// All four are equal.
    Ours,
    /// It belongs to another binding of this cluster and federation.
    OtherBinding {
        /// The binding's namespace.
        namespace: &'a str,
        /// The binding's name.
        name: &'a str,
    },
    /// Anything else: never changed or deleted.
    Foreign,
}

impl Owner {
    /// Whether the role with these tags is this owner's.
    pub fn owns(&self, tags: &Tags) -> bool {
        self.of(tags) == Ownership::Ours
    }

    /// Whether an AWS administrator hands the role with these tags to this owner, whoever else they name.
    pub fn is_offered(&self, tags: &Tags) -> bool {
        is_offered(tags, &self.adoption())
    }

    /// Whose a role with these tags says that it is; nobody's where one of the four is missing.
    pub fn named_by(tags: &Tags) -> Option<Self> {
        let tag = |key: &str| tags.get(key).cloned();
        Some(Self {
            cluster: tag(TAG_CLUSTER)?,
            federation: tag(TAG_FEDERATION)?,
            namespace: tag(TAG_NAMESPACE)?,
            name: tag(TAG_NAME)?,
        })
    }

    /// What `tags` say about this owner.
    pub fn of<'a>(&self, tags: &'a Tags) -> Ownership<'a> {
        let tag = |key: &str| tags.get(key).map(String::as_str);
        if tag(TAG_CLUSTER) != Some(&self.cluster) || tag(TAG_FEDERATION) != Some(&self.federation) {
            return Ownership::Foreign;
        }
        match (tag(TAG_NAMESPACE), tag(TAG_NAME)) {
            (Some(namespace), Some(name)) if namespace == self.namespace && name == self.name => Ownership::Ours,
            (Some(namespace), Some(name)) => Ownership::OtherBinding { namespace, name },
            _ => Ownership::Foreign,
        }
    }
}

impl Owner {
    /// The value of [`TAG_ADOPT`] with which an AWS administrator hands a role to this owner.
    pub fn adoption(&self) -> String {
        adoption(&self.cluster, &format!("{}/{}", self.namespace, self.name))
    }

    /// The tags that make a role this owner's.
    pub fn tags(&self) -> Tags {
        let tags = [
            (TAG_CLUSTER, &self.cluster),
            (TAG_FEDERATION, &self.federation),
            (TAG_NAMESPACE, &self.namespace),
            (TAG_NAME, &self.name),
        ];
        tags.map(|(key, value)| (key.to_owned(), value.clone())).into()
    }
}

/// Names one object of one cluster. A digest, because the names may be longer than a tag's value.
pub(super) fn adoption(cluster: &str, object: &str) -> String {
    let digest: String = sha256_hex(object.as_bytes()).chars().take(32).collect();
    format!("{cluster}/{digest}")
}

/// Whether somebody offers what has these tags to whoever has this adoption value.
pub(super) fn is_offered(tags: &Tags, adoption: &str) -> bool {
    tags.get(TAG_ADOPT).is_some_and(|value| value == adoption)
}

/// Why tags cannot be put on a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A key that is ours or AWS's.
    #[error("the tag key {0:?} is reserved; keys under irsa-anywhere.dev/ and aws: cannot be set")]
    Reserved(String),
    /// A key that IAM refuses.
    #[error("{0:?} is not a tag key; use 1 to 128 letters, digits, spaces and the characters _.:/=+-@")]
    Key(String),
    /// A value that IAM refuses.
    #[error("the value of tag {0:?} is not one that IAM takes; use up to 256 letters, digits, spaces and _.:/=+-@")]
    Value(String),
    /// Two keys that IAM takes for one.
    #[error("the tag key {0:?} is given twice (IAM ignores case); keep one")]
    Duplicate(String),
    /// Over the quota.
    #[error("there would be {0} tags and IAM allows 50; remove some")]
    TooMany(usize),
}

/// The tags of a binding's role: ownership, `uid` for information, the federation's, the binding's.
///
/// Tags are authority (`aws:PrincipalTag`), so where both set a key, compared without case as IAM does, the
/// federation's wins.
pub fn role_tags(owner: &Owner, uid: &str, federation: &Tags, binding: &Tags) -> Result<Tags, TagError> {
    check(federation)?;
    check(binding)?;
    let mut tags = owner.tags();
    tags.insert(TAG_UID.to_owned(), uid.to_owned());
    let theirs = binding
        .iter()
        .filter(|(key, _)| !federation.keys().any(|taken| equal_ignoring_case(taken, key)));
    tags.extend(
        federation
            .iter()
            .chain(theirs)
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    if tags.len() + MARKS > MAX_TAGS {
        return Err(TagError::TooMany(tags.len() + MARKS));
    }
    Ok(tags)
}

pub(super) fn check(tags: &Tags) -> Result<(), TagError> {
    for (index, (key, value)) in tags.iter().enumerate() {
        let lower = key.to_lowercase();
        if lower.starts_with(TAG_PREFIX) || lower.starts_with("aws:") {
            return Err(TagError::Reserved(key.clone()));
        }
        if key.is_empty() || key.chars().count() > MAX_KEY || !key.chars().all(in_pattern) {
            return Err(TagError::Key(key.clone()));
        }
        if value.chars().count() > MAX_VALUE || !value.chars().all(in_pattern) {
            return Err(TagError::Value(key.clone()));
        }
        if tags.keys().take(index).any(|earlier| equal_ignoring_case(earlier, key)) {
            return Err(TagError::Duplicate(key.clone()));
        }
    }
    Ok(())
}

fn equal_ignoring_case(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// IAM's `[\p{L}\p{Z}\p{N}_.:/=+\-@]`. Letters are taken a little wider (`Alphabetic`) and separators a little
/// narrower than Unicode's categories; what IAM then refuses comes back as its own error.
fn in_pattern(c: char) -> bool {
    c.is_alphanumeric() || "_.:/=+-@ ".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            cluster: "5b1c".to_owned(),
            federation: "default".to_owned(),
            namespace: "payments".to_owned(),
            name: "app".to_owned(),
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_role_carries_ownership_uid_and_both_sets_of_tags() {
        let all = role_tags(&owner(), "u-1", &tags(&[("team", "platform")]), &tags(&[("app", "x")])).unwrap();
        assert_eq!(
            all,
            tags(&[
                ("irsa-anywhere.dev/cluster", "5b1c"),
                ("irsa-anywhere.dev/federation", "default"),
                ("irsa-anywhere.dev/namespace", "payments"),
                ("irsa-anywhere.dev/name", "app"),
                ("irsa-anywhere.dev/uid", "u-1"),
                ("team", "platform"),
                ("app", "x"),
            ])
        );
        assert_eq!(owner().of(&all), Ownership::Ours);
    }

    #[test]
    fn the_federations_tag_beats_the_bindings_whatever_its_case() {
        let all = role_tags(
            &owner(),
            "u",
            &tags(&[("Team", "platform")]),
            &tags(&[("team", "mine")]),
        )
        .unwrap();
        assert_eq!(all.get("Team").map(String::as_str), Some("platform"));
        assert_eq!(all.get("team"), None);
    }

    #[test]
    fn all_four_tags_make_a_role_ours_and_the_uid_does_not_matter() {
        let ours = role_tags(&owner(), "u-1", &Tags::new(), &Tags::new()).unwrap();
        for key in [TAG_CLUSTER, TAG_FEDERATION, TAG_NAMESPACE, TAG_NAME] {
            let mut other = ours.clone();
            other.insert(key.to_owned(), "other".to_owned());
            assert_ne!(owner().of(&other), Ownership::Ours, "{key}");
            other.remove(key);
            assert_eq!(owner().of(&other), Ownership::Foreign, "{key}");
        }
        let mut restored = ours.clone();
        restored.insert(TAG_UID.to_owned(), "u-2".to_owned());
        assert_eq!(owner().of(&restored), Ownership::Ours);
        assert_eq!(owner().of(&Tags::new()), Ownership::Foreign);
    }

    #[test]
    fn another_binding_of_the_cluster_is_named() {
        let mut theirs = role_tags(&owner(), "u", &Tags::new(), &Tags::new()).unwrap();
        theirs.insert(TAG_NAME.to_owned(), "other".to_owned());
        assert_eq!(
            owner().of(&theirs),
            Ownership::OtherBinding {
                namespace: "payments",
                name: "other"
            }
        );
    }

    #[test]
    fn reserved_and_unusable_tags_are_refused_on_either_side() {
        let refused = |key: &str, value: &str| {
            let given = tags(&[(key, value)]);
            let as_binding = role_tags(&owner(), "u", &Tags::new(), &given).unwrap_err();
            assert_eq!(role_tags(&owner(), "u", &given, &Tags::new()).unwrap_err(), as_binding);
            as_binding
        };
        for key in ["irsa-anywhere.dev/name", "IRSA-Anywhere.dev/x", "aws:x", "AWS:x"] {
            assert_eq!(refused(key, "v"), TagError::Reserved(key.to_owned()));
        }
        for key in ["", "a*", "a\n", &"k".repeat(129)] {
            assert_eq!(refused(key, "v"), TagError::Key(key.to_owned()));
        }
        for value in ["a*", "a,b", &"v".repeat(257)] {
            assert_eq!(refused("k", value), TagError::Value("k".to_owned()));
        }
        assert!(role_tags(&owner(), "u", &tags(&[("Größe/a b", "")]), &Tags::new()).is_ok());
    }

    #[test]
    fn keys_that_iam_takes_for_one_are_refused() {
        let error = role_tags(&owner(), "u", &Tags::new(), &tags(&[("App", "a"), ("app", "b")])).unwrap_err();
        assert_eq!(error, TagError::Duplicate("app".to_owned()));
    }

    #[test]
    fn fifty_tags_fit_with_the_mark_of_a_boundary_and_fifty_one_do_not() {
        let many = |count: usize| (0..count).map(|i| (format!("k{i}"), String::new())).collect::<Tags>();
        assert_eq!(role_tags(&owner(), "u", &many(44), &Tags::new()).unwrap().len(), 49);
        assert_eq!(
            role_tags(&owner(), "u", &many(45), &Tags::new()),
            Err(TagError::TooMany(51))
        );
    }
}
