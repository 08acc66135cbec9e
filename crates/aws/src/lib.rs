//! What irsa-anywhere asks of AWS, and how it gets it. No SDK type leaves this crate.
//!
//! - [`ports`]: small traits in our own words (documents in S3, OIDC providers and roles in IAM, the caller in STS, the
//!   public's view of a URL). Controllers are generic over them.
//! - The adapters over the AWS SDK come next; the ports are what the controllers are written against.
//! - [`error`]: the one classifier from AWS's error codes to what we do about them.

pub mod error;
pub mod ports;

pub use error::{AwsError, Kind};
pub use ports::{
    AssumeRole, Aws, Bucket, Caller, CallerIdentity, Connect, Connection, Document, DocumentStore, IdentityProviders,
    Lookup, NewDocument, NewOidcProvider, NewRole, ObjectRef, OidcProvider, Precondition, PublicAccessBlock,
    PublicDocument, PublicRead, PublicReadError, PublicReader, Role, RoleSummary, Roles, Tags,
};
