//! `ignoredTagKeys`: tags that an organisation or another tool keeps on what is ours.

use super::tags::Tags;
use crate::vocabulary::TAG_PREFIX;

/// AWS's own tags: nobody sets or removes them.
const AWS_PREFIX: &str = "aws:";

/// Which tags are somebody else's for good, by patterns of their keys: a key, or the start of one and a `*`. They are neither
/// removed nor set, and that they come or go is no drift.
///
/// Keys are compared without case, as IAM does. Our own keys are never among them, whatever the patterns say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IgnoredTags(Vec<String>);

impl IgnoredTags {
    /// Those that these patterns name.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a String>) -> Self {
        Self(patterns.into_iter().map(|pattern| pattern.to_lowercase()).collect())
    }

    /// Whether the tag of this key is somebody else's.
    pub fn contains(&self, key: &str) -> bool {
        let key = key.to_lowercase();
        let reserved = key.starts_with(TAG_PREFIX) || key.starts_with(AWS_PREFIX);
        !reserved
            && self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => key.starts_with(start),
                None => key == *pattern,
            })
    }

    /// The keys among these that are somebody else's.
    pub fn among<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        keys.into_iter().filter(|key| self.contains(key)).cloned().collect()
    }

    /// These tags without those that are somebody else's.
    pub fn without(&self, tags: &Tags) -> Tags {
        let ours = tags.iter().filter(|(key, _)| !self.contains(key));
        ours.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &[&str]) -> IgnoredTags {
        IgnoredTags::new(&patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_star_stands_for_any_rest_and_case_does_not_count() {
        let tags = ignored(&["cost-centre", "Acme:*"]);
        for key in ["cost-centre", "Cost-Centre", "acme:owner", "ACME:"] {
            assert!(tags.contains(key), "{key}");
        }
        for key in ["cost-centre2", "cost", "acme", "xacme:owner", ""] {
            assert!(!tags.contains(key), "{key}");
        }
    }

    #[test]
    fn our_own_tags_and_awss_are_never_somebody_elses() {
        let all = ignored(&["*", "irsa-anywhere.dev/*", "aws:*", "irsa*"]);
        for key in ["irsa-anywhere.dev/name", "IRSA-Anywhere.dev/x", "aws:x", "AWS:x"] {
            assert!(!all.contains(key), "{key}");
        }
        assert!(all.contains("irsa"));
    }

    #[test]
    fn without_patterns_nothing_is_ignored() {
        let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
        assert_eq!(IgnoredTags::default().without(&tags), tags);
        assert_eq!(ignored(&["a"]).without(&tags), Tags::new());
        assert_eq!(ignored(&["A"]).among(tags.keys()), ["a"]);
    }
}
