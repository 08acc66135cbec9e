//! The steps of a federation: from what is to what must be, or to nothing that is ours.

use super::{
    DesiredFederation, DocumentKind, FederationStep, ForeignDocuments, Management, ObservedBucket, ObservedFederation,
    ObservedProvider, PolicyChange, Removable, StatementError,
    provider::{is_ours, registration},
};
use crate::{
    plan::{Cause, Fingerprint, Plan, Step},
    vocabulary::{ConditionType, Reason},
};

/// What is to be done for a federation.
pub type FederationPlan = Plan<FederationStep>;

/// Why nothing of a plan may be done: something there is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FederationRefusal {
    /// Objects under our keys.
    #[error("{0}")]
    ForeignDocuments(ForeignDocuments),
    /// A statement under our Sid, or a policy that cannot be merged with.
    #[error("{0}; remove it, or set spec.publish.s3.access to Unmanaged and make the documents readable yourself.")]
    Statement(StatementError),
    /// A provider for our issuer.
    #[error(
        "The IAM OIDC provider {arn} exists and does not carry this federation's tags, so it is not touched: delete it if \
         nobody needs it, use another issuer, let somebody else keep it (spec.provider.management: Existing), or hand it \
         over: spec.provider.adopt: IfTagged here, and on the provider the tag irsa-anywhere.dev/adopt={adoption}."
    )]
    ForeignProvider {
        /// The provider.
        arn: String,
        /// The value of the tag that would hand it over.
        adoption: String,
    },
}

impl FederationRefusal {
    /// The reason that conditions carry.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::ForeignDocuments(_) | Self::Statement(_) => Reason::BucketShared,
            Self::ForeignProvider { .. } => Reason::ForeignProvider,
        }
    }

    /// The condition that it concerns.
    pub const fn aspect(&self) -> ConditionType {
        match self {
            Self::ForeignDocuments(_) => ConditionType::Published,
            Self::Statement(_) => ConditionType::PubliclyReadable,
            Self::ForeignProvider { .. } => ConditionType::ProviderRegistered,
        }
    }
}

impl FederationPlan {
    /// Leaves out what would register the issuer.
    #[must_use]
    pub fn without_registration(mut self) -> Self {
        self.steps
            .retain(|step| step.aspect() != ConditionType::ProviderRegistered);
        self
    }

    /// The steps that make the federation as desired. `applied` is what a pass of this process last made of it in full.
    ///
    /// # Errors
    /// See [`FederationRefusal`].
    pub fn apply(
        desired: &DesiredFederation,
        observed: &ObservedFederation,
        applied: Option<Fingerprint>,
    ) -> Result<Self, FederationRefusal> {
        check_ownership(desired, observed)?;
        let publishing = [DocumentKind::Jwks, DocumentKind::Discovery]
            .into_iter()
            .filter_map(|kind| publish(kind, desired, observed));
        let exposure = exposure(desired, observed)?;
        // An object that is replaced loses the ACL by which it may have been public.
        let (before, after) = match ForeignDocuments::of(desired, observed) {
            Some(_) => (exposure, None),
            None => (None, exposure),
        };
        let steps = saving(desired, observed)
            .into_iter()
            .chain(bucket(desired, observed))
            .chain(before)
            .chain(publishing)
            .chain(after)
            .chain(registration(desired, observed.provider.as_ref()))
            .collect();
        let cause = Cause::of(applied, desired.fingerprint());
        Ok(Self { cause, steps })
    }

    /// The steps that remove the federation's own things and nothing else; none for what is not the owner's.
    ///
    /// # Errors
    /// [`FederationRefusal::Statement`] when the bucket's policy cannot be read.
    pub fn remove(ours: &Removable, observed: &ObservedFederation) -> Result<Vec<FederationStep>, FederationRefusal> {
        let provider = observed
            .provider
            .as_ref()
            .filter(|provider| ours.provider && ours.owner.owns_provider(&provider.tags))
            .map(|_| FederationStep::DeleteProvider);
        let documents = [DocumentKind::Discovery, DocumentKind::Jwks]
            .into_iter()
            .filter(|_| observed.bucket != ObservedBucket::Missing)
            .filter_map(|kind| {
                let (etag, seen) = match observed.document(kind) {
                    Some(document) if ours.owner.owns_document(&document.metadata) => (&document.etag, true),
                    Some(_) => return None,
                    None => (ours.written.get(&kind)?, false),
                };
                Some(FederationStep::DeleteDocument {
                    kind,
                    etag: etag.clone(),
                    seen,
                })
            });
        let statement = match &ours.public_read {
            Some(statement) => change(statement.remove(observed.bucket_policy.as_deref()))?,
            None => None,
        };
        let bucket = matches!(observed.bucket, ObservedBucket::Ours { .. }).then_some(FederationStep::DeleteBucket);
        Ok(provider
            .into_iter()
            .chain(documents)
            .chain(statement)
            .chain(bucket)
            .collect())
    }
}

/// Nothing at all is written while something is somebody else's.
fn check_ownership(desired: &DesiredFederation, observed: &ObservedFederation) -> Result<(), FederationRefusal> {
    if let Some(foreign) = ForeignDocuments::of(desired, observed).filter(|foreign| !foreign.may_be_taken()) {
        return Err(FederationRefusal::ForeignDocuments(foreign));
    }
    match (&observed.provider, desired.provider.management) {
        (Some(provider), Management::Managed { adopt }) if !may_take(desired, provider, adopt) => {
            Err(FederationRefusal::ForeignProvider {
                arn: desired.provider.arn.clone(),
                adoption: desired.owner.adoption(),
            })
        }
        _ => Ok(()),
    }
}

fn may_take(desired: &DesiredFederation, provider: &ObservedProvider, adopt: bool) -> bool {
    is_ours(desired, provider) || (adopt && desired.owner.is_offered(&provider.tags))
}

pub(super) fn saving(desired: &DesiredFederation, observed: &ObservedFederation) -> Option<FederationStep> {
    let stored = observed.record.as_ref() == Some(&desired.record);
    (!stored).then(|| FederationStep::SaveRecord {
        record: desired.record.clone(),
    })
}

fn publish(kind: DocumentKind, desired: &DesiredFederation, observed: &ObservedFederation) -> Option<FederationStep> {
    let (wanted, present) = (desired.document(kind)?, observed.document(kind));
    let as_wanted = present.is_some_and(|present| present.is(wanted));
    (!as_wanted).then(|| FederationStep::PutDocument {
        kind,
        document: wanted.clone(),
        replaces: present.map(|present| present.etag.clone()),
    })
}

/// A bucket that is missing is created; that this may be done was decided before it was looked at.
fn bucket(desired: &DesiredFederation, observed: &ObservedFederation) -> Vec<FederationStep> {
    let Some(documents) = &desired.documents else {
        return Vec::new();
    };
    let open = documents.public_read.is_some().then_some(FederationStep::OpenBucket);
    match observed.bucket {
        ObservedBucket::Missing => [FederationStep::CreateBucket].into_iter().chain(open).collect(),
        ObservedBucket::Ours {
            open_to_policies: false,
        } => open.into_iter().collect(),
        ObservedBucket::Ours { open_to_policies: true } | ObservedBucket::Theirs => Vec::new(),
    }
}

fn exposure(
    desired: &DesiredFederation,
    observed: &ObservedFederation,
) -> Result<Option<FederationStep>, FederationRefusal> {
    match desired
        .documents
        .as_ref()
        .and_then(|documents| documents.public_read.as_ref())
    {
        Some(statement) => change(statement.put(observed.bucket_policy.as_deref(), observed.established)),
        None => Ok(None),
    }
}

fn change(wanted: Result<PolicyChange, StatementError>) -> Result<Option<FederationStep>, FederationRefusal> {
    Ok(match wanted.map_err(FederationRefusal::Statement)? {
        PolicyChange::Nothing => None,
        PolicyChange::Put(policy) => Some(FederationStep::PutBucketPolicy { policy }),
        PolicyChange::Delete => Some(FederationStep::DeleteBucketPolicy),
    })
}
