//! AccessDenied explained: which policy denied a call to AWS, as AWS says it, and what to do about it.
//!
//! The error code is the same whoever denied it, but who can help is not: an `Allow` in the operator's own policy helps
//! against a missing permission and never against a `Deny`, and what an organisation denies nobody in the account can
//! grant. AWS names the type of one policy that denied the call, and since 2026 its ARN too
//! [IAMUG troubleshoot_access-denied]; of S3 the message may be a bare "Access Denied" [S3UG troubleshoot-403-errors].

/// The type of policy that denied a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyType {
    /// A policy of the caller's user or role.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// The session policy with which the caller's credentials were issued.
    Session,
    /// The policy of the resource itself, such as a bucket's.
    Resource,
    /// The trust policy of the role that was to be assumed.
    RoleTrust,
    /// A service control policy of the organisation.
    ServiceControl,
    /// A resource control policy of the organisation.
    ResourceControl,
    /// The policy of the VPC endpoint on the way to AWS.
    VpcEndpoint,
}

impl PolicyType {
    /// In AWS's words, with which its messages name them.
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Identity, "identity-based policy"),
        (Self::Boundary, "permissions boundary"),
        (Self::Session, "session policy"),
        (Self::Resource, "resource-based policy"),
        (Self::RoleTrust, "role trust policy"),
        (Self::ServiceControl, "service control policy"),
        (Self::ResourceControl, "resource control policy"),
        (Self::VpcEndpoint, "VPC endpoint policy"),
    ];

    fn at_the_start_of(text: &str) -> Option<(Self, &str)> {
        let named = Self::NAMES
            .iter()
            .filter_map(|(kind, name)| Some((*kind, text.strip_prefix(name)?)));
        // A name ends where it ends.
        named
            .into_iter()
            .find(|(_, rest)| !rest.starts_with(char::is_alphanumeric))
    }
}

/// What AWS says of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The type of the policy; `None` where AWS does not say.
    pub by: Option<PolicyType>,
    /// Whether a statement denies it, rather than none allowing it.
    pub explicit: bool,
    /// The policy's ARN, where AWS gives it.
    pub policy: Option<&'a str>,
}

const EXPLICIT: &str = "with an explicit deny in ";
const IMPLICIT: &str = "because no ";
const ALLOWS: &str = " allows the ";

impl<'a> Denial<'a> {
    /// Reads AWS's message.
    pub fn read(message: &'a str) -> Self {
        Self::explicit(message)
            .or_else(|| Self::implicit(message))
            .unwrap_or(Self {
                by: None,
                explicit: false,
                policy: None,
            })
    }

    fn explicit(message: &'a str) -> Option<Self> {
        let (_, rest) = message.rsplit_once(EXPLICIT)?;
        let rest = rest
            .strip_prefix("an ")
            .or_else(|| rest.strip_prefix("a "))
            .or_else(|| rest.strip_prefix("the "))
            .unwrap_or(rest);
        let named = PolicyType::at_the_start_of(rest);
        let policy = named.and_then(|(_, rest)| arn_in(rest));
        Some(Self {
            by: named.map(|(kind, _)| kind),
            explicit: true,
            policy,
        })
    }

    fn implicit(message: &'a str) -> Option<Self> {
        let (_, rest) = message.rsplit_once(IMPLICIT)?;
        let (kind, rest) = PolicyType::at_the_start_of(rest)?;
        rest.starts_with(ALLOWS).then_some(Self {
            by: Some(kind),
            explicit: false,
            policy: None,
        })
    }

    /// What to do about it, as the second half of a sentence without its full stop. `action` is the IAM action that was
    /// denied (`iam:UntagRole`).
    pub fn remedy(&self, action: &str) -> String {
        let policy = self.policy.map(|arn| format!(" {arn}")).unwrap_or_default();
        let Some(by) = self.by else {
            return unknown(action, self.explicit);
        };
        match (by, self.explicit) {
            (PolicyType::Identity, false) => {
                format!("allow {action} in the operator's IAM policy (docs/iam-policy.md)")
            }
            (PolicyType::Identity, true) => format!(
                "a policy{policy} of the operator's own user or role denies {action}: narrow that Deny, since no Allow \
                 overrides it"
            ),
            (PolicyType::Boundary, false) => {
                format!("allow {action} in the permissions boundary of the operator's own user or role")
            }
            (PolicyType::Boundary, true) => {
                format!("narrow the Deny in the permissions boundary{policy} of the operator's own user or role")
            }
            (PolicyType::Session, _) => {
                format!("have whoever issues the operator's credentials allow {action} in their session policy{policy}")
            }
            (PolicyType::Resource, false) => {
                format!("allow {action} in the resource's own policy{}", bucket(action))
            }
            (PolicyType::Resource, true) => format!(
                "have whoever owns the resource narrow the Deny in its own policy{policy}{}",
                bucket(action)
            ),
            (PolicyType::RoleTrust, _) => {
                "let the operator's identity in by the trust policy of the role in spec.aws.assumeRole".to_owned()
            }
            (PolicyType::ServiceControl | PolicyType::ResourceControl, explicit) => {
                let (what, kind) = match by {
                    PolicyType::ServiceControl => ("service control policies", "operator"),
                    _ => ("resource control policies", "operator's resources"),
                };
                let wish = if explicit {
                    format!("exempt the {kind} from the Deny{policy}")
                } else {
                    format!("allow {action}")
                };
                format!(
                    "ask whoever manages the organisation's {what} to {wish}, since nothing in this account can override \
                     it"
                )
            }
            (PolicyType::VpcEndpoint, _) => {
                format!(
                    "allow {action} in the policy of the VPC endpoint{policy} through which the operator reaches AWS"
                )
            }
        }
    }
}

/// Which policy a resource's own is, where the action tells.
fn bucket(action: &str) -> &'static str {
    if action.starts_with("s3:") {
        ", the bucket policy"
    } else {
        ""
    }
}

/// Where to look when AWS names no policy.
fn unknown(action: &str, explicit: bool) -> String {
    let own = match action.split_once(':') {
        Some(("s3", _)) => ", the bucket's own policy or encryption key",
        Some(("sts", _)) => ", the trust policy of the role that is assumed",
        _ => "",
    };
    let what = if explicit { "denies" } else { "refuses" };
    format!(
        "AWS does not say which policy {what} it: it may be the operator's IAM policy (docs/iam-policy.md), its permissions \
         boundary or session policy{own}, a VPC endpoint's policy, or a control policy of the organisation"
    )
}

/// The ARN behind a policy's type: `: arn:aws:…`.
fn arn_in(rest: &str) -> Option<&str> {
    let arn = rest.strip_prefix(':')?.split_whitespace().next()?;
    let arn = arn.trim_end_matches(['.', ',', ')', '"']);
    arn.starts_with("arn:").then_some(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str =
        "User: arn:aws:iam::123456789012:user/op is not authorized to perform: iam:UntagRole on resource: role app";

    fn remedy(how: &str) -> String {
        Denial::read(&format!("{WHO} {how}")).remedy("iam:UntagRole")
    }

    #[test]
    fn each_kind_of_policy_is_told_by_awss_own_words() {
        for (kind, name) in PolicyType::NAMES {
            let article = if name.starts_with('i') { "an" } else { "a" };
            let denied = format!("{WHO} with an explicit deny in {article} {name}");
            let denied = Denial::read(&denied);
            assert_eq!((denied.by, denied.explicit), (Some(kind), true), "{name}");
            let missing = format!("{WHO} because no {name} allows the iam:UntagRole action");
            let missing = Denial::read(&missing);
            assert_eq!((missing.by, missing.explicit), (Some(kind), false), "{name}");
        }
    }

    #[test]
    fn the_remedy_is_whom_to_ask() {
        for (how, who) in [
            (
                "because no identity-based policy allows the iam:UntagRole action",
                "allow iam:UntagRole in the operator's IAM policy",
            ),
            (
                "with an explicit deny in an identity-based policy",
                "no Allow overrides it",
            ),
            (
                "with an explicit deny in a service control policy",
                "whoever manages the organisation's service control policies",
            ),
            (
                "because no service control policy allows the iam:UntagRole action",
                "service control policies to allow iam:UntagRole",
            ),
            (
                "with an explicit deny in a resource control policy",
                "whoever manages the organisation's resource control policies",
            ),
            (
                "with an explicit deny in a permissions boundary",
                "permissions boundary of the operator's own",
            ),
            (
                "because no session policy allows the iam:UntagRole action",
                "whoever issues the operator's credentials",
            ),
            ("with an explicit deny in a VPC endpoint policy", "VPC endpoint"),
            (
                "with an explicit deny in a resource-based policy",
                "whoever owns the resource",
            ),
        ] {
            let told = remedy(how);
            assert!(told.contains(who), "{how}: {told}");
        }
    }

    #[test]
    fn of_s3_the_resources_own_policy_is_the_buckets() {
        let message = format!("{WHO} with an explicit deny in a resource-based policy");
        let denied = Denial::read(&message);
        assert!(denied.remedy("s3:PutObject").ends_with(", the bucket policy"));
        assert!(!denied.remedy("iam:UntagRole").contains("bucket"));
    }

    #[test]
    fn what_an_allow_cannot_mend_is_never_sent_to_the_operators_policy() {
        for (kind, name) in PolicyType::NAMES {
            let told = remedy(&format!("with an explicit deny in a {name}"));
            assert!(!told.contains("docs/iam-policy.md"), "{kind:?}: {told}");
        }
    }

    #[test]
    fn the_policys_arn_is_told_where_aws_gives_it() {
        let arn = "arn:aws:organizations::111111111111:policy/o-1/service_control_policy/p-1";
        let told = remedy(&format!("with an explicit deny in a service control policy: {arn}"));
        assert!(told.contains(arn), "{told}");
    }

    #[test]
    fn where_aws_says_nothing_all_that_may_be_is_named_and_nothing_claimed() {
        for message in ["Access Denied", "", WHO, "because no idea policy allows the x action"] {
            let denial = Denial::read(message);
            assert_eq!(denial.by, None, "{message}");
            let told = denial.remedy("s3:PutObject");
            for part in [
                "does not say",
                "bucket's own policy",
                "organisation",
                "docs/iam-policy.md",
            ] {
                assert!(told.contains(part), "{message}: {told}");
            }
        }
        assert!(!Denial::read("Access Denied").remedy("iam:GetRole").contains("bucket"));
    }
}
