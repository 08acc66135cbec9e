//! Anonymous reads over HTTPS: what anybody on the Internet sees under a URL.

/// A document as the public gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicDocument {
    /// The content; never longer than [`Document::MAX_BYTES`](super::Document::MAX_BYTES).
    pub bytes: Vec<u8>,
    /// The entity tag, quotes included.
    pub etag: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Date`: what time it was where it comes from when it was made.
    pub date: Option<String>,
    /// `Age`: for how many seconds a cache has had it.
    pub age: Option<String>,
}

/// What an anonymous read brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicRead {
    /// 200.
    Document(PublicDocument),
    /// 304: still what had the entity tag that was given.
    NotModified,
}

/// Why the public cannot read a document. Messages are free of anything that changes from call to call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicReadError {
    /// Answered, but not with the document: 403 when the bucket is closed or the key is missing.
    #[error("HTTP status {0}")]
    Status(u16),
    /// S3 has it under a key of KMS and hands it out to nobody who does not sign.
    #[error("HTTP status 400, because the object is encrypted with a KMS key, which nobody can use without signing")]
    KmsEncrypted,
    /// AWS does not say whether it follows redirects when it fetches keys, so neither do we.
    #[error("HTTP status {status} redirects to another place, which is refused")]
    Redirected {
        /// 3xx.
        status: u16,
    },
    /// A `Content-Encoding`, which we never set: some verifiers would read something else than the bytes.
    #[error("the answer has the content encoding {0}")]
    Encoded(String),
    /// More than any set of keys could need.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// No answer in time.
    #[error("no answer within {0} seconds")]
    TimedOut(u64),
    /// No connection, or none that TLS accepts.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// Not an `https://` URL.
    #[error("not an https URL")]
    NotHttps,
}

/// Anonymous HTTPS reads, over the same proxy and trust anchors as the calls to AWS.
pub trait PublicReader: Send + Sync + Clone + 'static {
    /// GETs a URL without credentials. Redirects are not followed.
    fn read(
        &self,
        url: &str,
        if_none_match: Option<&str>,
    ) -> impl Future<Output = Result<PublicRead, PublicReadError>> + Send;
}
