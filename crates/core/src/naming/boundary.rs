//! The tag on a role that says which permissions boundary this operator set.
//!
//! A boundary does not say who set it. So a tag of ours says which one we set: without it the organisation's boundary would be
//! taken for one that the federation no longer wants. A digest, because an ARN may be longer than a tag's value, and have
//! characters that a tag does not take.

use super::tags::Tags;
use crate::{digest::sha256_hex, vocabulary::TAG_BOUNDARY};

/// Between two digests.
const AND: char = '/';

/// What the tag [`TAG_BOUNDARY`] says: the boundary that we set, or on the way from one to another both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundaryMark(String);

impl BoundaryMark {
    /// The mark of a role with this boundary.
    pub fn of(arn: &str) -> Self {
        Self(digest(arn))
    }

    /// The mark of a role on the way from one boundary to another.
    pub fn between(from: &str, to: &str) -> Self {
        Self(format!("{}{AND}{}", digest(to), digest(from)))
    }

    /// What a role is marked with.
    pub fn on(tags: &Tags) -> Option<Self> {
        tags.get(TAG_BOUNDARY).cloned().map(Self)
    }

    /// Whether this boundary is one that we set.
    pub fn names(&self, arn: &str) -> bool {
        self.0.split(AND).any(|one| one == digest(arn))
    }

    /// As a tag.
    pub fn tags(&self) -> Tags {
        Tags::from([(TAG_BOUNDARY.to_owned(), self.0.clone())])
    }
}

fn digest(arn: &str) -> String {
    sha256_hex(arn.as_bytes()).chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_the_boundaries_that_we_set_and_no_other() {
        let mark = BoundaryMark::on(&BoundaryMark::of("arn:a").tags()).unwrap();
        assert!(mark.names("arn:a") && !mark.names("arn:b"));
        let both = BoundaryMark::between("arn:a", "arn:b");
        assert!(both.names("arn:a") && both.names("arn:b") && !both.names("arn:c"));
        assert_eq!(BoundaryMark::on(&Tags::new()), None);
        let forged = BoundaryMark::on(&Tags::from([(TAG_BOUNDARY.to_owned(), "/".to_owned())])).unwrap();
        assert!(!forged.names("") && !forged.names("arn:a"));
    }

    #[test]
    fn a_mark_is_a_value_that_iam_takes_whatever_the_arn() {
        let value = BoundaryMark::between("arn:aws:iam::1:policy/!~,a", &"x".repeat(2048)).tags();
        let value = value.values().next().unwrap();
        assert_eq!(value.len(), 65);
        assert!(value.chars().all(|c| c.is_ascii_hexdigit() || c == '/'), "{value}");
    }
}
