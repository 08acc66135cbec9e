//! Checksums that S3 verifies and keeps [S3-model PutObject.ChecksumCRC32 and its kin; S3UG checking-object-integrity].

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::aws::wire::{AwsError, Call};

const PREFIX: &str = "x-amz-checksum-";

/// Verifies what the request claims and returns the checksum headers to keep. A checksum that travelled as a trailer
/// of an `aws-chunked` body is computed again; without any, S3 computes CRC64NVME itself.
pub(super) fn verify(call: &Call) -> Result<Vec<(String, String)>, AwsError> {
    check_content_md5(call)?;
    let mut kept = Vec::new();
    for algorithm in ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] {
        let name = format!("{PREFIX}{algorithm}");
        let trailer = call.header("x-amz-trailer").is_some_and(|trailers| {
            trailers
                .split(',')
                .any(|trailer| trailer.trim().eq_ignore_ascii_case(&name))
        });
        let computed = compute(algorithm, &call.body);
        match (call.header(&name), computed) {
            (Some(claimed), Some(computed)) if claimed != computed => {
                let message = format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.to_ascii_uppercase()
                );
                return Err(AwsError::new(400, "BadDigest", message));
            }
            // SHA-1 is kept as claimed: nothing here computes it.
            (Some(claimed), _) => kept.push((name, claimed.to_owned())),
            (None, Some(computed)) if trailer => kept.push((name, computed)),
            _ => {}
        }
    }
    if kept.is_empty() {
        kept.extend(compute("crc64nvme", &call.body).map(|value| (format!("{PREFIX}crc64nvme"), value)));
    }
    Ok(kept)
}

fn check_content_md5(call: &Call) -> Result<(), AwsError> {
    let Some(claimed) = call.header("content-md5") else {
        return Ok(());
    };
    match STANDARD.decode(claimed) {
        Ok(digest) if digest.len() != 16 => {}
        Ok(digest) if Md5::digest(&call.body).iter().eq(digest.iter()) => return Ok(()),
        Ok(_) => {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(AwsError::new(400, "BadDigest", message));
        }
        Err(_) => {}
    }
    Err(AwsError::new(
        400,
        "InvalidDigest",
        "The Content-MD5 you specified was invalid.",
    ))
}

fn compute(algorithm: &str, body: &[u8]) -> Option<String> {
    let bytes = match algorithm {
        "crc32" => crc(body, 0xEDB8_8320, u64::from(u32::MAX))
            .to_be_bytes()
            .get(4..)?
            .to_vec(),
        "crc32c" => crc(body, 0x82F6_3B78, u64::from(u32::MAX))
            .to_be_bytes()
            .get(4..)?
            .to_vec(),
        "crc64nvme" => crc(body, 0x9A6C_9329_AC4B_C9B5, u64::MAX).to_be_bytes().to_vec(),
        "sha256" => Sha256::digest(body).to_vec(),
        _ => return None,
    };
    Some(STANDARD.encode(bytes))
}

/// A reflected CRC, bit by bit: documents here are small.
fn crc(body: &[u8], polynomial: u64, ones: u64) -> u64 {
    let mut state = ones;
    for byte in body {
        state ^= u64::from(*byte);
        for _ in 0..8 {
            state = if state & 1 == 1 {
                (state >> 1) ^ polynomial
            } else {
                state >> 1
            };
        }
    }
    state ^ ones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_have_their_published_check_values() {
        let of = |algorithm: &str| {
            let text = compute(algorithm, b"123456789").expect("known");
            STANDARD
                .decode(text)
                .expect("base64")
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        assert_eq!(of("crc32"), "cbf43926");
        assert_eq!(of("crc32c"), "e3069283");
        assert_eq!(of("crc64nvme"), "ae8b14860a799888");
        assert!(of("sha256").starts_with("15e2b0d3c33891eb"));
    }
}
