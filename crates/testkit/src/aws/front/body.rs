//! Decoding of request bodies: `aws-chunked` undone, checksums verified.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::aws::wire::AwsError;

/// Undoes `aws-chunked` where the headers say so: the chunks become the body, the trailers become headers, and
/// `aws-chunked` leaves `Content-Encoding`, which S3 does not store [S3 "Signature Calculations: Transfer Payload in
/// Multiple Chunks"].
pub(super) fn decode(headers: &mut HeaderMap, body: Bytes) -> Result<Bytes, AwsError> {
    let streaming = text(headers, "x-amz-content-sha256").is_some_and(|word| word.starts_with("STREAMING-"));
    let encodings: Vec<String> = text(headers, "content-encoding")
        .map(|list| list.split(',').map(|part| part.trim().to_owned()).collect())
        .unwrap_or_default();
    let chunked = encodings.iter().any(|encoding| encoding == "aws-chunked");
    if !streaming && !chunked {
        return Ok(body);
    }
    let (decoded, trailers) = chunks(&body)?;
    let expected = text(headers, "x-amz-decoded-content-length").and_then(|length| length.parse::<usize>().ok());
    if expected.is_some_and(|length| length != decoded.len()) {
        return Err(incomplete());
    }
    let announced: Vec<String> = text(headers, "x-amz-trailer")
        .map(|list| list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect())
        .unwrap_or_default();
    for name in &announced {
        if !trailers.iter().any(|(sent, _)| sent == name) {
            return Err(AwsError::new(400, "MalformedTrailerError", MALFORMED_TRAILER));
        }
    }
    for (name, value) in trailers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return Err(AwsError::new(400, "MalformedTrailerError", MALFORMED_TRAILER));
        };
        headers.insert(name, value);
    }
    let kept: Vec<String> = encodings
        .into_iter()
        .filter(|encoding| encoding != "aws-chunked")
        .collect();
    match HeaderValue::try_from(kept.join(",")) {
        Ok(value) if !kept.is_empty() => headers.insert(header::CONTENT_ENCODING, value),
        _ => headers.remove(header::CONTENT_ENCODING),
    };
    Ok(Bytes::from(decoded))
}

const MALFORMED_TRAILER: &str =
    "The request contained trailing data that was not well-formed or did not conform to our published schema.";

fn incomplete() -> AwsError {
    AwsError::new(400, "IncompleteBody", "The request body terminated unexpectedly")
}

type Trailers = Vec<(String, String)>;

fn chunks(body: &[u8]) -> Result<(Vec<u8>, Trailers), AwsError> {
    let mut decoded = Vec::new();
    let mut rest = body;
    loop {
        let (line, after) = line(rest).ok_or_else(incomplete)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| incomplete())?;
        if size == 0 {
            rest = after;
            break;
        }
        let chunk = after.get(..size).ok_or_else(incomplete)?;
        decoded.extend_from_slice(chunk);
        rest = after
            .get(size..)
            .and_then(|rest| rest.strip_prefix(b"\r\n"))
            .ok_or_else(incomplete)?;
    }
    let mut trailers = Trailers::new();
    while let Some((line, after)) = line(rest) {
        rest = after;
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Ok((decoded, trailers))
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 2..)?))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The checksum headers that S3 knows, and how each is computed [S3-model ChecksumAlgorithm].
type Checksum = (&'static str, &'static str, fn(&[u8]) -> Vec<u8>);
const CHECKSUMS: &[Checksum] = &[
    ("x-amz-checksum-crc32", "CRC32", |body| crc(body, 0xEDB8_8320, 32)),
    ("x-amz-checksum-crc32c", "CRC32C", |body| crc(body, 0x82F6_3B78, 32)),
    ("x-amz-checksum-crc64nvme", "CRC64NVME", |body| {
        crc(body, 0x9A6C_9329_AC4B_C9B5, 64)
    }),
    ("x-amz-checksum-sha1", "SHA1", |body| {
        use sha1::Digest as _;
        sha1::Sha1::digest(body).to_vec()
    }),
    ("x-amz-checksum-sha256", "SHA256", |body| Sha256::digest(body).to_vec()),
];

/// A reflected CRC of 32 or 64 bits, all ones before and after, big-endian.
fn crc(body: &[u8], polynomial: u64, bits: u32) -> Vec<u8> {
    let ones = u64::MAX >> (64 - bits);
    let sum = body.iter().fold(ones, |sum, byte| {
        (0..8).fold(sum ^ u64::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { polynomial } else { 0 }
        })
    });
    let bytes = (sum ^ ones).to_be_bytes();
    bytes.iter().skip(8 - bits as usize / 8).copied().collect()
}

/// Compares the checksums that the client sent with the body [S3-model PutObject Checksum*, S3 Error Responses].
pub(super) fn verify(headers: &HeaderMap, body: &[u8]) -> Result<(), AwsError> {
    let sent: Vec<_> = CHECKSUMS
        .iter()
        .filter_map(|sum| Some((sum, text(headers, sum.0)?)))
        .collect();
    if sent.len() > 1 {
        return Err(AwsError::new(
            400,
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    for ((header, name, compute), value) in sent {
        let computed = compute(body);
        let decoded = STANDARD
            .decode(value)
            .ok()
            .filter(|bytes| bytes.len() == computed.len());
        let Some(decoded) = decoded else {
            return Err(AwsError::new(
                400,
                "InvalidRequest",
                format!("Value for {header} header is invalid."),
            ));
        };
        if decoded != computed {
            let message = format!("The {name} you specified did not match the calculated checksum.");
            return Err(AwsError::new(400, "BadDigest", message));
        }
    }
    if let Some(value) = text(headers, "content-md5") {
        let decoded = STANDARD.decode(value).ok().filter(|bytes| bytes.len() == 16);
        let Some(decoded) = decoded else {
            return Err(AwsError::new(
                400,
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
            ));
        };
        if decoded[..] != Md5::digest(body)[..] {
            return Err(AwsError::new(
                400,
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn crcs_have_the_check_values_of_the_catalogue() {
        let check = b"123456789";
        assert_eq!(crc(check, 0xEDB8_8320, 32), 0xCBF4_3926_u32.to_be_bytes());
        assert_eq!(crc(check, 0x82F6_3B78, 32), 0xE306_9283_u32.to_be_bytes());
        assert_eq!(
            crc(check, 0x9A6C_9329_AC4B_C9B5, 64),
            0xAE8B_1486_0A79_9888_u64.to_be_bytes()
        );
    }

    #[test]
    fn chunks_are_joined_and_trailers_become_headers() {
        let mut headers = headers(&[
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "gzip, aws-chunked"),
            ("x-amz-decoded-content-length", "9"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ]);
        let body = Bytes::from_static(b"4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n");
        let decoded = decode(&mut headers, body).unwrap();
        assert_eq!(decoded, "123456789");
        assert_eq!(text(&headers, "content-encoding"), Some("gzip"));
        assert_eq!(verify(&headers, &decoded), Ok(()));
        assert_eq!(verify(&headers, b"12345678x").unwrap_err().code, "BadDigest");
    }

    #[test]
    fn broken_chunking_is_refused() {
        let streaming = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("x-amz-decoded-content-length", "4"),
        ];
        for (body, code) in [
            ("4\r\n123", "IncompleteBody"),
            ("4\r\n1234\r\n", "IncompleteBody"),
            ("zz\r\n", "IncompleteBody"),
            ("3\r\n123\r\n0\r\n\r\n", "IncompleteBody"),
        ] {
            let found = decode(&mut headers(&streaming), Bytes::from(body));
            assert_eq!(found.unwrap_err().code, code, "{body:?}");
        }
        let mut announced = headers(&streaming);
        announced.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
        let found = decode(&mut announced, Bytes::from_static(b"4\r\n1234\r\n0\r\n\r\n"));
        assert_eq!(found.unwrap_err().code, "MalformedTrailerError");
    }

    #[test]
    fn a_wrong_or_malformed_digest_is_refused() {
        for (name, value, code) in [
            ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
            ("content-md5", "x", "InvalidDigest"),
            ("x-amz-checksum-sha1", "x", "InvalidRequest"),
            (
                "x-amz-checksum-sha256",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "BadDigest",
            ),
        ] {
            assert_eq!(
                verify(&headers(&[(name, value)]), b"body").unwrap_err().code,
                code,
                "{name} {value}"
            );
        }
    }
}
