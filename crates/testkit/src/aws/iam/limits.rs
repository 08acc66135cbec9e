//! Quotas, and the shapes of names, paths and texts.

use super::errors::{constraint, validation};
use crate::aws::wire::AwsError;

/// The quotas of one account. Defaults as in [QUOTA-2026]; each may be raised or lowered by a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Roles per account (1,000; adjustable to 5,000).
    pub roles: usize,
    /// Managed policies attached to one role (10; adjustable to 25).
    pub attached_per_role: usize,
    /// Characters of a trust policy (2,048; adjustable to 4,096).
    pub trust_policy_size: usize,
    /// Characters of all inline policies of one role, without white space (10,240).
    pub inline_policies_size: usize,
    /// OIDC providers per account (100; adjustable to 700).
    pub providers: usize,
    /// Client ids per provider (100).
    pub client_ids: usize,
    /// Customer managed policies per account (1,500; adjustable to 5,000).
    pub policies: usize,
    /// Characters of one managed policy, without white space (6,144). Number UNCONFIRMED in the reference.
    pub managed_policy_size: usize,
    /// Versions per managed policy (5) [IAM-model CreatePolicyVersion].
    pub policy_versions: usize,
    /// Tags per role, provider or policy (50) [IAM-model].
    pub tags: usize,
    /// Instance profiles per account (1,000).
    pub instance_profiles: usize,
    /// Access keys per user (2).
    pub access_keys: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            roles: 1_000,
            attached_per_role: 10,
            trust_policy_size: 2_048,
            inline_policies_size: 10_240,
            providers: 100,
            client_ids: 100,
            policies: 1_500,
            managed_policy_size: 6_144,
            policy_versions: 5,
            tags: 50,
            instance_profiles: 1_000,
            access_keys: 2,
        }
    }
}

/// Characters that count towards a policy quota: white space does not [QUOTA-2026].
pub(super) fn counted_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// Length in characters, both ends included.
pub(super) fn length(field: &str, value: &str, min: usize, max: usize) -> Result<(), AwsError> {
    let length = value.chars().count();
    if length < min {
        return Err(constraint(
            field,
            &format!("Member must have length greater than or equal to {min}"),
        ));
    }
    if length > max {
        return Err(constraint(
            field,
            &format!("Member must have length less than or equal to {max}"),
        ));
    }
    Ok(())
}

/// `[\w+=,.@-]+` and a length [IAM-model]; wording [VGW iamerr].
pub(super) fn name(field: &str, value: &str, max: usize) -> Result<(), AwsError> {
    length(field, value, 1, max)?;
    if value
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character))
    {
        return Ok(());
    }
    Err(validation(format!(
        "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_-"
    )))
}

/// `(/)|(/[!-~]+/)`, 1..512 [IAM-model pathType]; wording [VGW iamerr].
pub(super) fn path(field: &str, value: &str) -> Result<(), AwsError> {
    length(field, value, 1, 512)?;
    let inner = value.strip_prefix('/').and_then(|rest| {
        if rest.is_empty() {
            Some("")
        } else {
            rest.strip_suffix('/')
        }
    });
    let well_formed = match inner {
        None => false,
        Some("") => value == "/",
        Some(inner) => inner.chars().all(|character| character.is_ascii_graphic()),
    };
    if well_formed {
        return Ok(());
    }
    Err(validation(format!(
        "The specified value for {field} is invalid. It must begin and end with / and contain only alphanumeric \
         characters and/or / characters."
    )))
}

/// `/[!-DEL]*`, 1..512 [IAM-model pathPrefixType]; wording [VGW iamerr].
pub(super) fn path_prefix(value: &str) -> Result<(), AwsError> {
    length("pathPrefix", value, 1, 512)?;
    if value
        .strip_prefix('/')
        .is_some_and(|rest| rest.chars().all(|c| ('!'..='\u{7f}').contains(&c)))
    {
        return Ok(());
    }
    Err(validation(
        "The specified value for pathPrefix is invalid. It must begin with the / character and contain only \
         alphanumeric characters and/or / characters.",
    ))
}

/// At most 1,000 of tab, LF, CR, U+0020..7E and U+00A1..FF [IAM-model roleDescriptionType].
pub(super) fn description(value: &str) -> Result<(), AwsError> {
    length("description", value, 0, 1_000)?;
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}');
    if value.chars().all(allowed) {
        return Ok(());
    }
    Err(constraint(
        "description",
        r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
    ))
}

/// 3,600..43,200 s [IAM-model roleMaxSessionDurationType].
pub(super) fn max_session(value: &str) -> Result<u32, AwsError> {
    match value.parse::<u32>() {
        Ok(seconds) if seconds < 3_600 => Err(constraint(
            "maxSessionDuration",
            "Member must have value greater than or equal to 3600",
        )),
        Ok(seconds) if seconds > 43_200 => Err(constraint(
            "maxSessionDuration",
            "Member must have value less than or equal to 43200",
        )),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(AwsError::new(400, "MalformedInput", "Invalid integer")),
    }
}

/// 1..131,072 of tab, LF, CR and U+0020..FF [IAM-model policyDocumentType].
pub(super) fn document_text(field: &str, value: &str) -> Result<(), AwsError> {
    length(field, value, 1, 131_072)?;
    if value
        .chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
    {
        return Ok(());
    }
    Err(constraint(
        field,
        r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_charset_and_length() {
        assert!(name("roleName", "a_B+=,.@-9", 64).is_ok());
        assert!(name("roleName", &"a".repeat(64), 64).is_ok());
        for bad in [String::new(), "a".repeat(65), "a/b".into(), "a b".into(), "ä".into()] {
            assert_eq!(name("roleName", &bad, 64).unwrap_err().code, "ValidationError", "{bad}");
        }
    }

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        for good in ["/", "/a/", "/a/b!/"] {
            assert!(path("path", good).is_ok(), "{good}");
        }
        for bad in ["", "a", "/a", "a/", "/a b/", "/ä/"] {
            assert!(path("path", bad).is_err(), "{bad}");
        }
        assert!(path("path", &format!("/{}/", "a".repeat(510))).is_ok());
        assert!(path("path", &format!("/{}/", "a".repeat(511))).is_err());
    }

    #[test]
    fn session_durations_lie_between_one_and_twelve_hours() {
        assert_eq!(max_session("3600").unwrap(), 3600);
        assert_eq!(max_session("43200").unwrap(), 43200);
        for bad in ["3599", "43201", "x", ""] {
            assert!(max_session(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn white_space_does_not_count_towards_a_policy_quota() {
        assert_eq!(counted_size("{ \"a\":\n\t1 }"), 7);
    }
}
