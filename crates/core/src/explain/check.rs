//! The checks by name, and what comes of them.

use std::fmt;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds, and how.
    Pass(String),
    /// It does not hold.
    Fail {
        /// What is wrong, in a sentence.
        problem: String,
        /// What to do about it, in a sentence.
        fix: String,
    },
    /// It could not be made, and why.
    Unknown(String),
}

impl CheckResult {
    /// It holds.
    pub fn pass(how: impl Into<String>) -> Self {
        Self::Pass(how.into())
    }

    /// It does not hold.
    pub fn fail(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Fail {
            problem: problem.into(),
            fix: fix.into(),
        }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    /// Whether it fails.
    pub fn is_fail(&self) -> bool {
        matches!(self, Self::Fail { .. })
    }

    /// Whether it passes.
    pub fn is_pass(&self) -> bool {
        matches!(self, Self::Pass(_))
    }
}

/// A check, and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// What it found.
    pub result: CheckResult,
}

/// All findings, in the order of [`Check::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation(Vec<Finding>);

impl Explanation {
    /// Of these, in their order.
    pub fn of(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self(findings.into_iter().collect())
    }

    /// The findings.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// Why the pod gets no credentials: the first check that fails and [stops](Check::stops) it.
    pub fn cause(&self) -> Option<&Finding> {
        self.failures().find(|finding| finding.check.stops())
    }

    /// Every check that fails, those that stop nothing too.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.result.is_fail())
    }

    /// Whether everything that could stop the pod was looked at, and is as it must be.
    pub fn is_proven(&self) -> bool {
        let mut stopping = self.0.iter().filter(|finding| finding.check.stops());
        stopping.all(|finding| finding.result.is_pass())
    }

    /// What a check found; `None` for one that was not made, because it is about a pod and there is none.
    pub fn result(&self, check: Check) -> Option<&CheckResult> {
        let found = self.0.iter().find(|finding| finding.check == check);
        found.map(|finding| &finding.result)
    }
}

/// Declares the checks in their order: name, identifier, whether it stops the pod, title, how it comes about that it fails.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $stops:literal, $title:literal, $origin:literal;)+) => {
        /// One thing that has to hold. The order is the one in which one thing follows from another: of several that fail the first is
        /// the cause.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[$doc])* $name,)+
        }

        impl Check {
            /// All of them, in their order.
            pub const ALL: [Self; [$($id),+].len()] = [$(Self::$name),+];

            /// How output and documentation call it: lower-case words with hyphens.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// Whether a pod gets no credentials, or those of somebody else, where it fails. The others are advice.
            pub const fn stops(self) -> bool {
                match self { $(Self::$name => $stops,)+ }
            }

            /// How it comes about that it fails, in a sentence or two.
            pub const fn origin(self) -> &'static str {
                match self { $(Self::$name => $origin,)+ }
            }

            /// What has to hold, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

checks! {
    /// Pods are injected when they are created, never later.
    PodInjected = "pod-injected", true,
        "The pod was given role and token",
        "Injection happens when a pod is created: one that is older than its binding, has the opt-out label, is in a \
         namespace that is left out, or was created while the webhook could not be reached stays without.";
    /// Sidecars need none, most of the time.
    ContainersLeftOut = "containers-left-out", false,
        "No container went without a role",
        "A sidecar that was added after injection, a container that mounts something of its own where the token belongs, or one that \
         sets one of the two variables itself.";
    /// SDKs ask several places in turn, and a web identity is rarely the first.
    OwnCredentials = "own-credentials", true,
        "No other credentials come first in the containers",
        "A Secret with static keys from before the migration, or a named profile. SDKs take the first source that has \
         something.";
    /// What `AWS_ROLE_ARN` says.
    PodRole = "pod-role", true,
        "The containers ask for the binding's role",
        "A container's own AWS_ROLE_ARN wins over injection, often one of another cluster or of a chart's values; or the \
         binding's role is another one since.";
    /// What `AWS_WEB_IDENTITY_TOKEN_FILE` leads to.
    TokenFile = "token-file", true,
        "The token file is mounted, and has the binding's audience",
        "A container sets AWS_WEB_IDENTITY_TOKEN_FILE itself, to the API server's own token for example, or mounts the token by subPath.";
    /// Half of the clients that were tried find no region outside AWS.
    PodRegion = "pod-region", false,
        "The containers have a region",
        "Outside AWS no instance metadata tells a region. Some clients then fail before they ask for credentials, three \
         of thirty send requests without a signature.";
    /// STS takes 2 to 64 characters.
    SessionName = "session-name", true,
        "STS takes the session's name",
        "AWS_ROLE_SESSION_NAME with a slash or a colon in it, or longer than 64 characters.";
    /// A token begins when the API server's clock says so, and AWS's clock judges that.
    ClockAhead = "clock-ahead", true,
        "The API server's clock is not ahead of AWS's",
        "A control plane without NTP. AWS forgives five minutes.";
    /// A token ends when the API server's clock says so.
    ClockBehind = "clock-behind", false,
        "The API server's clock is not behind AWS's",
        "A control plane without NTP. A token of a day loses that much of its life; one of ten minutes may have none left.";
    /// `--service-account-issuer`.
    ApiServerIssuer = "api-server-issuer", true,
        "The API servers sign as the federation's issuer",
        "The flag was never set, was set on one of several API servers, or differs by a slash.";
    /// `--api-audiences`.
    ApiAudiences = "api-audiences", false,
        "The API servers do not take tokens for AWS for their own",
        "A guide for EKS-like set-ups told to add the audience for AWS to the flag. No token needs it there.";
    /// Three parts of base64url, the first two JSON.
    TokenShape = "token-shape", true,
        "The token is one that STS can read",
        "Something else than the token is in the file or in the variable: an error page, a path, a token with a line \
         break behind it.";
    /// What STS wants to find.
    TokenClaims = "token-claims", true,
        "The token has all claims that STS wants",
        "A token from a Secret of type kubernetes.io/service-account-token: it has neither audience nor end.";
    /// `exp` and `nbf`, with five minutes of leeway.
    TokenTimes = "token-times", true,
        "The token has begun and is not over",
        "A process that read the token once and never again, or a clock that is off.";
    /// A token for AWS cannot be taken back.
    TokenLifetime = "token-lifetime", false,
        "The token lives no longer than a day",
        "The API server makes default tokens live a year where their audience is one of its own.";
    /// `iss`, byte for byte.
    TokenIssuer = "token-issuer", true,
        "The token is of the federation's issuer",
        "A token from before the API servers changed their issuer, or of another cluster.";
    /// `sub`.
    TokenSubject = "token-subject", true,
        "The token is of the binding's ServiceAccount",
        "The pod runs as another ServiceAccount than the one that is bound, often default.";
    /// `aud`: exactly one, or `azp`.
    TokenAudience = "token-audience", true,
        "The token has the binding's audience, and no other",
        "The volume asks for another audience, or for two.";
    /// By its ARN, in the role's account.
    ProviderRegistered = "provider-registered", true,
        "IAM has the identity provider",
        "Somebody deleted the provider, it was made in another account, or the federation is not ready.";
    /// Byte for byte.
    ProviderIssuer = "provider-issuer", true,
        "The identity provider is of the federation's issuer",
        "The provider was made by hand, with a slash or letters that differ.";
    /// The provider's client IDs.
    ClientId = "client-id", true,
        "The identity provider takes the audience",
        "An audience was added to the API servers or to the binding, and not to the federation; or somebody removed it in IAM.";
    /// As anybody on the Internet.
    DiscoveryReadable = "discovery-readable", true,
        "Anybody can read the discovery document",
        "Block Public Access of the bucket, the account or the organisation; a deleted object; a firewall; a private \
         certificate.";
    /// STS gives up after five seconds.
    DiscoveryInTime = "discovery-in-time", true,
        "The discovery document comes in time",
        "A cold CDN, or a host far away. STS gives up after five seconds.";
    /// The members without which STS finds no key.
    DiscoveryComplete = "discovery-complete", true,
        "The discovery document has all that STS reads",
        "The document is a copy of the API server's own, whose jwks_uri is an address of the cluster's, or was made by hand.";
    /// Byte for byte.
    DiscoveryIssuer = "discovery-issuer", true,
        "The discovery document names the federation's issuer",
        "A copy of the API server's document from before its issuer was changed.";
    /// As anybody on the Internet.
    KeysReadable = "keys-readable", true,
        "Anybody can read the keys",
        "As for the discovery document.";
    /// STS gives up after five seconds.
    KeysInTime = "keys-in-time", true,
        "The keys come in time",
        "As for the discovery document.";
    /// At least one, at most a hundred of a kind.
    KeysValid = "keys-valid", true,
        "The keys are a set that AWS reads",
        "An empty or broken upload, or keys of twenty years.";
    /// By their `kid`.
    ServedKeysPublished = "served-keys-published", false,
        "Every key of the API servers is published",
        "A key that was changed a moment ago, or a set that somebody overwrote. Tokens of a key that is not published are refused.";
    /// What type the answers say they are. STS does not look.
    ContentType = "content-type", false,
        "Both documents are served as JSON",
        "The object was uploaded by hand. STS does not look at it; other verifiers do.";
    /// By the token's `kid`.
    KeyPublished = "key-published", true,
        "The key that signed the token is published",
        "The signing key was changed and the new one is not published yet; or the set was overwritten; or the token is of \
         another cluster.";
    /// RSA and EC with SHA-2 alone, and as the key says.
    Algorithm = "algorithm", true,
        "The token's algorithm is one that AWS takes",
        "An Ed25519 or ML-DSA key, which AWS does not take, or two keys with one kid.";
    /// With the published key.
    Signature = "signature", true,
        "The published key signed the token",
        "Two clusters with one kid, a published key that is not the API servers', or a token that was changed.";
    /// Partition and account are the provider's.
    RoleArn = "role-arn", true,
        "The role's ARN is of the provider's account and partition",
        "An ARN that was cut or made by hand, or a role in an account in which the issuer is not registered.";
    /// By its name.
    RoleExists = "role-exists", true,
        "IAM has the role",
        "Somebody deleted the role, or the pod asks for the one of another binding. AWS answers as to a token that is \
         kept out.";
    /// The role's own limit.
    SessionDuration = "session-duration", true,
        "The session is no longer than the role allows",
        "The client asks for more than role.maxSessionDuration allows.";
    /// A statement with this `Federated` principal.
    TrustProvider = "trust-provider", true,
        "The trust policy names the identity provider",
        "The trust policy is of another cluster, or of the issuer before it was changed.";
    /// `aud` of the trust policy.
    TrustAudience = "trust-audience", true,
        "The trust policy lets the audience in",
        "The binding's audience was changed, or the role is somebody else's and pins another.";
    /// `sub` of the trust policy.
    TrustSubject = "trust-subject", true,
        "The trust policy lets the ServiceAccount in",
        "The trust policy names other ServiceAccounts: edited by hand, or of a role that is somebody else's.";
    /// Denials and conditions beside `aud` and `sub`.
    TrustConditions = "trust-conditions", true,
        "Nothing else in the trust policy keeps the token out",
        "A Deny of an incident, another condition, or another action.";
    /// Whom else it lets in.
    TrustNarrow = "trust-narrow", false,
        "The trust policy lets in nobody but whom it names",
        "A trust policy without a condition on sub or on aud, or with a pattern for sub. Pods get credentials, and so do others.";
    /// What the role may do at all.
    Permissions = "permissions", false,
        "The role has a policy",
        "The role can be assumed, and everything it is used for is refused.";
}

impl Check {
    /// Whether it is about the issuer alone, and so of every pod: no role, no token and no pod is needed for it.
    pub const fn is_of_issuer(self) -> bool {
        matches!(
            self,
            Self::ClockAhead
                | Self::ClockBehind
                | Self::ApiServerIssuer
                | Self::ProviderRegistered
                | Self::ProviderIssuer
                | Self::ClientId
                | Self::DiscoveryReadable
                | Self::DiscoveryInTime
                | Self::DiscoveryComplete
                | Self::DiscoveryIssuer
                | Self::KeysReadable
                | Self::KeysInTime
                | Self::KeysValid
                | Self::ServedKeysPublished
                | Self::ContentType
        )
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
