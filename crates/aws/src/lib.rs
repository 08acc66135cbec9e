//! What irsa-anywhere asks of AWS, and how it gets it. No SDK type leaves this crate.
//!
//! - [`ports`]: small traits in our own words (documents in S3, OIDC providers and roles in IAM, the caller in STS, the
//!   public's view of a URL). Controllers are generic over them.
//! - [`SdkConnect`]: the ports over the AWS SDK, the one way in.
//! - [`limiter`] and [`attempts`]: how fast we call, and how often we did.
//! - [`gate`]: whether this process may write, asked for each attempt.
//! - [`error`]: the one classifier from AWS's error codes to what we do about them.

pub mod attempts;
pub mod error;
pub mod gate;
pub mod limiter;
pub mod ports;
mod sanitize;
mod sdk;

pub use attempts::{AttemptResult, Attempts, Operation};
pub use error::{AwsError, Kind};
pub use gate::WriteGate;
pub use limiter::{AccountLimiters, Admitted, Limiter, Limiters, Load, Priority, Rate};
pub use ports::{
    AssumedRole, Aws, AwsTags, Bucket, Caller, CallerIdentity, Connect, Connection, DetailedRole, Document,
    DocumentStore, IdentityProviders, ListedRole, Lookup, NewDocument, NewOidcProvider, NewRole, ObjectRef,
    OidcProvider, PolicySimulator, Precondition, PublicAccessBlock, PublicDocument, PublicRead, PublicReadError,
    PublicReader, Role, RoleListings, RoleToAssume, Roles, TemporaryCredentials, WebIdentity, WebIdentityRequest,
};
pub use sdk::{
    NoAnswer, Proxy, SdkAws, SdkConnect, SdkPublicReader, SdkWebIdentity, Settings, SettingsError, StaticCredentials,
    Timeouts, Wire,
};
