//! Rows for STS. Those that need a token are in `web_identity.rs`.

use super::{Ask, Row, Want, Who};

const ROLE: &str = "arn:aws:iam::123456789012:role/app";
const ANYBODY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const SOMEBODY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/somebody"},"Action":"sts:AssumeRole"}]}"#;
const WITH_ID: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"secret-1"}}}]}"#;
const MAY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}"#;
const MAY_NOT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
const DENIED: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}]}"#;

/// A user must exist before a trust policy may name it: seeded by asking as it.
const EXISTS: Ask = Ask::sts(&[("Action", "GetCallerIdentity")]).by(Who::User(MAY_NOT));

macro_rules! role {
    ($trust:expr) => {
        Ask::iam(&[
            ("Action", "CreateRole"),
            ("RoleName", "app"),
            ("AssumeRolePolicyDocument", $trust),
            ("MaxSessionDuration", "7200"),
        ])
    };
}

macro_rules! assume {
    ($($extra:expr),*) => {
        Ask::sts(&[("Action", "AssumeRole"), $($extra),*])
    };
}

const TARGET: (&str, &str) = ("RoleArn", ROLE);
const NAME: (&str, &str) = ("RoleSessionName", "one");

macro_rules! row {
    ($what:expr, $source:expr, [$($before:expr),*], $ask:expr, $want:expr) => {
        Row { what: $what, source: $source, before: &[$($before),*], ask: $ask, want: $want }
    };
}

pub(crate) const ROWS: &[Row] = &[
    row!(
        "root learns who it is",
        "[STS-model GetCallerIdentity]",
        [],
        Ask::sts(&[("Action", "GetCallerIdentity")]),
        Want::Ok(&[
            "<Arn>arn:aws:iam::123456789012:root</Arn>",
            "<UserId>123456789012</UserId>",
            "<Account>123456789012</Account>"
        ])
    ),
    row!(
        "a user needs no permission to learn who it is",
        "[STS-model GetCallerIdentity]",
        [],
        Ask::sts(&[("Action", "GetCallerIdentity")]).by(Who::User(DENIED)),
        Want::Ok(&["<Arn>arn:aws:iam::123456789012:user/somebody</Arn>", "<UserId>AIDA"])
    ),
    row!(
        "an operation that does not exist",
        "[VGW iamerr/errors.go InvalidAction]",
        [],
        Ask::sts(&[("Action", "Nothing")]),
        Want::Refused(
            400,
            "InvalidAction",
            "Could not find operation Nothing for version 2011-06-15"
        )
    ),
    row!(
        "a trust of the account and an identity policy together allow",
        "[IAMUG-2023 reference_policies_evaluation-logic]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME).by(Who::User(MAY)),
        Want::Ok(&["<AccessKeyId>ASIA", "assumed-role/app/one</Arn>", "<AssumedRoleId>AROA"])
    ),
    row!(
        "a trust of the account alone does not allow",
        "[IAMUG-2023 reference_policies_evaluation-logic]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME).by(Who::User(MAY_NOT)),
        Want::Refused(
            403,
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/somebody is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/app"
        )
    ),
    row!(
        "a trust that names the user suffices",
        "[IAMUG-2023 reference_policies_evaluation-logic]",
        [EXISTS, role!(SOMEBODY)],
        assume!(TARGET, NAME).by(Who::User(MAY_NOT)),
        Want::Ok(&["<AccessKeyId>ASIA"])
    ),
    row!(
        "a denial beats the trust",
        "[IAMUG-2023 reference_policies_evaluation-logic]",
        [EXISTS, role!(SOMEBODY)],
        assume!(TARGET, NAME).by(Who::User(DENIED)),
        Want::Refused(403, "AccessDenied", "explicit deny")
    ),
    row!(
        "another account is not trusted",
        "[IAMUG-2023 reference_policies_evaluation-logic-cross-account]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME).by(Who::Stranger),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "root cannot assume a role",
        "[IAMUG-2023 id_roles_use_permissions-to-switch]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME),
        Want::Refused(403, "AccessDenied", "Roles may not be assumed by root accounts.")
    ),
    row!(
        "the external id must be given",
        "[STS-model AssumeRole ExternalId]",
        [role!(WITH_ID)],
        assume!(TARGET, NAME).by(Who::User(MAY)),
        Want::Refused(403, "AccessDenied", "sts:AssumeRole")
    ),
    row!(
        "the external id must be right",
        "[STS-model AssumeRole ExternalId]",
        [role!(WITH_ID)],
        assume!(TARGET, NAME, ("ExternalId", "secret-2")).by(Who::User(MAY)),
        Want::Refused(403, "AccessDenied", "sts:AssumeRole")
    ),
    row!(
        "the right external id opens",
        "[STS-model AssumeRole ExternalId]",
        [role!(WITH_ID)],
        assume!(TARGET, NAME, ("ExternalId", "secret-1")).by(Who::User(MAY)),
        Want::Ok(&["<AccessKeyId>ASIA"])
    ),
    row!(
        "a missing role reads like one that does not trust",
        "[STS-model AssumeRole; VGW]",
        [],
        assume!(TARGET, NAME).by(Who::User(MAY)),
        Want::Refused(
            403,
            "AccessDenied",
            "sts:AssumeRole on resource: arn:aws:iam::123456789012:role/app"
        )
    ),
    row!(
        "AssumeRole wants a role",
        "[STS-model AssumeRoleRequest RoleArn]",
        [],
        assume!(NAME).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "'roleArn' failed to satisfy constraint: Member must not be null"
        )
    ),
    row!(
        "AssumeRole wants a session name",
        "[STS-model AssumeRoleRequest RoleSessionName]",
        [],
        assume!(TARGET).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "'roleSessionName' failed to satisfy constraint: Member must not be null"
        )
    ),
    row!(
        "a session name of one character is too short",
        "[STS-model roleSessionNameType]",
        [],
        assume!(TARGET, ("RoleSessionName", "x")).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "Member must have length greater than or equal to 2"
        )
    ),
    row!(
        "a session name has no slash",
        "[STS-model roleSessionNameType]",
        [],
        assume!(TARGET, ("RoleSessionName", "a/b")).by(Who::User(MAY)),
        Want::Refused(400, "ValidationError", "Member must satisfy regular expression pattern")
    ),
    row!(
        "an ARN of a user is no role",
        "[STS-model arnType]",
        [],
        assume!(("RoleArn", "arn:aws:iam::123456789012:user/x"), NAME).by(Who::User(MAY)),
        Want::Refused(400, "ValidationError", "Request ARN is invalid")
    ),
    row!(
        "an ARN of nineteen characters is too short",
        "[STS-model arnType]",
        [],
        assume!(("RoleArn", "arn:aws:iam::1:role"), NAME).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "Member must have length greater than or equal to 20"
        )
    ),
    row!(
        "a session is at least 900 seconds",
        "[STS-model roleDurationSecondsType]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME, ("DurationSeconds", "899")).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "Member must have value greater than or equal to 900"
        )
    ),
    row!(
        "a session is at most twelve hours",
        "[STS-model roleDurationSecondsType]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME, ("DurationSeconds", "43201")).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "Member must have value less than or equal to 43200"
        )
    ),
    row!(
        "a session is at most what the role allows",
        "[STS-model AssumeRole DurationSeconds]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME, ("DurationSeconds", "7201")).by(Who::User(MAY)),
        Want::Refused(
            400,
            "ValidationError",
            "exceeds the MaxSessionDuration set for this role"
        )
    ),
    row!(
        "a session as long as the role allows",
        "[STS-model AssumeRole DurationSeconds]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME, ("DurationSeconds", "7200")).by(Who::User(MAY)),
        Want::Ok(&["<Expiration>"])
    ),
    row!(
        "a session policy that is not one",
        "[STS-model MalformedPolicyDocumentException]",
        [role!(ANYBODY)],
        assume!(TARGET, NAME, ("Policy", "{")).by(Who::User(MAY)),
        Want::Refused(400, "MalformedPolicyDocument", "")
    ),
    row!(
        "a web identity needs no signature, but a token",
        "[STS-model AssumeRoleWithWebIdentityRequest]",
        [],
        Ask::sts(&[("Action", "AssumeRoleWithWebIdentity"), TARGET, NAME]).by(Who::Anonymous),
        Want::Refused(
            400,
            "ValidationError",
            "'webIdentityToken' failed to satisfy constraint: Member must not be null"
        )
    ),
    row!(
        "a token of three characters is too short",
        "[STS-model clientTokenType]",
        [],
        Ask::sts(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            TARGET,
            NAME,
            ("WebIdentityToken", "abc")
        ])
        .by(Who::Anonymous),
        Want::Refused(
            400,
            "ValidationError",
            "Member must have length greater than or equal to 4"
        )
    ),
    row!(
        "a text that is no JWT",
        "[STS-model InvalidIdentityTokenException]",
        [],
        Ask::sts(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            TARGET,
            NAME,
            ("WebIdentityToken", "abcd")
        ])
        .by(Who::Anonymous),
        Want::Refused(400, "InvalidIdentityToken", "not a valid JWT")
    ),
];
