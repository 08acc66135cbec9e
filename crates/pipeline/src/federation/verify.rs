//! The two documents as anybody gets them.

use futures::future::join;
use irsa_api::{BucketAccess, PublishedDocument, PublishedDocuments};
use irsa_aws::{CallerIdentity, DocumentStore, PublicAccessBlock, PublicRead, PublicReadError, PublicReader};
use irsa_core::{
    digest::sha256_hex,
    documents,
    history::KnownKey,
    issuer::IssuerUrl,
    plan::federation::{DesiredFederation, DocumentKind},
    published::{is_known, revoked_kids},
    vocabulary::{ConditionType, Reason},
};

use super::keys::named;
use crate::{
    spec::{location::Location, target::S3Target},
    step_error::StepError,
};

/// A document as the public last got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicCopy {
    /// Where.
    pub url: String,
    /// What.
    pub bytes: Vec<u8>,
    /// Its entity tag, if it had one.
    pub etag: Option<String>,
}

/// What is so when both are as they must be.
pub fn public_in_words() -> String {
    "Anybody can read both documents, byte for byte.".to_owned()
}

/// Whether the public still gets what it got; nothing but two conditional requests.
pub async fn is_unchanged<P: PublicReader>(public: &P, served: &[PublicCopy; 2]) -> bool {
    let same = async |one: &PublicCopy| match public.read(&one.url, one.etag.as_deref()).await {
        Ok(PublicRead::NotModified) => true,
        Ok(PublicRead::Document(document)) => document.bytes == one.bytes,
        Err(_) => false,
    };
    let [one, other] = served;
    let (one, other) = join(same(one), same(other)).await;
    one && other
}

/// What is compared with.
pub struct Expected<'a> {
    /// Where everything is.
    pub location: &'a Location,
    /// The bucket.
    pub target: &'a S3Target,
    /// What must be there.
    pub desired: &'a DesiredFederation,
    /// The cluster's keys.
    pub known: &'a [KnownKey],
    /// Whether something that decides about it was changed a moment ago.
    pub fresh: bool,
}

impl Expected<'_> {
    /// Reads both documents anonymously and compares them byte for byte.
    ///
    /// # Errors
    /// What is in the way, as far as it can be known.
    pub async fn check<P: PublicReader>(
        &self,
        public: &P,
        aws: &(impl DocumentStore + CallerIdentity),
    ) -> Result<[PublicCopy; 2], StepError> {
        let (discovery, jwks) = join(
            self.read(public, DocumentKind::Discovery),
            self.read(public, DocumentKind::Jwks),
        )
        .await;
        match (discovery, jwks) {
            (Ok(discovery), Ok(jwks)) => Ok([discovery, jwks]),
            (Err((url, trouble)), _) | (_, Err((url, trouble))) => {
                let closed = matches!(&trouble, Trouble::Read(PublicReadError::Status(401 | 403 | 404)));
                let block = if closed && self.target.spec.access == BucketAccess::BucketPolicy {
                    aws.public_access_block(&self.target.bucket(aws.caller()))
                        .await
                        .ok()
                        .flatten()
                } else {
                    None
                };
                Err(step_error(&url, &trouble, self.fresh, &remedy(self.target, block)))
            }
        }
    }

    async fn read<P: PublicReader>(&self, public: &P, kind: DocumentKind) -> Result<PublicCopy, (String, Trouble)> {
        let url = match kind {
            DocumentKind::Discovery => self.location.issuer.discovery_url(),
            DocumentKind::Jwks => self.location.issuer.jwks_url(),
        };
        let validated = self.desired.document(kind).map(|document| &document.bytes);
        match public.read(&url, None).await {
            Ok(PublicRead::Document(document)) if Some(&document.bytes) == validated => Ok(PublicCopy {
                url,
                bytes: document.bytes,
                etag: document.etag,
            }),
            Ok(PublicRead::Document(document)) => {
                let judged = Judged {
                    kind,
                    bytes: &document.bytes,
                    instead: "while the bucket has the right ones",
                };
                let trouble = judged.trouble(&self.location.issuer, Some(self.known), document.content_type);
                Err((url, trouble))
            }
            Ok(PublicRead::NotModified) => Err((url, Trouble::Older)),
            Err(error) => Err((url, Trouble::Read(error))),
        }
    }
}

/// What was published last, by its digests: for a pass that ended before it knew what must be there now.
pub struct LastPublished<'a> {
    /// Where everything is.
    pub location: &'a Location,
    /// The bucket.
    pub target: &'a S3Target,
    /// What was published.
    pub published: &'a PublishedDocuments,
    /// The cluster's keys, where they are known.
    pub known: Option<&'a [KnownKey]>,
}

impl LastPublished<'_> {
    /// Reads both documents anonymously.
    ///
    /// # Errors
    /// What is in the way, as far as it can be known without AWS.
    pub async fn check<P: PublicReader>(&self, public: &P) -> Result<(), StepError> {
        let PublishedDocuments { discovery, jwks } = self.published;
        let (discovery, jwks) = join(
            self.read(public, DocumentKind::Discovery, discovery),
            self.read(public, DocumentKind::Jwks, jwks),
        )
        .await;
        discovery.and(jwks)
    }

    async fn read<P: PublicReader>(
        &self,
        public: &P,
        kind: DocumentKind,
        published: &PublishedDocument,
    ) -> Result<(), StepError> {
        let url = &published.url;
        let trouble = match public.read(url, None).await {
            Ok(PublicRead::Document(document)) if sha256_hex(&document.bytes) == published.sha256 => return Ok(()),
            Ok(PublicRead::Document(document)) => {
                let judged = Judged {
                    kind,
                    bytes: &document.bytes,
                    instead: "and not what was published last",
                };
                judged.trouble(&self.location.issuer, self.known, document.content_type)
            }
            Ok(PublicRead::NotModified) => Trouble::Older,
            Err(error) => Trouble::Read(error),
        };
        Err(step_error(url, &trouble, false, &remedy(self.target, None)))
    }
}

/// Something that anybody gets and that is not, byte for byte, what it must be.
struct Judged<'a> {
    kind: DocumentKind,
    bytes: &'a [u8],
    /// What it stands in the place of.
    instead: &'static str,
}

impl Judged<'_> {
    fn trouble(&self, issuer: &IssuerUrl, known: Option<&[KnownKey]>, content_type: Option<String>) -> Trouble {
        let Self { kind, bytes, instead } = *self;
        let revoked = known.map(|known| revoked_kids(bytes, known)).unwrap_or_default();
        match (kind, known) {
            (DocumentKind::Discovery, _) if documents::leads_to(bytes, issuer) => Trouble::Older,
            (DocumentKind::Jwks, Some(known)) if is_known(bytes, known) => Trouble::Older,
            (DocumentKind::Jwks, _) if !revoked.is_empty() => Trouble::Revoked(revoked, instead),
            // Nobody can verify a token by it.
            _ if documents::is_markup(bytes) => Trouble::NoDocument(content_type),
            (DocumentKind::Jwks, None) => Trouble::Unjudged,
            _ => Trouble::Foreign(kind, instead),
        }
    }
}

fn step_error(url: &str, trouble: &Trouble, fresh: bool, remedy: &str) -> StepError {
    let (reason, message) = match trouble {
        Trouble::Older => (
            Reason::Propagating,
            format!("{url} still shows another version, as a cache in front of the bucket may for a while."),
        ),
        Trouble::NoDocument(content_type) => (
            Reason::AwsUnavailable,
            format!(
                "{url} was answered here with a page instead of a document ({}): check the proxies on the way, and what is in \
                 front of the bucket.",
                content_type.as_deref().unwrap_or("without a content type")
            ),
        ),
        Trouble::Unjudged => (
            Reason::Propagating,
            format!("{url} shows something else than what was published last, and the cluster's keys are not known."),
        ),
        Trouble::Revoked(kids, instead) => {
            let kids: Vec<&str> = kids.iter().map(String::as_str).collect();
            (
                Reason::PublicAccessBlocked,
                format!(
                    "{url} still serves keys that spec.signingKeys.revoke lists: {}, {instead}. Until it does not, whoever has them \
                     could get AWS credentials of every bound ServiceAccount: purge the cache in front of the bucket.",
                    named(&kids)
                ),
            )
        }
        Trouble::Foreign(kind, instead) => {
            let what = match kind {
                DocumentKind::Jwks => "keys that are not this cluster's",
                DocumentKind::Discovery => "a discovery document that names another issuer or other keys",
            };
            (
                Reason::PublicAccessBlocked,
                format!(
                    "{url} serves {what}, {instead}. Whoever serves that address could get \
                     AWS credentials of every bound ServiceAccount: find out who it is."
                ),
            )
        }
        Trouble::Read(error) if is_network(error) => (
            Reason::AwsUnavailable,
            format!("{url} could not be read from here: {error}; check the proxies on the way."),
        ),
        Trouble::Read(error @ PublicReadError::KmsEncrypted) => {
            (Reason::PublicAccessBlocked, format!("{url} {}", kms_encrypted(error)))
        }
        Trouble::Read(error) if fresh => (
            Reason::Propagating,
            format!("{url} cannot be read by everybody yet: {error}."),
        ),
        Trouble::Read(error) => (
            Reason::PublicAccessBlocked,
            format!("{url} cannot be read by everybody: {error}. {remedy}"),
        ),
    };
    StepError::new(ConditionType::PubliclyReadable, reason, message)
}

/// Who could open the documents, and how.
fn remedy(target: &S3Target, block: Option<PublicAccessBlock>) -> String {
    let known = match (target.spec.access, block) {
        (BucketAccess::Unmanaged, _) => {
            return format!(
                "spec.publish.s3.access is Unmanaged: whoever serves the issuer must let everybody GET it; where that is the \
                 bucket itself, by this statement in its policy: {}.",
                target.statement().to_json()
            );
        }
        (BucketAccess::BucketPolicy, Some(block)) if block.restrict_public_buckets => {
            "The bucket's Block Public Access has RestrictPublicBuckets on; switch it off on this bucket."
        }
        (BucketAccess::BucketPolicy, Some(_)) => {
            "The bucket's own Block Public Access allows it; the account's or the organisation's, which the operator does not \
             read, or another statement of the bucket's policy may refuse it."
        }
        (BucketAccess::BucketPolicy, None) => {
            "The bucket's Block Public Access is not set or could not be read; check it, the account's and the organisation's."
        }
    };
    known.to_owned()
}

/// What to do about a document that nobody can read without a key of KMS, STS included.
pub fn kms_encrypted(error: &PublicReadError) -> String {
    format!(
        "cannot be read by everybody: {error}. AWS STS does not sign either: whoever stores it must have S3 encrypt it with \
         its own keys (x-amz-server-side-encryption: AES256) and write it again."
    )
}

enum Trouble {
    /// What we published once, or something just as good.
    Older,
    /// Something else, of which nothing more is known.
    Unjudged,
    /// What we published before these keys were revoked.
    Revoked(Vec<String>, &'static str),
    /// Something that lets others in.
    Foreign(DocumentKind, &'static str),
    /// A page that says nothing to anybody who verifies tokens, with its content type.
    NoDocument(Option<String>),
    Read(PublicReadError),
}

/// Whether it was the way to the document, and not the document.
pub const fn is_network(error: &PublicReadError) -> bool {
    match error {
        // S3 hides with these; with any other status somebody else answers in its place.
        PublicReadError::Status(status) => !matches!(status, 401 | 403 | 404 | 410),
        PublicReadError::TimedOut(_) | PublicReadError::Unreachable(_) => true,
        PublicReadError::Redirected { .. }
        | PublicReadError::KmsEncrypted
        | PublicReadError::TooLarge(_)
        | PublicReadError::Encoded(_)
        | PublicReadError::NotHttps => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_refuses_is_told_from_what_the_way_there_does() {
        for status in [400, 407, 500, 502] {
            assert!(is_network(&PublicReadError::Status(status)), "{status}");
        }
        assert!(is_network(&PublicReadError::TimedOut(10)));
        for status in [401, 403, 404, 410] {
            assert!(!is_network(&PublicReadError::Status(status)), "{status}");
        }
        assert!(!is_network(&PublicReadError::KmsEncrypted));
    }
}
