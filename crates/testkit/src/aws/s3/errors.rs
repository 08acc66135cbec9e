//! S3's refusals [S3-model; S3 API ErrorResponses].

use crate::aws::wire::AwsError;

fn with(status: u16, code: &str, message: &str, extra: &[(&str, &str)]) -> AwsError {
    let mut error = AwsError::new(status, code, message);
    error.extra = extra
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    error
}

pub(super) fn access_denied() -> AwsError {
    AwsError::new(403, "AccessDenied", "Access Denied")
}

pub(super) fn no_such_bucket(bucket: &str) -> AwsError {
    with(
        404,
        "NoSuchBucket",
        "The specified bucket does not exist",
        &[("BucketName", bucket)],
    )
}

pub(super) fn no_such_key(key: &str) -> AwsError {
    with(404, "NoSuchKey", "The specified key does not exist.", &[("Key", key)])
}

/// The request must be repeated at the bucket's own endpoint. The header is what SDKs follow.
pub(super) fn permanent_redirect(bucket: &str, region: &str, suffix: &str) -> AwsError {
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send \
                   all future requests to this endpoint.";
    let endpoint = format!("{bucket}.s3.{region}.{suffix}");
    let extra = [
        ("Endpoint", endpoint.as_str()),
        ("Bucket", bucket),
        ("x-amz-bucket-region", region),
    ];
    with(301, "PermanentRedirect", message, &extra)
}

pub(super) fn wrong_signing_region(signed: &str, wanted: &str) -> AwsError {
    let message =
        format!("The authorization header is malformed; the region '{signed}' is wrong; expecting '{wanted}'");
    let extra = [("Region", wanted), ("x-amz-bucket-region", wanted)];
    with(400, "AuthorizationHeaderMalformed", &message, &extra)
}

pub(super) fn precondition_failed(condition: &str) -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    with(412, "PreconditionFailed", message, &[("Condition", condition)])
}

pub(super) fn not_implemented(header: &str) -> AwsError {
    let message = "A header you provided implies functionality that is not implemented";
    with(501, "NotImplemented", message, &[("Header", header)])
}

pub(super) fn method_not_allowed(method: &str) -> AwsError {
    let message = "The specified method is not allowed against this resource.";
    with(405, "MethodNotAllowed", message, &[("Method", method)])
}

pub(super) fn malformed_xml() -> AwsError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    AwsError::new(400, "MalformedXML", message)
}

pub(super) fn invalid_argument(message: &str, name: &str, value: &str) -> AwsError {
    with(
        400,
        "InvalidArgument",
        message,
        &[("ArgumentName", name), ("ArgumentValue", value)],
    )
}

pub(super) fn invalid_bucket_name(bucket: &str) -> AwsError {
    with(
        400,
        "InvalidBucketName",
        "The specified bucket is not valid.",
        &[("BucketName", bucket)],
    )
}

pub(super) fn already_owned_by_you(bucket: &str) -> AwsError {
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    with(409, "BucketAlreadyOwnedByYou", message, &[("BucketName", bucket)])
}

pub(super) fn already_exists(bucket: &str) -> AwsError {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                   system. Please select a different name and try again.";
    with(409, "BucketAlreadyExists", message, &[("BucketName", bucket)])
}

pub(super) fn not_empty(bucket: &str) -> AwsError {
    with(
        409,
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty",
        &[("BucketName", bucket)],
    )
}

pub(super) fn acls_not_supported() -> AwsError {
    AwsError::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

/// A configuration that the bucket does not have.
pub(super) fn no_configuration(code: &str, message: &str, bucket: &str) -> AwsError {
    with(404, code, message, &[("BucketName", bucket)])
}

pub(super) fn no_public_access_block(name: &str, value: &str) -> AwsError {
    let message = "The public access block configuration was not found";
    with(404, "NoSuchPublicAccessBlockConfiguration", message, &[(name, value)])
}
