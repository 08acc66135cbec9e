//! Signature Version 4, as the receiving side computes it.
//!
//! Source: AWS General Reference, "Create a signed AWS API request", and S3's "Signature Calculations for the
//! Authorization Header" [SIGV4]. The tests are AWS's published examples.

use hmac::{Hmac, Mac};
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Everything but `A-Z a-z 0-9 - . _ ~` is encoded [SIGV4].
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, and `/` stays.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// The scope of a signature: `<date>/<region>/<service>/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

/// The request as it is signed.
#[derive(Debug)]
pub(super) struct Signable<'a> {
    pub(super) method: &'a Method,
    pub(super) raw_path: &'a str,
    /// Decoded; `X-Amz-Signature` itself left out.
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a HeaderMap,
    pub(super) signed_headers: &'a [String],
    /// Hex SHA-256 of the body, or one of the words that stand for it.
    pub(super) payload: &'a str,
}

/// Lower-case hex of a SHA-256.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

/// S3 encodes the path once, every other service encodes the path as sent once more [SIGV4].
fn canonical_path(service: &str, raw: &str) -> String {
    if service == "s3" {
        utf8_percent_encode(&percent_decode_str(raw).decode_utf8_lossy(), PATH).to_string()
    } else {
        utf8_percent_encode(raw, PATH).to_string()
    }
}

fn canonical_query(query: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<(String, String)> = query.iter().map(|(key, value)| (encode(key), encode(value))).collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// Values trimmed, runs of spaces collapsed, several values joined by a comma [SIGV4].
fn canonical_header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    format!("{name}:{}\n", values.join(","))
}

/// The canonical request.
pub(super) fn canonical_request(service: &str, request: &Signable<'_>) -> String {
    let headers: String = request
        .signed_headers
        .iter()
        .map(|name| canonical_header(request.headers, name))
        .collect();
    [
        request.method.as_str(),
        &canonical_path(service, request.raw_path),
        &canonical_query(request.query),
        &headers,
        &request.signed_headers.join(";"),
        request.payload,
    ]
    .join("\n")
}

/// The signature over a canonical request, hex. `stamp` is `YYYYMMDDTHHMMSSZ`.
pub(super) fn signature(secret: &str, scope: &Scope, stamp: &str, canonical_request: &str) -> String {
    let Scope { date, region, service } = scope;
    let digest = sha256_hex(canonical_request.as_bytes());
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{date}/{region}/{service}/aws4_request\n{digest}");
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    hex(&hmac(&key, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    struct Example {
        method: Method,
        path: &'static str,
        query: &'static [(&'static str, &'static str)],
        headers: &'static [(&'static str, &'static str)],
        signed: &'static [&'static str],
        payload: &'static str,
        want: &'static str,
    }

    fn sign(service: &str, region: &str, date: &str, stamp: &str, secret: &str, example: &Example) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in example.headers {
            headers.append(*name, value.parse().unwrap());
        }
        let query: Vec<_> = example
            .query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let signed: Vec<_> = example.signed.iter().map(|name| (*name).to_owned()).collect();
        let request = Signable {
            method: &example.method,
            raw_path: example.path,
            query: &query,
            headers: &headers,
            signed_headers: &signed,
            payload: example.payload,
        };
        let scope = Scope {
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        };
        signature(secret, &scope, stamp, &canonical_request(service, &request))
    }

    #[test]
    fn s3_examples_of_the_signature_guide_come_out_as_published() {
        const HOST: (&str, &str) = ("host", "examplebucket.s3.amazonaws.com");
        const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");
        const NO_BODY: (&str, &str) = ("x-amz-content-sha256", EMPTY);
        const WELCOME: &str = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        assert_eq!(sha256_hex(b"Welcome to Amazon S3."), WELCOME);
        let plain = &["host", "x-amz-content-sha256", "x-amz-date"];
        for example in [
            Example {
                method: Method::GET,
                path: "/test.txt",
                query: &[],
                headers: &[HOST, ("range", "bytes=0-9"), NO_BODY, DATE],
                signed: &["host", "range", "x-amz-content-sha256", "x-amz-date"],
                payload: EMPTY,
                want: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            },
            Example {
                method: Method::PUT,
                path: "/test$file.text",
                query: &[],
                headers: &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    HOST,
                    ("x-amz-content-sha256", WELCOME),
                    DATE,
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                signed: &[
                    "date",
                    "host",
                    "x-amz-content-sha256",
                    "x-amz-date",
                    "x-amz-storage-class",
                ],
                payload: WELCOME,
                want: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            },
            Example {
                method: Method::GET,
                path: "/",
                query: &[("lifecycle", "")],
                headers: &[HOST, NO_BODY, DATE],
                signed: plain,
                payload: EMPTY,
                want: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            },
            Example {
                method: Method::GET,
                path: "/",
                query: &[("prefix", "J"), ("max-keys", "2")],
                headers: &[HOST, NO_BODY, DATE],
                signed: plain,
                payload: EMPTY,
                want: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            },
            // "Authenticating Requests: Using Query Parameters": the presigned GET of the same object.
            Example {
                method: Method::GET,
                path: "/test.txt",
                query: &[
                    ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                    (
                        "X-Amz-Credential",
                        "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
                    ),
                    ("X-Amz-Date", "20130524T000000Z"),
                    ("X-Amz-Expires", "86400"),
                    ("X-Amz-SignedHeaders", "host"),
                ],
                headers: &[HOST],
                signed: &["host"],
                payload: "UNSIGNED-PAYLOAD",
                want: "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            },
        ] {
            let found = sign("s3", "us-east-1", "20130524", "20130524T000000Z", SECRET, &example);
            assert_eq!(
                found, example.want,
                "{} {} {:?}",
                example.method, example.path, example.query
            );
        }
    }

    #[test]
    fn the_iam_example_of_the_general_reference_comes_out_as_published() {
        let example = Example {
            method: Method::GET,
            path: "/",
            query: &[("Action", "ListUsers"), ("Version", "2010-05-08")],
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            signed: &["content-type", "host", "x-amz-date"],
            payload: EMPTY,
            want: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let found = sign("iam", "us-east-1", "20150830", "20150830T123600Z", secret, &example);
        assert_eq!(found, example.want);
    }

    #[test]
    fn header_values_are_trimmed_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("my-header", "  a   b ".parse().unwrap());
        headers.append("my-header", "c".parse().unwrap());
        assert_eq!(canonical_header(&headers, "my-header"), "my-header:a b,c\n");
    }
}
