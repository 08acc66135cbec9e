//! Connections, and the identity of the caller (STS): who we are in AWS, and how to become somebody else.

use super::{DocumentStore, IdentityProviders, PublicReader, RoleListings, Roles, WebIdentity};
use crate::error::AwsError;

/// An AWS identity, as STS's `GetCallerIdentity` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// For example `arn:aws:sts::123456789012:assumed-role/irsa-anywhere/irsa-anywhere`.
    pub arn: String,
    /// The second element of the ARN: `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

/// The identity behind a connection.
pub trait CallerIdentity: Send + Sync {
    /// Who we are: found out when the connection was made and not asked again here.
    fn caller(&self) -> &Caller;
}

/// Everything that we ask of one AWS account.
///
/// **Guarantee.** Whoever holds a value has passed the connection's account guard.
pub trait Aws:
    DocumentStore + IdentityProviders + Roles + RoleListings + WebIdentity + CallerIdentity + Clone + 'static
{
}

impl<T> Aws for T where
    T: DocumentStore + IdentityProviders + Roles + RoleListings + WebIdentity + CallerIdentity + Clone + 'static
{
}

/// How a federation reaches its account: `spec.aws`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Region of STS, and of everything that does not name its own.
    pub region: String,
    /// The only account that may be reached, when given.
    pub account_id: Option<String>,
    /// The role to assume first, when the account is another one.
    pub assume_role: Option<RoleToAssume>,
}

/// A role to assume before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleToAssume {
    /// ARN of the role.
    pub arn: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
}

/// Makes connections.
pub trait Connect: Send + Sync + 'static {
    /// What a connection can do.
    type Aws: Aws;
    /// The public's view, over the same proxy and trust anchors.
    type Public: PublicReader;

    /// A connection for these settings: made once per distinct [`Connection`] and then shared, credentials included.
    ///
    /// # Errors
    /// [`Kind::WrongAccount`](crate::Kind::WrongAccount) when the credentials belong to another account than
    /// `account_id`, or to one outside the operator's `--allowed-accounts`, before anything else is called; otherwise
    /// why the identity could not be found out (no credentials, `AssumeRole` refused, STS unreachable).
    fn connect(&self, connection: &Connection) -> impl Future<Output = Result<Self::Aws, AwsError>> + Send;

    /// The reader of public documents.
    fn public(&self) -> Self::Public;
}
