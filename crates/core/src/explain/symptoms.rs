//! What clients and STS say when something is wrong, in their own words, and which checks it may be.
//!
//! STS's messages: re:Post "InvalidIdentityToken", the STS API model, and reports of many people (reference of this project, 1.6). The
//! clients' were seen by running each on a machine outside AWS (`docs/clients.md`).

use super::Check;

/// Something that a person sees.
#[derive(Debug, Clone, Copy)]
pub struct Symptom {
    /// Who says it.
    pub who: &'static str,
    /// In which words.
    pub says: &'static str,
    /// What it may be, the likeliest first.
    pub checks: &'static [Check],
}

const fn symptom(who: &'static str, says: &'static str, checks: &'static [Check]) -> Symptom {
    Symptom { who, says, checks }
}

use Check::{
    ClientId, ClockAhead, DiscoveryComplete, DiscoveryInTime, DiscoveryIssuer, DiscoveryReadable, KeyPublished,
    KeysReadable, KeysValid, OwnCredentials, Permissions, PodInjected, PodRegion, PodRole, ProviderRegistered, RoleArn,
    RoleExists, SessionDuration, SessionName, TokenAudience, TokenClaims, TokenFile, TokenIssuer, TokenShape,
    TokenTimes, TrustAudience, TrustConditions, TrustProvider, TrustSubject,
};

/// What an STS that refuses may have against the token or the role.
const REFUSED: &[Check] = &[
    TrustSubject,
    TrustAudience,
    TrustProvider,
    TrustConditions,
    RoleExists,
    PodRole,
];

/// What the symptoms of a client are that hides STS's refusal, or never asked.
const HIDDEN: &[Check] = &[PodInjected, PodRegion, TrustSubject, RoleExists];

/// All that are known.
pub const SYMPTOMS: &[Symptom] = &[
    symptom(
        "STS",
        "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        REFUSED,
    ),
    symptom(
        "STS",
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://…",
        &[ProviderRegistered, TokenIssuer, RoleArn],
    ),
    symptom(
        "STS",
        "InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
        &[
            KeyPublished,
            DiscoveryReadable,
            KeysReadable,
            DiscoveryComplete,
            DiscoveryIssuer,
            KeysValid,
            DiscoveryInTime,
        ],
    ),
    symptom(
        "STS",
        "InvalidIdentityToken: Incorrect token audience",
        &[ClientId, TokenAudience],
    ),
    symptom("STS", "InvalidIdentityToken: Missing a required claim", &[TokenClaims]),
    symptom(
        "STS",
        "The ID Token provided is not a valid JWT",
        &[TokenShape, TokenFile],
    ),
    symptom("STS", "ExpiredTokenException: Token expired", &[TokenTimes, ClockAhead]),
    symptom("STS", "IDPCommunicationError", &[DiscoveryReadable, DiscoveryInTime]),
    symptom("STS", "Request ARN is invalid", &[RoleArn, PodRole]),
    symptom(
        "STS",
        "… failed to satisfy constraint … roleSessionName",
        &[SessionName],
    ),
    symptom(
        "STS",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role",
        &[SessionDuration],
    ),
    symptom(
        "AWS, to any other call",
        "AccessDenied … is not authorized to perform …, with the role's ARN in it",
        &[Permissions],
    ),
    symptom(
        "aws sts get-caller-identity",
        "the node's role, a user, or a role of somebody else",
        &[PodInjected, OwnCredentials, PodRole],
    ),
    symptom("boto3", "NoRegionError: You must specify a region.", &[PodRegion]),
    symptom("JavaScript v3", "Region is missing", &[PodRegion]),
    symptom("Go v2, rclone, Terraform, litestream", "Missing Region", &[PodRegion]),
    symptom(
        "Go v2, gocloud",
        "Invalid region: region was not a valid DNS name",
        &[PodRegion],
    ),
    symptom(
        "Rust",
        "A region must be set when sending requests to S3.",
        &[PodRegion],
    ),
    symptom(
        "Rust",
        "an error occurred while loading credentials",
        &[PodRegion, TrustSubject, RoleExists, DiscoveryReadable],
    ),
    symptom(
        "Java v2",
        "Unable to load region from any of the providers in the chain",
        &[PodRegion],
    ),
    symptom(
        "Java v1",
        "Unable to find a region via the region provider chain",
        &[PodRegion],
    ),
    symptom(
        "Java v2",
        "Unable to load credentials from any of the providers in the chain",
        &[PodInjected, TrustSubject, RoleExists, DiscoveryReadable],
    ),
    symptom(
        "pyarrow, pandas",
        "ACCESS_DENIED, and no signature in the request",
        HIDDEN,
    ),
    symptom(
        "minio-go: restic, mc, Thanos, Loki",
        "Access Denied, and no signature in the request",
        HIDDEN,
    ),
    symptom(
        "deltalake",
        "Kernel error -> Operation not supported … Missing Region",
        &[PodRegion],
    ),
    symptom(
        "object_store, obstore",
        "Received redirect without LOCATION",
        &[PodRegion],
    ),
    symptom("opendal", "ConfigInvalid … region is missing", &[PodRegion]),
    symptom(
        "opendal",
        "failed to load signing credential",
        &[TrustSubject, RoleExists, DiscoveryReadable, PodInjected],
    ),
    symptom(
        "s3cmd",
        "Configuration file not available.",
        &[PodInjected, TrustSubject, RoleExists, DiscoveryReadable],
    ),
    symptom(
        "Hadoop S3A",
        "No AWS Credentials provided by TemporaryAWSCredentialsProvider SimpleAWSCredentialsProvider …",
        &[PodInjected],
    ),
];
