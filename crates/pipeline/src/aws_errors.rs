//! What an error of AWS says in a condition, whatever the call was about. A kind adds what its own steps explain.

use irsa_aws::{AwsError, Kind};
use irsa_core::{denial::Denial, vocabulary::Reason};

/// What is wrong and what to do, in a sentence.
pub fn in_words(error: &AwsError) -> String {
    match error.kind() {
        Kind::AccessDenied => {
            let remedy = Denial::read(&error.message).remedy(error.operation);
            format!("AWS refused {error}; {remedy}.")
        }
        Kind::NoCredentials => format!("The operator has no valid AWS credentials: {error}."),
        Kind::NotAws => format!("{error}; check AWS_ENDPOINT_URL, and the proxies between the operator and AWS."),
        _ => format!("{error}."),
    }
}

/// The reason of a condition that says so.
pub const fn reason(kind: Kind) -> Reason {
    match kind {
        Kind::AccessDenied => Reason::AccessDenied,
        Kind::WrongAccount => Reason::WrongAccount,
        Kind::Throttled => Reason::Throttled,
        Kind::LimitExceeded => Reason::QuotaExceeded,
        Kind::Conflict | Kind::NotFound | Kind::AlreadyExists | Kind::PreconditionFailed | Kind::DeleteConflict => {
            Reason::WriteConflict
        }
        Kind::MalformedPolicy => Reason::MalformedPolicy,
        Kind::InvalidInput => Reason::InvalidSpec,
        Kind::IdpUnreachable | Kind::NoCredentials | Kind::Unavailable | Kind::NotAws => Reason::AwsUnavailable,
    }
}
