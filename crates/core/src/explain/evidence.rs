//! What is known of a pod's way to its credentials. Whoever gathers it decides nothing.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use crate::{
    issuer::IssuerUrl,
    jwks::KeySet,
    trust::{Audience, NonEmptySet, Subject},
};

/// Something that was looked at, or why it could not be.
pub type Fact<T> = Result<T, Unseen>;

/// Why something is not known: a sentence without its full stop, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen(pub String);

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Unseen {
    /// Because of this.
    pub fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// All that is known, as of one moment.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What the federation and the binding say.
    pub expected: Expectation,
    /// What time it is, and where.
    pub clocks: Clocks,
    /// What the API servers serve.
    pub api_servers: Fact<ApiServerFacts>,
    /// What anybody gets at the issuer's `/.well-known/openid-configuration`.
    pub discovery: Fact<Fetched>,
    /// What anybody gets at the `jwks_uri` of that document.
    pub jwks: Fact<Fetched>,
    /// The IAM OIDC provider of the expected ARN; `None`: there is none.
    pub provider: Fact<Option<ProviderFacts>>,
    /// The role of the expected ARN; `None`: there is none.
    pub role: Fact<Option<RoleFacts>>,
    /// The token that is shown to STS.
    pub token: Fact<SecretToken>,
    /// What is asked of STS with it.
    pub request: Request,
    /// The pod; `None` where no pod is looked at.
    pub pod: Option<PodFacts>,
}

/// A token as compact JWS. `Debug` does not show it, and no message has it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    /// This one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

/// What the objects say should be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The federation's `spec.issuer`.
    pub issuer: IssuerUrl,
    /// ARN of its IAM OIDC provider.
    pub provider_arn: String,
    /// ARN of the binding's role.
    pub role_arn: String,
    /// Whose token it is.
    pub subject: Subject,
    /// The audiences of the binding.
    pub audiences: NonEmptySet<Audience>,
    /// Which of them the token is for.
    pub audience: Audience,
}

/// What time it is by each clock that matters, read at one moment.
#[derive(Debug, Clone)]
pub struct Clocks {
    /// By AWS: the `Date` of its answers.
    pub aws: Fact<Timestamp>,
    /// By the API server that signs: the `Date` of its answers.
    pub api_server: Fact<Timestamp>,
}

/// What the API servers serve.
#[derive(Debug, Clone)]
pub struct ApiServerFacts {
    /// `issuer` of their discovery document: how they sign.
    pub issuer: String,
    /// Their keys.
    pub keys: KeySet,
    /// Whether one of them takes the expected audience for its own (`--api-audiences`).
    pub shares_audience: Fact<bool>,
}

/// An anonymous GET of a document.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where it was looked for.
    pub url: String,
    /// The content, and what type the answer says it has.
    pub outcome: Result<(Vec<u8>, Option<String>), FetchFailure>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Why nobody gets a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFailure {
    /// This HTTP status.
    Status(u16),
    /// A redirect, by its status.
    Redirected(u16),
    /// Encrypted by a KMS key, so that S3 hands it out to nobody who does not sign.
    KmsEncrypted,
    /// No connection, or none that TLS accepts: why.
    Unreachable(String),
    /// Too long, encoded, or not what an answer looks like: why.
    Unreadable(String),
    /// No answer in this many seconds.
    TimedOut(u64),
}

/// An IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFacts {
    /// Its URL as IAM reads it back: without `https://`.
    pub url: String,
    /// Its client IDs.
    pub client_ids: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFacts {
    /// Its ARN.
    pub arn: String,
    /// Its trust policy as IAM returns it.
    pub trust: String,
    /// Its longest session, in seconds.
    pub max_session_seconds: u32,
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Names of its policies, attached and inline.
    pub policies: Fact<Vec<String>>,
}

/// The parameters of `AssumeRoleWithWebIdentity`, as the pod's SDK takes them from its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `RoleArn`.
    pub role_arn: String,
    /// `RoleSessionName`; `None`: one that the SDK makes up, which is always good.
    pub session_name: Fact<Option<String>>,
    /// `DurationSeconds`; `None`: AWS's default of one hour.
    pub duration_seconds: Option<u32>,
}

/// A pod as it is, or as a new one would be.
#[derive(Debug, Clone)]
pub struct PodFacts {
    /// When it was created; `None` for one that is not there yet.
    pub created: Option<Timestamp>,
    /// What keeps injection away from it.
    pub left_out: Fact<Option<LeftOut>>,
    /// The role that the ServiceAccount gives its pods.
    pub account_role: Fact<Option<String>>,
    /// When the operator last changed what the ServiceAccount gives its pods, as far as the API server tells.
    pub account_changed: Option<Timestamp>,
    /// What injects pods in this cluster, in words; `Ok(Err(…))` is why nothing does.
    pub carrier: Fact<Result<String, String>>,
    /// Its containers, init containers too.
    pub containers: Vec<ContainerFacts>,
}

/// What keeps injection away from a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Its own label, the AWS webhook's.
    PodLabel,
    /// The label of its namespace.
    NamespaceLabel,
}

/// What a container has of an identity.
#[derive(Debug, Clone, Default)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// Whether the pod's annotation keeps injection away from it.
    pub skipped: bool,
    /// Those of its variables that an SDK of AWS reads. Of what may be secret only that it is there.
    pub variables: BTreeMap<String, Variable>,
    /// The prefixes of what more it takes from ConfigMaps and Secrets (`envFrom`).
    pub env_from: Vec<String>,
    /// Files with tokens of its ServiceAccount that are mounted in it, by their path, with slashes and without a drive.
    pub token_files: BTreeMap<String, TokenFile>,
}

/// A file with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile {
    /// Whom the token is for.
    pub audience: String,
    /// Whether the kubelet can renew it: not what is mounted by `subPath`.
    pub renewed: bool,
}

/// The value of a container's variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// This text.
    Value(String),
    /// Something that is not empty and is not told.
    Hidden,
    /// Whatever a Secret, a ConfigMap, a field or another variable holds.
    Elsewhere,
}
