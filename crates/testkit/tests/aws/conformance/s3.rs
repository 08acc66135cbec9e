//! Rows for S3.

use super::{Ask, Row, Want, Who};

const DATA: &str = "data.s3.eu-central-1.amazonaws.com";
const NONE: &str = "nothing-here.s3.eu-central-1.amazonaws.com";
const CONTROL: &str = "123456789012.s3-control.eu-central-1.amazonaws.com";

const PUBLIC: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"read","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/k"}]}"#;
const PRIVATE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}]}"#;
const ELSEWHERE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/k"}]}"#;
const MAY_READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}]}"#;
const MAY_READ_AND_LIST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}]}"#;

const MINE: &[(&str, &str)] = &[("x-amz-expected-bucket-owner", "123456789012")];
const NOT_MINE: &[(&str, &str)] = &[("x-amz-expected-bucket-owner", "210987654321")];
const NEW_ONLY: &[(&str, &str)] = &[("if-none-match", "*")];
const STALE: &[(&str, &str)] = &[("if-match", "\"00000000000000000000000000000000\"")];
/// MD5 of `hello`.
const FRESH: &[(&str, &str)] = &[("if-match", "\"5d41402abc4b2a76b9719d911017c592\"")];

const STORE: Ask = Ask::s3("PUT", DATA, "/k").body("hello");
const READ: Ask = Ask::s3("GET", DATA, "/k");
const OPEN: Ask = Ask::s3("DELETE", DATA, "/?publicAccessBlock");
const PUBLISH: Ask = Ask::s3("PUT", DATA, "/?policy").body(PUBLIC);
const RESTRICT: Ask = Ask::s3("PUT", DATA, "/?publicAccessBlock").body("<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>");
const RESTRICT_ACCOUNT: Ask = Ask::s3("PUT", CONTROL, "/v20180820/configuration/publicAccessBlock")
    .headers(&[("x-amz-account-id", "123456789012")])
    .body("<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>");
const BLOCK_ACCOUNT: Ask = Ask::s3("PUT", CONTROL, "/v20180820/configuration/publicAccessBlock")
    .headers(&[("x-amz-account-id", "123456789012")])
    .body("<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>");
const REGION: &str = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";

macro_rules! row {
    ($what:expr, $source:expr, [$($before:expr),*], $ask:expr, $want:expr) => {
        Row { what: $what, source: $source, before: &[$($before),*], ask: $ask, want: $want }
    };
}

pub(crate) const ROWS: &[Row] = &[
    row!(
        "an object is stored and read",
        "[S3-model PutObject, GetObject]",
        [STORE],
        READ,
        Want::Ok(&["hello"])
    ),
    row!(
        "a missing object is missing for the owner",
        "[S3-model NoSuchKey]",
        [],
        READ,
        Want::Refused(404, "NoSuchKey", "The specified key does not exist.")
    ),
    row!(
        "a missing object is denied without ListBucket",
        "[S3-model GetObject permissions]",
        [],
        READ.by(Who::User(MAY_READ)),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "a missing object is missing with ListBucket",
        "[S3-model GetObject permissions]",
        [],
        READ.by(Who::User(MAY_READ_AND_LIST)),
        Want::Refused(404, "NoSuchKey", "")
    ),
    row!(
        "HEAD of a missing object has no body",
        "[S3-model HeadObject]",
        [],
        Ask::s3("HEAD", DATA, "/k"),
        Want::Refused(404, "", "")
    ),
    row!(
        "HEAD of a missing object is denied without ListBucket",
        "[S3-model HeadObject permissions]",
        [],
        Ask::s3("HEAD", DATA, "/k").by(Who::User(MAY_READ)),
        Want::Refused(403, "", "")
    ),
    row!(
        "a missing bucket",
        "[S3-model NoSuchBucket]",
        [],
        Ask::s3("GET", NONE, "/k"),
        Want::Refused(404, "NoSuchBucket", "The specified bucket does not exist")
    ),
    row!(
        "another account is denied",
        "[IAMUG-2023 reference_policies_evaluation-logic-cross-account]",
        [STORE],
        READ.by(Who::Stranger),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "If-None-Match stores a new object",
        "[S3-model PutObject IfNoneMatch]",
        [],
        STORE.headers(NEW_ONLY),
        Want::Ok(&[])
    ),
    row!(
        "If-None-Match keeps an old object",
        "[S3-model PutObject IfNoneMatch]",
        [STORE],
        STORE.headers(NEW_ONLY),
        Want::Refused(412, "PreconditionFailed", "")
    ),
    row!(
        "If-Match with the right ETag",
        "[S3-model PutObject IfMatch]",
        [STORE],
        STORE.headers(FRESH),
        Want::Ok(&[])
    ),
    row!(
        "If-Match with another ETag",
        "[S3-model PutObject IfMatch]",
        [STORE],
        STORE.headers(STALE),
        Want::Refused(412, "PreconditionFailed", "")
    ),
    row!(
        "If-Match on nothing",
        "[S3 conditional-writes: 404]",
        [],
        STORE.headers(FRESH),
        Want::Refused(404, "NoSuchKey", "")
    ),
    row!(
        "deleting what is not there",
        "[S3-model DeleteObject]",
        [],
        Ask::s3("DELETE", DATA, "/k"),
        Want::Ok(&[])
    ),
    row!(
        "the right expected owner",
        "[S3-model ExpectedBucketOwner]",
        [STORE],
        READ.headers(MINE),
        Want::Ok(&["hello"])
    ),
    row!(
        "the wrong expected owner on a read",
        "[S3-model ExpectedBucketOwner]",
        [STORE],
        READ.headers(NOT_MINE),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "the wrong expected owner on a write",
        "[S3-model ExpectedBucketOwner]",
        [],
        STORE.headers(NOT_MINE),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "a public ACL on a bucket without ACLs",
        "[S3-model PutObject ACL]",
        [],
        STORE.headers(&[("x-amz-acl", "public-read")]),
        Want::Refused(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
    ),
    row!(
        "a new bucket blocks a public policy",
        "[S3-model PutPublicAccessBlock BlockPublicPolicy]",
        [],
        PUBLISH,
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "a new bucket takes a policy that is not public",
        "[S3-model PutBucketPolicy]",
        [],
        Ask::s3("PUT", DATA, "/?policy").body(PRIVATE),
        Want::Ok(&[])
    ),
    row!(
        "without the block a public policy is taken",
        "[S3-model DeletePublicAccessBlock]",
        [OPEN],
        PUBLISH,
        Want::Ok(&[])
    ),
    row!(
        "the account's block refuses it too",
        "[S3-model PutPublicAccessBlock: most restrictive wins]",
        [OPEN, BLOCK_ACCOUNT],
        PUBLISH,
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "a public policy lets anybody read",
        "[S3-model PutBucketPolicy]",
        [STORE, OPEN, PUBLISH],
        READ.by(Who::Anonymous),
        Want::Ok(&["hello"])
    ),
    row!(
        "but only what it names",
        "[S3-model PutBucketPolicy]",
        [STORE, OPEN, PUBLISH],
        Ask::s3("GET", DATA, "/other").by(Who::Anonymous),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "and not to list",
        "[S3-model PutBucketPolicy]",
        [STORE, OPEN, PUBLISH],
        Ask::s3("GET", DATA, "/?list-type=2").by(Who::Anonymous),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "and not to write",
        "[S3-model PutBucketPolicy]",
        [STORE, OPEN, PUBLISH],
        STORE.by(Who::Anonymous),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "RestrictPublicBuckets of the bucket ends it",
        "[S3-model RestrictPublicBuckets]",
        [STORE, OPEN, PUBLISH, RESTRICT],
        READ.by(Who::Anonymous),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "RestrictPublicBuckets of the account ends it",
        "[S3-model RestrictPublicBuckets]",
        [STORE, OPEN, PUBLISH, RESTRICT_ACCOUNT],
        READ.by(Who::Anonymous),
        Want::Refused(403, "AccessDenied", "")
    ),
    row!(
        "the owner reads all the same",
        "[S3-model RestrictPublicBuckets]",
        [STORE, OPEN, PUBLISH, RESTRICT],
        READ,
        Want::Ok(&["hello"])
    ),
    row!(
        "a bucket without policy says so",
        "[S3 Error Responses NoSuchBucketPolicy]",
        [],
        Ask::s3("GET", DATA, "/?policy"),
        Want::Refused(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
    ),
    row!(
        "a policy for another bucket",
        "[S3 Error Responses MalformedPolicy]",
        [OPEN],
        Ask::s3("PUT", DATA, "/?policy").body(ELSEWHERE),
        Want::Refused(400, "MalformedPolicy", "")
    ),
    row!(
        "a policy that is no JSON",
        "[S3 Error Responses MalformedPolicy]",
        [OPEN],
        Ask::s3("PUT", DATA, "/?policy").body("hello"),
        Want::Refused(400, "MalformedPolicy", "")
    ),
    row!(
        "a policy that is public is called so",
        "[S3-model GetBucketPolicyStatus]",
        [OPEN, PUBLISH],
        Ask::s3("GET", DATA, "/?policyStatus"),
        Want::Ok(&["<IsPublic>true</IsPublic>"])
    ),
    row!(
        "a bucket without block says so",
        "[S3 Error Responses NoSuchPublicAccessBlockConfiguration]",
        [OPEN],
        Ask::s3("GET", DATA, "/?publicAccessBlock"),
        Want::Refused(404, "NoSuchPublicAccessBlockConfiguration", "")
    ),
    row!(
        "a bucket that is there is yours already",
        "[S3-model BucketAlreadyOwnedByYou]",
        [],
        Ask::s3("PUT", DATA, "/").body(REGION),
        Want::Refused(409, "BucketAlreadyOwnedByYou", "")
    ),
    row!(
        "or somebody else's",
        "[S3-model BucketAlreadyExists]",
        [],
        Ask::s3("PUT", DATA, "/").body(REGION).by(Who::Stranger),
        Want::Refused(409, "BucketAlreadyExists", "")
    ),
    row!(
        "a bucket's name has no capitals",
        "[S3 bucketnamingrules]",
        [],
        Ask::s3("PUT", "s3.eu-central-1.amazonaws.com", "/Acme").body(REGION),
        Want::Refused(400, "InvalidBucketName", "")
    ),
    row!(
        "a bucket with objects stays",
        "[S3 Error Responses BucketNotEmpty]",
        [STORE],
        Ask::s3("DELETE", DATA, "/"),
        Want::Refused(409, "BucketNotEmpty", "")
    ),
    row!(
        "an empty bucket goes",
        "[S3-model DeleteBucket]",
        [],
        Ask::s3("DELETE", DATA, "/"),
        Want::Ok(&[])
    ),
    row!(
        "a bucket asked for in another region redirects",
        "[S3 Error Responses PermanentRedirect]",
        [STORE],
        Ask::s3("GET", "data.s3.eu-west-1.amazonaws.com", "/k").by(Who::Anonymous),
        Want::Refused(301, "PermanentRedirect", "")
    ),
    row!(
        "a list of one says that there is more",
        "[S3-model ListObjectsV2 MaxKeys]",
        [STORE, Ask::s3("PUT", DATA, "/l")],
        Ask::s3("GET", DATA, "/?list-type=2&max-keys=1"),
        Want::Ok(&[
            "<Key>k</Key>",
            "<IsTruncated>true</IsTruncated>",
            "<NextContinuationToken>"
        ])
    ),
    row!(
        "a list by prefix",
        "[S3-model ListObjectsV2 Prefix]",
        [STORE, Ask::s3("PUT", DATA, "/l")],
        Ask::s3("GET", DATA, "/?list-type=2&prefix=l"),
        Want::Ok(&["<Key>l</Key>", "<KeyCount>1</KeyCount>"])
    ),
];
