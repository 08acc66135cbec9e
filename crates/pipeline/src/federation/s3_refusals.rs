//! What S3 refused, and why, as far as it can be read: AWS's own sentence, and the text of the bucket's policy.

use irsa_aws::{Aws, AwsError, Bucket, Kind, Lookup, PublicAccessBlock};
use irsa_core::{
    denial::{Denial, PolicyType},
    plan::federation::{DenyingStatement, DocumentKind, FederationStep, PublicReadStatement, denying_statements},
    vocabulary::{ConditionType, Reason},
};

use super::aws_errors::{refused, step_error};
use crate::{spec::target::S3Target, step_error::StepError};

/// Of what a bucket's policy may demand, what the operator sends and what it does not.
const SENT: &str = "The operator writes the documents over TLS, encrypted with AES256 (AWS STS can read nothing under a KMS \
                    key), without object tags and without an ACL";

/// Why a step was refused; reads what tells more about it.
pub async fn explain<A: Aws>(aws: &A, target: &S3Target, step: &FederationStep, error: &AwsError) -> StepError {
    let bucket = target.bucket(aws.caller());
    match (error.kind(), step) {
        (Kind::AccessDenied, FederationStep::PutBucketPolicy { policy }) => {
            let block = aws.public_access_block(&bucket).await.ok().flatten();
            let statement = target.statement();
            if policy.contains(statement.sid()) {
                policy_refused(error, block, &statement)
            } else {
                statement_stays(error, target)
            }
        }
        (Kind::AccessDenied, FederationStep::DeleteBucketPolicy) => statement_stays(error, target),
        (Kind::AccessDenied, FederationStep::PutDocument { .. }) if is_by_bucket_policy(error) => {
            let policy = match target.public_read() {
                Some(_) => aws.bucket_policy(&bucket).await.ok().flatten(),
                // The operator need not have the right to read it.
                None => None,
            };
            document_refused(error, policy.as_deref())
        }
        (
            Kind::PreconditionFailed,
            FederationStep::PutDocument {
                kind, replaces: None, ..
            },
        ) => match hidden(aws, target, &bucket, *kind).await {
            Some(error) => hidden_by_kms(*kind, &error),
            None => refused(step, error),
        },
        _ => refused(step, error),
    }
}

/// Whether the policy of the bucket itself denied it.
pub fn is_by_bucket_policy(error: &AwsError) -> bool {
    let denial = Denial::read(&error.message);
    denial.explicit && denial.by == Some(PolicyType::Resource)
}

/// A refused `PutBucketPolicy`: the bucket's own Block Public Access if it could be read, and what may lie beyond it.
pub fn policy_refused(
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

/// The bucket's policy may not be read or written by us: what it needs, for whoever may.
pub fn policy_kept(error: &AwsError, statement: &PublicReadStatement) -> StepError {
    let general = step_error(ConditionType::PubliclyReadable, error);
    if general.reason != Reason::AccessDenied {
        return general;
    }
    let add = format!(
        "set spec.publish.s3.access to Unmanaged, and have whoever keeps the bucket's policy add this statement: {}.",
        statement.to_json()
    );
    let message = if is_by_bucket_policy(error) {
        format!("AWS refused {error}: the bucket's policy is somebody else's to keep. Leave it to them: {add}")
    } else {
        format!(
            "{} Or leave the bucket's policy to somebody else: {add}",
            general.message
        )
    };
    StepError { message, ..general }
}

fn statement_stays(error: &AwsError, target: &S3Target) -> StepError {
    let general = step_error(ConditionType::PubliclyReadable, error);
    let message = format!(
        "{} Or have whoever keeps the bucket's policy remove the statement {} from it, and set spec.publish.s3.access to \
         Unmanaged.",
        general.message,
        target.statement().sid()
    );
    StepError { message, ..general }
}

/// The bucket's policy denies a document: which statements may be meant, if it could be read.
fn document_refused(error: &AwsError, policy: Option<&str>) -> StepError {
    let found: Vec<DenyingStatement> = policy
        .map(|policy| denying_statements(policy, error.operation, &error.resource))
        .unwrap_or_default();
    let statements = if found.is_empty() {
        "Its statements have not been read.".to_owned()
    } else {
        let named: Vec<String> = found.iter().map(ToString::to_string).collect();
        format!("Statements that deny it: {}.", named.join(", "))
    };
    let message = format!(
        "AWS refused {error}. {statements} {SENT}: satisfy the statement with that, or except the two documents from it."
    );
    StepError::new(ConditionType::Published, Reason::AccessDenied, message)
}

/// The refusal of a read that proves that the object is there, under a key of KMS: S3 asks KMS only for what exists.
async fn hidden<A: Aws>(aws: &A, target: &S3Target, bucket: &Bucket, kind: DocumentKind) -> Option<AwsError> {
    match aws.document(&target.object(bucket, kind)).await {
        Ok(Lookup::MissingOrForbidden(error)) if error.message.contains("kms:Decrypt") => Some(error),
        _ => None,
    }
}

fn hidden_by_kms(kind: DocumentKind, error: &AwsError) -> StepError {
    let message = format!(
        "The {kind} is in the bucket already, under a KMS key that the operator may not use ({error}), and AWS STS cannot read \
         it either. Delete the object, or write it again with server-side encryption AES256."
    );
    StepError::new(ConditionType::Published, Reason::AccessDenied, message)
}

#[cfg(test)]
mod tests {
    use irsa_core::issuer::IssuerUrl;

    use super::*;

    const BY_BUCKET_POLICY: &str = "with an explicit deny in a resource-based policy";

    fn refusal(operation: &'static str, why: &str) -> AwsError {
        AwsError {
            operation,
            resource: "arn:aws:s3:::b/openid/v1/jwks".to_owned(),
            code: "AccessDenied".to_owned(),
            message: format!("User: x is not authorized to perform: {operation} {why}"),
            kind: Kind::AccessDenied,
        }
    }

    fn statement() -> PublicReadStatement {
        let issuer = IssuerUrl::parse("https://b.s3.eu-central-1.amazonaws.com").unwrap();
        PublicReadStatement::new(&issuer, "b", "eu-central-1")
    }

    #[test]
    fn a_denied_bucket_policy_comes_with_the_statement_to_paste_and_where() {
        for why in [
            "because no identity-based policy allows the s3:PutBucketPolicy action",
            BY_BUCKET_POLICY,
        ] {
            let failure = policy_kept(&refusal("s3:PutBucketPolicy", why), &statement());
            assert_eq!(failure.reason, Reason::AccessDenied);
            for part in ["access to Unmanaged", &statement().to_json(), why] {
                assert!(failure.message.contains(part), "{}", failure.message);
            }
        }
        let by_bucket = policy_kept(&refusal("s3:PutBucketPolicy", BY_BUCKET_POLICY), &statement());
        assert!(!by_bucket.message.contains("IAM policy"), "{}", by_bucket.message);
        let mut bare = refusal("s3:PutBucketPolicy", "");
        bare.message = "Access Denied".to_owned();
        assert_eq!(policy_kept(&bare, &statement()).reason, Reason::BucketNotOurs);
    }

    #[test]
    fn a_denied_document_names_the_statements_that_were_read_and_no_others() {
        let error = refusal("s3:PutObject", BY_BUCKET_POLICY);
        let policy = r#"{"Statement": [
            {"Sid": "Tagged", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*",
             "Condition": {"Null": {"s3:RequestObjectTag/team": "true"}}},
            {"Sid": "Listed", "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}]}"#;
        let read = document_refused(&error, Some(policy)).message;
        assert!(
            read.contains("\"Tagged\" (a condition on s3:RequestObjectTag/team)"),
            "{read}"
        );
        assert!(!read.contains("Listed"), "{read}");
        for policy in [None, Some(r#"{"Statement": []}"#)] {
            let unread = document_refused(&error, policy).message;
            assert!(unread.contains("AES256") && unread.contains("tags"), "{unread}");
            assert!(!unread.contains("Statements that deny"), "{unread}");
        }
    }

    #[test]
    fn of_block_public_access_only_what_was_read_is_claimed() {
        let refused = refusal("s3:PutBucketPolicy", "");
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
        let told = refusal("s3:PutBucketPolicy", "blocked by the BlockPublicPolicy setting");
        assert_eq!(
            policy_refused(&told, None, &statement()).reason,
            Reason::PublicAccessBlocked
        );
    }
}
