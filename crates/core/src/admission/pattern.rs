//! Patterns of managed policies that may be attached (`allowedManagedPolicies`).

use std::fmt;

use crate::naming::PolicyArn;

/// Which managed policies may be attached: an ARN, or the name of an AWS-managed policy, in which `*` stands for any
/// characters but `/` and `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyPattern(String);

impl PolicyPattern {
    /// The pattern that a person means in `partition`: what is no ARN names AWS-managed policies.
    pub fn new(text: &str, partition: &str) -> Self {
        if text.starts_with("arn:") {
            return Self(text.to_owned());
        }
        Self(format!("arn:{partition}:iam::aws:policy/{text}"))
    }

    /// Whether the policy's full ARN matches.
    pub fn matches(&self, arn: &PolicyArn) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(rest) = arn.as_str().strip_prefix(first) else {
            return false;
        };
        let pieces: Vec<&str> = pieces.collect();
        matches_after_star(rest, &pieces)
    }
}

/// The pattern, as an ARN.
impl fmt::Display for PolicyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is a star's text followed by the first piece, then the next star and its piece, and so on to the end.
fn matches_after_star(text: &str, pieces: &[&str]) -> bool {
    let Some((piece, later)) = pieces.split_first() else {
        return text.is_empty();
    };
    let reach = text.find(['/', ':']).unwrap_or(text.len());
    let mut starts = (0..=reach).filter(|start| text.is_char_boundary(*start));
    starts.any(|start| {
        let after = text.get(start..).and_then(|tail| tail.strip_prefix(piece));
        after.is_some_and(|tail| matches_after_star(tail, later))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, arn: &str) -> bool {
        PolicyPattern::new(pattern, "aws").matches(&PolicyArn::observed(arn))
    }

    #[test]
    fn a_bare_name_is_an_aws_managed_policy_and_nobody_elses() {
        assert!(matches(
            "AmazonS3ReadOnlyAccess",
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        ));
        assert!(!matches(
            "AmazonS3ReadOnlyAccess",
            "arn:aws:iam::123456789012:policy/AmazonS3ReadOnlyAccess"
        ));
        assert!(!matches(
            "AmazonS3ReadOnlyAccess",
            "arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess"
        ));
        assert!(!matches(
            "AmazonS3ReadOnlyAccess",
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess2"
        ));
    }

    #[test]
    fn a_star_stands_for_anything_but_a_slash_or_a_colon() {
        let team = "arn:aws:iam::123456789012:policy/team-*";
        assert!(matches(team, "arn:aws:iam::123456789012:policy/team-a"));
        assert!(matches(team, "arn:aws:iam::123456789012:policy/team-"));
        assert!(!matches(team, "arn:aws:iam::123456789012:policy/team-a/admin"));
        assert!(!matches(team, "arn:aws:iam::123456789012:policy/other"));
        assert!(!matches("*", "arn:aws:iam::aws:policy/service-role/X"));
        assert!(matches("*", "arn:aws:iam::aws:policy/AdministratorAccess"));
        assert!(!matches("*", "arn:aws:iam::123456789012:policy/x"));
        assert!(!matches("arn:*", "arn:aws:iam::aws:policy/X"));
        assert!(!matches("arn:aws:iam::*", "arn:aws:iam::aws:policy/X"));
    }

    #[test]
    fn several_stars_and_text_after_them_must_all_fit() {
        assert!(matches("A*S3*Access", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"));
        assert!(matches("*a*a", "arn:aws:iam::aws:policy/aaa"));
        assert!(!matches("A*S3*Access", "arn:aws:iam::aws:policy/AmazonS3ReadOnly"));
        assert!(!matches("*/x", "arn:aws:iam::aws:policy/a/b/x"));
        assert!(matches("*/x", "arn:aws:iam::aws:policy/a/x"));
        assert!(!matches("", "arn:aws:iam::aws:policy/x"));
    }
}
