//! [`AwsError`], and the one classification of AWS's error codes by what we do about them.

/// What kind of refusal or failure it was. Closed: every code of S3, IAM and STS falls into one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The thing (or one that the call names) does not exist.
    NotFound,
    /// The thing exists already.
    AlreadyExists,
    /// Our credentials may not do it.
    AccessDenied,
    /// We ask too often.
    Throttled,
    /// A quota of the account is used up.
    LimitExceeded,
    /// A policy document is not one.
    MalformedPolicy,
    /// A parameter has a value that AWS does not take.
    InvalidInput,
    /// Somebody else changes the same thing at this moment; trying again later helps.
    Conflict,
    /// A conditional write found something else than it expected.
    PreconditionFailed,
    /// Something is still attached to what should be deleted.
    DeleteConflict,
    /// The credentials belong to another account than the one that is allowed.
    WrongAccount,
    /// IAM or STS could not reach the issuer.
    IdpUnreachable,
    /// There are no credentials, or they have expired.
    NoCredentials,
    /// AWS could not be reached, took too long, or failed.
    Unavailable,
    /// Something answered, and what it said is no answer of AWS's: a proxy, a portal, or a wrong `AWS_ENDPOINT_URL`.
    NotAws,
}

impl Kind {
    /// The kind of an error code as it stands on the wire, with the HTTP status for codes that nobody has listed. For an
    /// answer without any code see [`Self::without_code`].
    ///
    /// Codes: the service models of IAM, STS and S3; AWS's common errors. `LimitExceeded` is IAM's quota code and no
    /// throttling, unlike the `LimitExceededException` of other services.
    pub fn of(code: &str, http_status: u16) -> Self {
        match code {
            "NoSuchEntity"
            | "NoSuchEntityException"
            | "NoSuchKey"
            | "NoSuchBucket"
            | "NoSuchBucketPolicy"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NotFound" => Self::NotFound,
            "EntityAlreadyExists"
            | "EntityAlreadyExistsException"
            | "BucketAlreadyExists"
            | "BucketAlreadyOwnedByYou" => Self::AlreadyExists,
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "AllAccessDisabled"
            | "RegionDisabledException" => Self::AccessDenied,
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "SlowDown"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded" => Self::Throttled,
            "LimitExceeded" | "LimitExceededException" | "TooManyBuckets" | "PackedPolicyTooLarge" => {
                Self::LimitExceeded
            }
            "MalformedPolicyDocument" | "MalformedPolicyDocumentException" | "MalformedPolicy" => Self::MalformedPolicy,
            "InvalidInput"
            | "InvalidInputException"
            | "ValidationError"
            | "ValidationException"
            | "InvalidParameterValue"
            | "InvalidArgument"
            | "InvalidBucketName"
            | "InvalidRequest"
            | "MissingParameter"
            | "PolicyNotAttachable"
            | "PolicyNotAttachableException"
            | "UnmodifiableEntity"
            | "UnmodifiableEntityException"
            | "AccessControlListNotSupported"
            | "EntityTooLarge" => Self::InvalidInput,
            "ConcurrentModification"
            | "ConcurrentModificationException"
            | "EntityTemporarilyUnmodifiable"
            | "EntityTemporarilyUnmodifiableException"
            | "ConditionalRequestConflict"
            | "OperationAborted" => Self::Conflict,
            "PreconditionFailed" => Self::PreconditionFailed,
            "DeleteConflict" | "DeleteConflictException" | "BucketNotEmpty" => Self::DeleteConflict,
            "OpenIdIdpCommunicationError"
            | "OpenIdIdpCommunicationErrorException"
            | "IDPCommunicationError"
            | "IDPCommunicationErrorException" => Self::IdpUnreachable,
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "MissingAuthenticationToken"
            | "InvalidToken"
            | "AuthFailure"
            | "RequestExpired"
            | "RequestTimeTooSkewed" => Self::NoCredentials,
            _ => Self::of_status(http_status),
        }
    }

    /// The kind of a refusal that has none of AWS's codes. All three services put one into each refusal, but what stands
    /// before them need not: a load balancer that is full or failing.
    pub const fn without_code(http_status: u16) -> Self {
        match http_status {
            429 => Self::Throttled,
            500.. => Self::Unavailable,
            _ => Self::NotAws,
        }
    }

    const fn of_status(http_status: u16) -> Self {
        match http_status {
            401 | 403 => Self::AccessDenied,
            409 => Self::Conflict,
            412 => Self::PreconditionFailed,
            429 => Self::Throttled,
            400 | 405 | 411 | 413 | 414 => Self::InvalidInput,
            _ => Self::Unavailable,
        }
    }
}

/// A call that AWS refused or that did not come through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on {resource}: {code}{}", describe(.message))]
pub struct AwsError {
    /// The call as an IAM action (`iam:CreateRole`), which is what a policy must allow.
    pub operation: &'static str,
    /// What it was about: an ARN, or a name where there is no ARN yet.
    pub resource: String,
    /// AWS's code, or a word of ours where there was no answer (`Timeout`).
    pub code: String,
    /// AWS's message without request ids, so that it is the same the next time.
    pub message: String,
    /// What kind it is.
    pub kind: Kind,
}

impl AwsError {
    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

fn describe(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_three_services_has_its_kind() {
        let rows: &[(&str, u16, Kind)] = &[
            ("InvalidInput", 400, Kind::InvalidInput),
            ("EntityAlreadyExists", 409, Kind::AlreadyExists),
            ("LimitExceeded", 409, Kind::LimitExceeded),
            ("ConcurrentModification", 409, Kind::Conflict),
            ("EntityTemporarilyUnmodifiable", 409, Kind::Conflict),
            ("DeleteConflict", 409, Kind::DeleteConflict),
            ("MalformedPolicyDocument", 400, Kind::MalformedPolicy),
            ("NoSuchEntity", 404, Kind::NotFound),
            // A proxy's or a portal's answer says nothing about what AWS has.
            ("", 404, Kind::Unavailable),
            ("Not Found", 404, Kind::Unavailable),
            ("PolicyNotAttachable", 400, Kind::InvalidInput),
            ("UnmodifiableEntity", 400, Kind::InvalidInput),
            ("ServiceFailure", 500, Kind::Unavailable),
            ("OpenIdIdpCommunicationError", 400, Kind::IdpUnreachable),
            ("Throttling", 400, Kind::Throttled),
            ("IDPCommunicationError", 400, Kind::IdpUnreachable),
            ("ExpiredTokenException", 400, Kind::NoCredentials),
            ("RegionDisabledException", 403, Kind::AccessDenied),
            ("PackedPolicyTooLarge", 400, Kind::LimitExceeded),
            ("AccessDenied", 403, Kind::AccessDenied),
            ("PreconditionFailed", 412, Kind::PreconditionFailed),
            ("ConditionalRequestConflict", 409, Kind::Conflict),
            ("NoSuchKey", 404, Kind::NotFound),
            ("NoSuchBucketPolicy", 404, Kind::NotFound),
            ("MalformedPolicy", 400, Kind::MalformedPolicy),
            ("AccessControlListNotSupported", 400, Kind::InvalidInput),
            ("SlowDown", 503, Kind::Throttled),
            ("SomethingNew", 503, Kind::Unavailable),
            ("SomethingNew", 403, Kind::AccessDenied),
            ("SomethingNew", 400, Kind::InvalidInput),
        ];
        for (code, status, kind) in rows {
            assert_eq!(Kind::of(code, *status), *kind, "{code}");
        }
    }

    #[test]
    fn an_error_reads_as_one_sentence() {
        let error = AwsError {
            operation: "iam:CreateRole",
            resource: "arn:aws:iam::123456789012:role/x".into(),
            code: "AccessDenied".into(),
            message: "not authorized.".into(),
            kind: Kind::AccessDenied,
        };
        assert_eq!(
            error.to_string(),
            "iam:CreateRole on arn:aws:iam::123456789012:role/x: AccessDenied (not authorized)"
        );
    }
}
