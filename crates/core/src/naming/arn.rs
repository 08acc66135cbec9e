//! ARNs of managed policies.

use std::fmt;

/// The ARN of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyArn(String);

/// Why a text names no managed policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Neither a name nor an ARN of a policy.
    #[error("{0:?} is neither the name of an AWS-managed policy nor the ARN of a managed policy")]
    NotAPolicy(String),
    /// A policy of another partition cannot be attached.
    #[error("{arn:?} is in partition {found} and the federation's account is in {wanted}; use a policy of {wanted}")]
    OtherPartition {
        /// The ARN.
        arn: String,
        /// Its partition.
        found: String,
        /// The federation's.
        wanted: String,
    },
}

impl PolicyArn {
    /// The policy that a person means by `name_or_arn` in `partition` (`aws`, `aws-cn`, …): a bare name, with its path
    /// if it has one (`service-role/AmazonEC2RoleforSSM`), is an AWS-managed policy.
    pub fn resolve(name_or_arn: &str, partition: &str) -> Result<Self, ArnError> {
        let not_a_policy = || ArnError::NotAPolicy(name_or_arn.to_owned());
        if !name_or_arn.starts_with("arn:") {
            let valid = is_policy_name(name_or_arn);
            return valid
                .then(|| Self(format!("arn:{partition}:iam::aws:policy/{name_or_arn}")))
                .ok_or_else(not_a_policy);
        }
        let (found, account, name) = parts(name_or_arn, "policy/").ok_or_else(not_a_policy)?;
        let known_account = account == "aws" || is_account(account);
        if !known_account || !is_policy_name(name) {
            return Err(not_a_policy());
        }
        if found != partition {
            let (found, wanted) = (found.to_owned(), partition.to_owned());
            return Err(ArnError::OtherPartition {
                arn: name_or_arn.to_owned(),
                found,
                wanted,
            });
        }
        Ok(Self(name_or_arn.to_owned()))
    }

    /// An ARN that AWS returned.
    pub fn observed(arn: impl Into<String>) -> Self {
        Self(arn.into())
    }

    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The partition of any ARN.
pub fn partition_of(arn: &str) -> Option<&str> {
    let partition = arn.strip_prefix("arn:")?.split(':').next()?;
    (!partition.is_empty()).then_some(partition)
}

/// The partition of a region, by its name [EPR partitions.json, the regions' patterns].
pub fn partition_of_region(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    let known = partitions.iter().find(|(prefix, _)| region.starts_with(prefix));
    known.map_or("aws", |(_, partition)| partition)
}

/// The account of any ARN that has one.
pub fn account_of(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (!account.is_empty()).then_some(account)
}

/// Whether it is the ARN of a role.
pub fn is_role_arn(arn: &str) -> bool {
    parts(arn, "role/").is_some_and(|(_, account, name)| is_account(account) && is_policy_name(name))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

/// Partition, account and path with name of an ARN of IAM whose resource starts like this.
fn parts<'a>(arn: &'a str, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut fields = arn.splitn(6, ':');
    match (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    ) {
        ("arn", partition, "iam", "", account, resource) => Some((partition, account, resource.strip_prefix(kind)?)),
        _ => None,
    }
}

/// A policy name after its path, each part not empty (IAM API model: `policyNameType`, `policyPathType`).
fn is_policy_name(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c);
    let segments_fit = text.split('/').all(|part| !part.is_empty() && part.bytes().all(fits));
    segments_fit && text.rsplit('/').next().is_some_and(|name| name.len() <= 128) && text.len() <= 512
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, partition: &str) -> String {
        PolicyArn::resolve(text, partition).unwrap().to_string()
    }

    #[test]
    fn a_bare_name_is_an_aws_managed_policy_of_the_partition() {
        assert_eq!(
            resolved("AmazonS3ReadOnlyAccess", "aws"),
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        );
        assert_eq!(
            resolved("service-role/X", "aws-cn"),
            "arn:aws-cn:iam::aws:policy/service-role/X"
        );
    }

    #[test]
    fn an_arn_of_the_partition_is_taken_as_it_is() {
        for arn in [
            "arn:aws:iam::123456789012:policy/team-a/read",
            "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
        ] {
            assert_eq!(resolved(arn, "aws"), arn);
        }
    }

    #[test]
    fn an_arn_of_another_partition_is_refused_by_name() {
        let error = PolicyArn::resolve("arn:aws:iam::aws:policy/X", "aws-us-gov").unwrap_err();
        assert!(error.to_string().contains("use a policy of aws-us-gov"), "{error}");
    }

    #[test]
    fn a_roles_arn_is_told_from_what_looks_like_one() {
        for arn in [
            "arn:aws:iam::123456789012:role/app",
            "arn:aws-cn:iam::123456789012:role/a/b/App_1",
        ] {
            assert!(is_role_arn(arn), "{arn}");
        }
        for other in [
            "",
            "app",
            "arn:aws:iam::${ACCOUNT}:role/app",
            "arn:aws:iam::aws:role/app",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:user/app",
            "arn:aws:sts::123456789012:assumed-role/app/x",
        ] {
            assert!(!is_role_arn(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for bad in [
            "",
            "a b",
            "a//b",
            "/a",
            "a/",
            "*",
            "arn:aws:iam::123456789012:role/x",
            "arn:aws:iam::12345:policy/x",
            "arn:aws:iam:eu-west-1:123456789012:policy/x",
            "arn:aws:s3::123456789012:policy/x",
            "arn:aws:iam::123456789012:policy/",
            "arn:aws:iam::123456789012",
            &"n".repeat(129),
        ] {
            assert!(
                matches!(PolicyArn::resolve(bad, "aws"), Err(ArnError::NotAPolicy(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_partition_is_the_second_field() {
        assert_eq!(
            partition_of("arn:aws-cn:iam::123456789012:oidc-provider/x"),
            Some("aws-cn")
        );
        assert_eq!(
            account_of("arn:aws-cn:iam::123456789012:oidc-provider/x:y"),
            Some("123456789012")
        );
        assert_eq!(account_of("arn:aws:iam::aws:policy/x"), Some("aws"));
        assert_eq!(account_of("arn:aws:s3:::b"), None);
        assert_eq!(account_of("x"), None);
        let regions = [
            "eu-central-1",
            "cn-north-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eusc-de-east-1",
        ];
        assert_eq!(
            regions.map(partition_of_region),
            ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"]
        );
        assert_eq!(partition_of("arn::iam"), None);
        assert_eq!(partition_of("x"), None);
    }
}
