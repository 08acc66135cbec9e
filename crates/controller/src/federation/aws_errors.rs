//! From errors of AWS to what a federation's conditions say of them.

use irsa_aws::{AwsError, Kind, PublicAccessBlock};
use irsa_core::{
    denial::Denial,
    plan::federation::{FederationStep, PublicReadStatement},
    vocabulary::{ConditionType, Reason},
};

use super::s3_refusals::{is_by_bucket_policy, policy_kept};
use crate::{
    binding::{denied, not_aws},
    step_error::StepError,
};

/// What S3 says, and all it says, when the bucket is another account's than `ExpectedBucketOwner`; a missing permission
/// in our own account is explained instead ("User: … is not authorized to perform: …").
const UNEXPLAINED: &str = "Access Denied";

/// A call that failed for a reason that has nothing to do with what it was about.
pub(super) fn step_error(aspect: ConditionType, error: &AwsError) -> StepError {
    let message = match error.kind() {
        Kind::AccessDenied if is_unexplained(error) => format!(
            "AWS refused {error} and does not say why, as for a bucket that belongs to another account than \
             spec.publish.s3.bucketOwner (by default that of the credentials): correct the bucket or its owner. If both are \
             right, {}.",
            Denial::read(&error.message).remedy(error.operation)
        ),
        Kind::AccessDenied => denied(error),
        Kind::NoCredentials => format!("The operator has no valid AWS credentials: {error}."),
        Kind::NotAws => not_aws(error),
        Kind::WrongAccount => format!("{error}; correct spec.aws or the operator's credentials. Nothing was written."),
        Kind::NotFound if error.code == "NoSuchBucket" => {
            format!("spec.publish.s3.bucket does not exist: {error}; create it, or set spec.publish.s3.create.")
        }
        _ => format!("{error}."),
    };
    StepError::new(aspect, reason(error), message)
}

fn reason(error: &AwsError) -> Reason {
    match error.kind() {
        Kind::AccessDenied if is_unexplained(error) => Reason::BucketNotOurs,
        Kind::AccessDenied => Reason::AccessDenied,
        Kind::WrongAccount => Reason::WrongAccount,
        Kind::Throttled => Reason::Throttled,
        Kind::LimitExceeded => Reason::QuotaExceeded,
        Kind::NotFound if error.code == "NoSuchBucket" => Reason::InvalidSpec,
        Kind::Conflict | Kind::NotFound | Kind::AlreadyExists | Kind::PreconditionFailed | Kind::DeleteConflict => {
            Reason::WriteConflict
        }
        Kind::MalformedPolicy | Kind::InvalidInput => Reason::InvalidSpec,
        Kind::IdpUnreachable | Kind::NoCredentials | Kind::Unavailable | Kind::NotAws => Reason::AwsUnavailable,
    }
}

fn is_unexplained(error: &AwsError) -> bool {
    error.operation.starts_with("s3:") && error.message.trim_end_matches('.') == UNEXPLAINED
}

/// A step that AWS refused: what it was about says more than the error alone.
pub(super) fn refused(step: &FederationStep, error: &AwsError) -> StepError {
    explained(step, error).unwrap_or_else(|| step_error(step.aspect(), error))
}

fn explained(step: &FederationStep, error: &AwsError) -> Option<StepError> {
    let (reason, message) = match (error.kind(), step) {
        (
            Kind::PreconditionFailed,
            FederationStep::PutDocument {
                kind, replaces: None, ..
            },
        ) => (
            Reason::AccessDenied,
            format!(
                "The {kind} is in the bucket already and the operator may not read it: allow s3:GetObject on {} in the \
                 operator's IAM policy.",
                error.resource
            ),
        ),
        (Kind::AlreadyExists, FederationStep::CreateBucket) => (
            Reason::BucketNotOurs,
            "Another AWS account has a bucket of the name spec.publish.s3.bucket; choose another name.".to_owned(),
        ),
        (Kind::AlreadyExists, FederationStep::CreateProvider { .. }) => (
            Reason::Propagating,
            "The OIDC provider exists, and IAM does not show it everywhere yet.".to_owned(),
        ),
        (Kind::NotFound, _) if step.aspect() == ConditionType::ProviderRegistered => (
            Reason::Propagating,
            "IAM does not show the OIDC provider everywhere yet, or somebody has just deleted it.".to_owned(),
        ),
        (Kind::IdpUnreachable, _) => (
            Reason::AwsUnavailable,
            format!("AWS could not reach the issuer's host to read its certificate: {error}."),
        ),
        (Kind::MalformedPolicy, FederationStep::PutBucketPolicy { .. }) => (
            Reason::BucketShared,
            format!("S3 refuses the bucket's policy with our statement in it: {error}."),
        ),
        _ => return None,
    };
    Some(StepError::new(step.aspect(), reason, message))
}

/// A refused `PutBucketPolicy`: the bucket's own Block Public Access if it could be read, and what may lie beyond it.
pub(super) fn policy_refused(
    error: &AwsError,
    block: Option<PublicAccessBlock>,
    statement: &PublicReadStatement,
) -> StepError {
    let aspect = ConditionType::PubliclyReadable;
    match block {
        Some(block) if block.block_public_policy => StepError::new(
            aspect,
            Reason::PublicAccessBlocked,
            "The bucket's Block Public Access has BlockPublicPolicy on, which refuses the statement that makes the two \
             documents readable; switch BlockPublicPolicy and RestrictPublicBuckets off on this bucket.",
        ),
        _ if error.message.contains("BlockPublicPolicy") => StepError::new(
            aspect,
            Reason::PublicAccessBlocked,
            format!(
                "{error}; switch BlockPublicPolicy off where it is on: the bucket, the account or the organisation \
                 (the operator does not read the last two)."
            ),
        ),
        _ if is_by_bucket_policy(error) => policy_kept(error, statement),
        _ => {
            let kept = policy_kept(error, statement);
            let message = format!(
                "Block Public Access of the account or of the organisation, which the operator does not read, may be the \
                 cause, too. {}",
                kept.message
            );
            StepError { message, ..kept }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(operation: &'static str, kind: Kind, message: &str) -> AwsError {
        AwsError {
            operation,
            resource: "arn:aws:s3:::b".to_owned(),
            code: format!("{kind:?}"),
            message: message.to_owned(),
            kind,
        }
    }

    fn statement() -> PublicReadStatement {
        let issuer = irsa_core::issuer::IssuerUrl::parse("https://b.s3.eu-central-1.amazonaws.com").unwrap();
        PublicReadStatement::new(&issuer, "b", "eu-central-1")
    }

    #[test]
    fn a_refused_call_names_action_resource_and_remedy() {
        let explained = error("s3:PutObject", Kind::AccessDenied, "User: x is not authorized");
        let failure = super::step_error(ConditionType::Published, &explained);
        assert_eq!(failure.reason, Reason::AccessDenied);
        for part in ["s3:PutObject", "arn:aws:s3:::b", "IAM policy"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn a_refusal_that_s3_does_not_explain_points_at_the_buckets_owner() {
        let bare = error("s3:GetBucketPolicy", Kind::AccessDenied, "Access Denied");
        assert_eq!(
            step_error(ConditionType::Published, &bare).reason,
            Reason::BucketNotOurs
        );
        let told = step_error(ConditionType::Published, &bare).message;
        for cause in [
            "bucketOwner",
            "bucket's own policy",
            "control policy of the organisation",
        ] {
            assert!(told.contains(cause), "{told}");
        }
        let iam = error("iam:GetOpenIDConnectProvider", Kind::AccessDenied, "Access Denied");
        assert_eq!(step_error(ConditionType::Published, &iam).reason, Reason::AccessDenied);
    }

    #[test]
    fn an_answer_that_is_not_awss_is_the_endpoints_trouble() {
        let page = error("s3:PutObject", Kind::NotAws, "the endpoint answered 413 with text/html");
        let failure = step_error(ConditionType::Published, &page);
        assert_eq!(failure.reason, Reason::AwsUnavailable);
        assert!(failure.message.contains("AWS_ENDPOINT_URL"), "{}", failure.message);
    }

    #[test]
    fn of_block_public_access_only_what_was_read_is_claimed() {
        let refused = error("s3:PutBucketPolicy", Kind::AccessDenied, "User: x is not authorized");
        let on = PublicAccessBlock {
            block_public_policy: true,
            ..PublicAccessBlock::default()
        };
        assert_eq!(
            policy_refused(&refused, Some(on), &statement()).reason,
            Reason::PublicAccessBlocked
        );
        for block in [None, Some(PublicAccessBlock::default())] {
            let failure = policy_refused(&refused, block, &statement());
            assert_eq!(failure.reason, Reason::AccessDenied);
            assert!(failure.message.contains("may be the cause, too"), "{}", failure.message);
        }
        let told = error(
            "s3:PutBucketPolicy",
            Kind::AccessDenied,
            "blocked by the BlockPublicPolicy setting",
        );
        assert_eq!(
            policy_refused(&told, None, &statement()).reason,
            Reason::PublicAccessBlocked
        );
    }

    #[test]
    fn a_document_that_cannot_be_read_but_exists_is_a_missing_permission() {
        let step = FederationStep::PutDocument {
            kind: irsa_core::plan::federation::DocumentKind::Jwks,
            document: irsa_core::plan::federation::DesiredDocument {
                bytes: Vec::new(),
                content_type: String::new(),
                cache_control: String::new(),
                metadata: std::collections::BTreeMap::new(),
            },
            replaces: None,
        };
        let failure = refused(&step, &error("s3:PutObject", Kind::PreconditionFailed, ""));
        assert_eq!(failure.reason, Reason::AccessDenied);
        assert!(failure.message.contains("s3:GetObject"), "{}", failure.message);
    }
}
