//! Rows for what happens before a service sees a call.

use super::{Ask, Body, Row, Want, Who};

const DATA: &str = "data.s3.eu-central-1.amazonaws.com";
const WHO_AM_I: Ask = Ask::sts(&[("Action", "GetCallerIdentity")]);

pub(crate) const ROWS: &[Row] = &[
    Row {
        what: "IAM wants a signature",
        source: "[IAM-model common errors]",
        before: &[],
        ask: Ask::iam(&[("Action", "ListRoles")]).by(Who::Anonymous),
        want: Want::Refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
    },
    Row {
        what: "STS wants a signature for GetCallerIdentity",
        source: "[IAM-model common errors]",
        before: &[],
        ask: WHO_AM_I.by(Who::Anonymous),
        want: Want::Refused(403, "MissingAuthenticationToken", ""),
    },
    Row {
        what: "STS wants a signature for AssumeRole",
        source: "[STS-model AssumeRole]",
        before: &[],
        ask: Ask::sts(&[("Action", "AssumeRole"), ("RoleArn", "arn:aws:iam::123456789012:role/x"), ("RoleSessionName", "s1")])
            .by(Who::Anonymous),
        want: Want::Refused(403, "MissingAuthenticationToken", ""),
    },
    Row {
        what: "an anonymous read without a bucket policy is denied",
        source: "[S3-model GetObject]",
        before: &[],
        ask: Ask::s3("GET", DATA, "/k").by(Who::Anonymous),
        want: Want::Refused(403, "AccessDenied", ""),
    },
    Row {
        what: "a signature of half a header is incomplete",
        source: "[VGW iamerr/errors.go]",
        before: &[],
        ask: Ask {
            headers: &[("authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/iam/aws4_request"), ("x-amz-date", "20260101T000000Z")],
            body: Body::Text("Action=ListRoles&Version=2010-05-08"),
            ..Ask::iam(&[]).by(Who::Anonymous)
        },
        want: Want::Refused(400, "IncompleteSignature", "Authorization header requires 'SignedHeaders' parameter."),
    },
    Row {
        what: "an AWS signature needs a date",
        source: "[VGW iamerr/errors.go IncompleteSignatureMissingDate]",
        before: &[],
        ask: Ask {
            headers: &[("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=0")],
            body: Body::Text("Action=ListRoles&Version=2010-05-08"),
            ..Ask::iam(&[]).by(Who::Anonymous)
        },
        want: Want::Refused(400, "IncompleteSignature", "X-Amz-Date"),
    },
    Row {
        what: "a presigned S3 URL needs all its parameters",
        source: "[S3 Error Responses AuthorizationQueryParametersError]",
        before: &[],
        ask: Ask::s3("GET", DATA, "/k?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256").by(Who::Anonymous),
        want: Want::Refused(400, "AuthorizationQueryParametersError", "X-Amz-Credential"),
    },
    Row {
        what: "a presigned S3 URL lives at most seven days",
        source: "[SIGV4 query parameters, X-Amz-Expires]",
        before: &[],
        ask: Ask::s3(
            "GET",
            DATA,
            "/k?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20260101%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Date=20260101T000000Z&X-Amz-Expires=604801",
        )
        .by(Who::Anonymous),
        want: Want::Refused(400, "AuthorizationQueryParametersError", ""),
    },
    Row {
        what: "S3 takes no Signature Version 2",
        source: "[S3 Error Responses InvalidArgument Unsupported Authorization Type]",
        before: &[],
        ask: Ask::s3("GET", DATA, "/k")
            .by(Who::Anonymous)
            .headers(&[("authorization", "AWS AKIA:c2ln"), ("x-amz-date", "20260101T000000Z")]),
        want: Want::Refused(400, "InvalidArgument", "Unsupported Authorization Type"),
    },
    Row {
        what: "a body with its MD5 is stored",
        source: "[S3-model PutObject ContentMD5]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k").headers(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).body("hello"),
        want: Want::Ok(&[]),
    },
    Row {
        what: "a body with another MD5 is refused",
        source: "[S3 Error Responses BadDigest]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k").headers(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).body("jello"),
        want: Want::Refused(400, "BadDigest", "The Content-MD5 you specified did not match what we received."),
    },
    Row {
        what: "something that is no MD5 is refused",
        source: "[S3 Error Responses InvalidDigest]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k").headers(&[("content-md5", "hello")]).body("hello"),
        want: Want::Refused(400, "InvalidDigest", "The Content-MD5 you specified was invalid."),
    },
    Row {
        what: "a body with its CRC32 is stored",
        source: "[S3-model PutObject ChecksumCRC32]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k").headers(&[("x-amz-checksum-crc32", "NhCmhg==")]).body("hello"),
        want: Want::Ok(&[]),
    },
    Row {
        what: "a body with another CRC32 is refused",
        source: "[S3-model PutObject ChecksumCRC32]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k").headers(&[("x-amz-checksum-crc32", "NhCmhg==")]).body("jello"),
        want: Want::Refused(400, "BadDigest", "CRC32"),
    },
    Row {
        what: "two checksums at once are refused",
        source: "[S3 Error Responses InvalidRequest]",
        before: &[],
        ask: Ask::s3("PUT", DATA, "/k")
            .headers(&[("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")])
            .body("hello"),
        want: Want::Refused(400, "InvalidRequest", "Expecting a single x-amz-checksum- header"),
    },
];
