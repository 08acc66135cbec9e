//! From errors of AWS to what a federation's conditions say of them.

use irsa_aws::{AwsError, Kind};
use irsa_core::{
    denial::Denial,
    plan::{Step, federation::FederationStep},
    vocabulary::{ConditionType, Reason},
};

use crate::{aws_errors, step_error::StepError};

/// What S3 says, and all it says, when the bucket is another account's than `ExpectedBucketOwner`; a missing permission
/// in our own account is explained instead ("User: … is not authorized to perform: …").
const UNEXPLAINED: &str = "Access Denied";

/// A call that failed for a reason that has nothing to do with what it was about.
pub fn step_error(aspect: ConditionType, error: &AwsError) -> StepError {
    let (reason, message) = match error.kind() {
        Kind::AccessDenied if is_unexplained(error) => (
            Reason::BucketNotOurs,
            format!(
                "AWS refused {error} and does not say why, as for a bucket that belongs to another account than \
                 spec.publish.s3.bucketOwner (by default that of the credentials): correct the bucket or its owner. If both \
                 are right, {}.",
                Denial::read(&error.message).remedy(error.operation)
            ),
        ),
        Kind::WrongAccount => (
            Reason::WrongAccount,
            format!("{error}; correct spec.aws or the operator's credentials. Nothing was written."),
        ),
        Kind::NotFound if error.code == "NoSuchBucket" => (
            Reason::InvalidSpec,
            format!("spec.publish.s3.bucket does not exist: {error}; create it, or set spec.publish.s3.create."),
        ),
        // The only policy that is written here comes from the spec.
        Kind::MalformedPolicy => (Reason::InvalidSpec, aws_errors::in_words(error)),
        kind => (aws_errors::reason(kind), aws_errors::in_words(error)),
    };
    StepError::new(aspect, reason, message)
}

fn is_unexplained(error: &AwsError) -> bool {
    error.operation.starts_with("s3:") && error.message.trim_end_matches('.') == UNEXPLAINED
}

/// A step that AWS refused: what it was about says more than the error alone.
pub fn refused(step: &FederationStep, error: &AwsError) -> StepError {
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
