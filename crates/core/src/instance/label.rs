//! The mark of an instance on an object in S3, and the proof that one of this cluster's instances put it on these very bytes.
//!
//! Metadata of an object is no secret, and who may write the object may write any. So a mark counts only with a keyed digest
//! over mark and bytes. The key is in the record of the cluster: a copy has it, who can merely write to the bucket has not.
//! A mark begins with a number that grows with each new one, so one that was there before says nothing when it is put back.

use std::fmt::{self, Write as _};

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Length of a number in hexadecimal digits.
const NUMBER: usize = 8;
/// Length of a mark: a number, and 64 bits by which two of the same number differ.
const MARK: usize = NUMBER + 16;
/// Bytes of the digest that are kept.
const PROOF: usize = 16;

/// The key of the digests: 256 random bits in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Random bits, from whoever can get at some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// For a record that has none yet.
    pub secret: Secret,
    nonce: u64,
}

impl Fresh {
    /// Made of random bytes.
    pub fn new(secret: [u8; 32], nonce: [u8; 8]) -> Self {
        Self {
            secret: Secret(hex(&secret)),
            nonce: u64::from_be_bytes(nonce),
        }
    }

    /// A mark that comes after this one.
    pub(super) fn mark_after(&self, latest: &str) -> String {
        format!("{:08x}{:016x}", number(latest).saturating_add(1), self.nonce)
    }
}

impl Secret {
    /// What the object of a federation carries: `mark`, proven for `bytes`.
    pub(super) fn label(&self, federation: &str, mark: &str, bytes: &[u8]) -> String {
        let proof = self.digest(federation, mark, bytes).finalize().into_bytes();
        let proof = hex(proof.get(..PROOF).unwrap_or_default());
        format!("{mark}.{proof}")
    }

    /// The mark of a label that proves it for `bytes`.
    pub(super) fn read<'a>(&self, federation: &str, label: &'a str, bytes: &[u8]) -> Option<&'a str> {
        let (mark, proof) = label.rsplit_once('.')?;
        let proof: Option<Vec<u8>> = (0..PROOF)
            .map(|at| u8::from_str_radix(proof.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        let digest = self.digest(federation, mark, bytes);
        digest.verify_truncated_left(&proof?).ok().map(|()| mark)
    }

    fn digest(&self, federation: &str, mark: &str, bytes: &[u8]) -> Hmac<Sha256> {
        // A key of any length will do.
        let mut digest =
            Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).unwrap_or_else(|_| Hmac::new(&<_>::default()));
        // Neither a name nor a mark has a line break in it, and what ends the text has a fixed length.
        digest.update(format!("irsa-anywhere instance\n{federation}\n{mark}\n").as_bytes());
        digest.update(&Sha256::digest(bytes));
        digest
    }
}

/// Whether a mark was made after another one. One from before marks had numbers comes before all that have.
pub(super) fn is_after(mark: &str, other: &str) -> bool {
    rank(mark) > rank(other)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn rank(mark: &str) -> &str {
    if mark.len() == MARK { mark } else { "" }
}

fn number(mark: &str) -> u32 {
    let digits = rank(mark).get(..NUMBER).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_by_who_has_the_secret_and_for_its_bytes_alone() {
        let fresh = Fresh::new([1; 32], [2; 8]);
        let mark = fresh.mark_after("");
        let label = fresh.secret.label("c/default", &mark, b"keys");
        assert_eq!(fresh.secret.read("c/default", &label, b"keys"), Some(mark.as_str()));
        assert_eq!(fresh.secret.read("c/default", &label, b"other keys"), None);
        assert_eq!(fresh.secret.read("c/other", &label, b"keys"), None);
        assert_eq!(
            Fresh::new([3; 32], [2; 8]).secret.read("c/default", &label, b"keys"),
            None
        );
        for broken in ["", ".", &mark, &format!("{mark}."), &label[1..], "ä.ö"] {
            assert_eq!(fresh.secret.read("c/default", broken, b"keys"), None, "{broken}");
        }
        assert!(!format!("{fresh:?}").contains("0101"), "not in a log");
    }

    #[test]
    fn each_mark_comes_after_the_one_before_whatever_the_nonce() {
        let mut mark = "a mark from before".to_owned();
        for nonce in [9, 8, 255, 0, 1] {
            let next = Fresh::new([0; 32], [nonce; 8]).mark_after(&mark);
            assert!(is_after(&next, &mark) && !is_after(&mark, &next));
            mark = next;
        }
    }
}
