//! Condition types and reasons, with the class that decides what a reason does to an object's conditions.

use std::fmt;

/// Condition types. `Ready` is always present; `Reconciling` and `Stalled` only while true (kstatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The object is what its spec asks for.
    Ready,
    /// Work goes on; present only while true.
    Reconciling,
    /// The spec must change; present only while true.
    Stalled,
    /// Federation: the API servers sign as `spec.issuer`.
    IssuerMatched,
    /// Federation: every API server's keys were read and are usable.
    KeysObserved,
    /// Federation: both documents are in the bucket as rendered.
    Published,
    /// Federation: anybody can read both documents, byte for byte.
    PubliclyReadable,
    /// Federation: the IAM OIDC provider exists with our audiences and tags.
    ProviderRegistered,
    /// Federation: all roles of its bindings are compared in full in each interval.
    RolesInventoried,
    /// Federation: no API server takes a token for AWS as one for itself, nor hands one out that AWS would take.
    AudiencesSeparate,
    /// Federation: something gives pods of bound ServiceAccounts their variables and token.
    InjectionActive,
    /// Binding: the federation it refers to can be used.
    FederationReady,
    /// Binding: the federation's guard-rails allow what it asks for.
    Admitted,
    /// Binding: the role, its trust, tags and boundary are as asked for.
    RoleSynced,
    /// Binding: managed and inline policies are as asked for.
    PoliciesSynced,
    /// Binding: its ServiceAccounts carry our annotations.
    ServiceAccountsSynced,
    /// Binding: STS itself lets its ServiceAccounts in, and nobody else.
    Verified,
}

impl ConditionType {
    /// The string that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::IssuerMatched => "IssuerMatched",
            Self::KeysObserved => "KeysObserved",
            Self::Published => "Published",
            Self::PubliclyReadable => "PubliclyReadable",
            Self::ProviderRegistered => "ProviderRegistered",
            Self::RolesInventoried => "RolesInventoried",
            Self::AudiencesSeparate => "AudiencesSeparate",
            Self::InjectionActive => "InjectionActive",
            Self::FederationReady => "FederationReady",
            Self::Admitted => "Admitted",
            Self::RoleSynced => "RoleSynced",
            Self::PoliciesSynced => "PoliciesSynced",
            Self::ServiceAccountsSynced => "ServiceAccountsSynced",
            Self::Verified => "Verified",
        }
    }

    /// Whether another controller finds it out, in its own time: what it said last counts until it says something else.
    pub const fn is_found_elsewhere(self) -> bool {
        matches!(self, Self::RolesInventoried)
    }

    /// The aspects of an `OidcFederation`, in the order in which its steps run.
    pub const FEDERATION_ASPECTS: [Self; 8] = [
        Self::IssuerMatched,
        Self::KeysObserved,
        Self::Published,
        Self::PubliclyReadable,
        Self::ProviderRegistered,
        Self::RolesInventoried,
        Self::AudiencesSeparate,
        Self::InjectionActive,
    ];

    /// The aspects of an `OidcFederation` that say nothing about AWS: `Ready` does not depend on them.
    pub const ADVISORY_ASPECTS: [Self; 3] = [Self::RolesInventoried, Self::AudiencesSeparate, Self::InjectionActive];

    /// The event that warns when this condition turns to False, for those that have one of their own.
    pub const fn lost(self) -> Option<EventReason> {
        match self {
            Self::AudiencesSeparate => Some(EventReason::ApiAudienceShared),
            Self::InjectionActive => Some(EventReason::InjectionMissing),
            _ => None,
        }
    }

    /// The aspects of an `IamRoleBinding`, in the order in which its steps run.
    pub const BINDING_ASPECTS: [Self; 6] = [
        Self::FederationReady,
        Self::Admitted,
        Self::RoleSynced,
        Self::PoliciesSynced,
        Self::ServiceAccountsSynced,
        Self::Verified,
    ];
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a reason asks for, and so what it does to the conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// This object's spec must change; nothing else can help. Ready=False, Stalled=True.
    Stalled,
    /// Something outside the object must happen. Ready=False, Reconciling=True.
    Wait,
    /// Work goes on as it should. Ready=Unknown until the first success, then unchanged; Reconciling=True.
    Settling,
    /// We could not find out or could not act. Before the first success Ready=False; after it Ready is about the
    /// world, not about us: unchanged until the last good check is too old, then Unknown.
    Retry,
    /// Nothing left to do. Ready=True.
    Done,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $class:ident,)+) => {
        /// Why a condition has its status: the closed list that alerts and runbooks may rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)+ }

        impl Reason {
            /// Every reason, for tests and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The `PascalCase` string that users see.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The reason that users see as this; `None` for one of another release's.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
            }

            /// What this reason does to the conditions.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }
        }
    };
}

reasons! {
    /// A field has a value that the API server's schema could not refuse but that cannot work.
    InvalidSpec => Stalled,
    /// The credentials belong to another AWS account than `spec.aws.accountId`.
    WrongAccount => Stalled,
    /// The bucket belongs to another AWS account.
    BucketNotOurs => Stalled,
    /// A statement under our Sid, or an object under our key, was written by somebody else.
    BucketShared => Stalled,
    /// An IAM OIDC provider for the issuer exists and does not carry our tags.
    ForeignProvider => Stalled,
    /// A role of the wanted name exists and does not carry our tags.
    ForeignRole => Stalled,
    /// An older binding wants the same role.
    RoleNameTaken => Stalled,
    /// An older binding has the same ServiceAccount.
    ServiceAccountTaken => Stalled,
    /// The rendered trust policy is over the account's quota.
    TrustPolicyTooLarge => Stalled,
    /// A managed policy is not in the federation's `allowedManagedPolicies`.
    PolicyNotAllowed => Stalled,
    /// The federation does not allow inline policies, or the role has one of the name that only denies.
    InlineNotAllowed => Stalled,
    /// An inline policy document is not one that IAM accepts.
    MalformedPolicy => Stalled,
    /// The key history was recorded by another cluster.
    ClusterChanged => Stalled,
    /// An older federation has the same issuer and account.
    DuplicateIssuer => Stalled,
    /// Another instance of this cluster, a copy or the original, may work on the same things in AWS.
    ClusterCopied => Wait,
    /// The API servers serve keys that cannot or must not be published, or none at all.
    KeysUnusable => Wait,
    /// The API servers sign tokens as another issuer.
    IssuerMismatch => Wait,
    /// The federation that the binding refers to does not exist.
    FederationNotFound => Wait,
    /// The federation has never been ready, or is being deleted.
    FederationNotReady => Wait,
    /// The federation does not serve the binding's namespace.
    NamespaceNotAllowed => Wait,
    /// A bound ServiceAccount does not exist.
    ServiceAccountNotFound => Wait,
    /// Somebody else set one of our annotations on a bound ServiceAccount to another value.
    AnnotationConflict => Wait,
    /// AWS does not let a role go that somebody else still uses, in an instance profile for example.
    RoleInUse => Wait,
    /// AWS refused a call: the operator's own policy must change.
    AccessDenied => Wait,
    /// The documents cannot be read anonymously.
    PublicAccessBlocked => Wait,
    /// What somebody else publishes under the issuer is not what AWS must find there.
    DocumentsMismatch => Wait,
    /// The provider that somebody else keeps is missing or lacks an audience.
    ProviderMismatch => Wait,
    /// The role that somebody else keeps is missing or does not trust the ServiceAccounts.
    RoleMismatch => Wait,
    /// A quota is used up: AWS's, the guard-rails', or a ResourceQuota of the namespace.
    QuotaExceeded => Wait,
    /// A rule of the cluster (a ValidatingAdmissionPolicy, an admission webhook, the API server's own validation) refuses what
    /// the operator must write in Kubernetes.
    AdmissionDenied => Wait,
    /// The namespace is being deleted, and nothing can be made in it any more.
    NamespaceTerminating => Wait,
    /// Somebody keeps changing back what was put right, and it is put right less and less often.
    DriftContested => Wait,
    /// The federation is being deleted and bindings still refer to it.
    BindingsRemain => Wait,
    /// STS refuses a token that the role must let in.
    AssumeRoleRefused => Wait,
    /// STS takes a token that the role must keep out.
    TooPermissive => Wait,
    /// Steps are being executed.
    Progressing => Settling,
    /// A change was made and AWS does not show it everywhere yet.
    Propagating => Settling,
    /// The role is as asked for, and STS does not say yes yet.
    Verifying => Settling,
    /// AWS throttles us.
    Throttled => Retry,
    /// AWS could not be reached or answered with a server error.
    AwsUnavailable => Retry,
    /// An API server could not be read.
    ApiServerUnavailable => Retry,
    /// Somebody else wrote at the same moment.
    WriteConflict => Retry,
    /// Of an aspect only: the last pass ended before it came to it.
    NotChecked => Retry,
    /// The last good check is older than three intervals.
    Unconfirmed => Retry,
    /// All is as the spec asks.
    Succeeded => Done,
    /// `spec.suspend` is true.
    Suspended => Done,
    /// The account has far more roles than ours: not all of it is listed for their sake.
    LargeAccount => Done,
    /// An API server has an audience of the federation among its own (`--api-audiences`).
    ApiAudienceShared => Done,
    /// Neither a policy nor a webhook injects pods.
    InjectionMissing => Done,
    /// It could not be found out, because the operator's rights in the cluster do not reach that far.
    NotPermitted => Done,
    /// Nothing keeps the operator from asking for tokens that are good for the API server, so it asks for none.
    NotGuarded => Done,
    /// `spec.verify` is `Never`.
    NotAsked => Done,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reasons of Kubernetes events; events are emitted on transitions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    /// The object became ready.
    Ready,
    /// The object stopped being ready.
    NotReady,
    /// Something was created, changed or removed in AWS because the spec asked for it, or the guard-rails did.
    Applied,
    /// Somebody had changed what we manage; it was put back.
    DriftRepaired,
    /// The same thing was put back so often that somebody must mean it.
    DriftContested,
    /// Published bytes were not ours; they were put back.
    DocumentsTampered,
    /// A signing key was published.
    KeyPublished,
    /// An API server serves a key that was announced, and published, before.
    KeyTakenUp,
    /// The last API server stopped serving a key, or nobody announces it any more; it stays published for `retainFor`.
    KeyRetained,
    /// A retained key's time was up.
    KeyRemoved,
    /// A key is in the spec's list of revoked ones and is not published.
    KeyRevoked,
    /// No key that was served before is served now.
    AllKeysReplaced,
    /// An API server serves a key that AWS refuses.
    KeyUnsupported,
    /// A key on P-521 was announced or is served: AWS takes it, many other verifiers do not.
    KeyHardlySupported,
    /// The record of keys was lost and rebuilt.
    KeyHistoryLost,
    /// Another manager owns the annotation that we want to set.
    AnnotationConflict,
    /// An API server has an audience of the federation among its own.
    ApiAudienceShared,
    /// Neither a policy nor a webhook injects pods any more.
    InjectionMissing,
    /// A ServiceAccount that was restored from another cluster has this binding's role now.
    TakenOver,
    /// Cleanup was given up on request; what was left is named.
    Abandoned,
    /// A binding went without its finalizer; what it made was looked after all the same.
    Deleted,
}

impl EventReason {
    /// Those that tell of signing keys.
    pub const OF_KEYS: [Self; 9] = [
        Self::KeyPublished,
        Self::KeyTakenUp,
        Self::KeyRetained,
        Self::KeyRemoved,
        Self::KeyRevoked,
        Self::AllKeysReplaced,
        Self::KeyUnsupported,
        Self::KeyHardlySupported,
        Self::KeyHistoryLost,
    ];

    /// The `PascalCase` string that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
            Self::Applied => "Applied",
            Self::DriftRepaired => "DriftRepaired",
            Self::DriftContested => "DriftContested",
            Self::DocumentsTampered => "DocumentsTampered",
            Self::KeyPublished => "KeyPublished",
            Self::KeyTakenUp => "KeyTakenUp",
            Self::KeyRetained => "KeyRetained",
            Self::KeyRemoved => "KeyRemoved",
            Self::KeyRevoked => "KeyRevoked",
            Self::AllKeysReplaced => "AllKeysReplaced",
            Self::KeyUnsupported => "KeyUnsupported",
            Self::KeyHardlySupported => "KeyHardlySupported",
            Self::KeyHistoryLost => "KeyHistoryLost",
            Self::AnnotationConflict => "AnnotationConflict",
            Self::ApiAudienceShared => "ApiAudienceShared",
            Self::InjectionMissing => "InjectionMissing",
            Self::TakenOver => "TakenOver",
            Self::Abandoned => "Abandoned",
            Self::Deleted => "Deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surrounds_a_federation_is_warned_of_each_by_its_own_event() {
        assert_eq!(
            ConditionType::AudiencesSeparate.lost(),
            Some(EventReason::ApiAudienceShared)
        );
        assert_eq!(
            ConditionType::InjectionActive.lost(),
            Some(EventReason::InjectionMissing)
        );
        assert_eq!(ConditionType::RolesInventoried.lost(), None);
    }
}
