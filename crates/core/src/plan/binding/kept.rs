//! What stays on a role though no binding asks for it: boundaries and denials that somebody above us put there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{DesiredRole, ObservedRole};
use crate::{
    compare,
    naming::{BoundaryMark, PolicyArn},
    policy_document::only_denies,
    trust::Divided,
};

/// AWS-managed policies that only deny, by the ends of their ARNs. What a managed policy says is not read; of this one it is
/// known: AWS keeps it, and it denies everything.
const DENYING: [&str; 1] = [":iam::aws:policy/AWSDenyAll"];

/// Something that we did not put there, that can only take away, and that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A permissions boundary.
    Boundary(String),
    /// An inline policy that only denies.
    Inline(String),
    /// A managed policy that only denies.
    Managed(PolicyArn),
    /// Statements of the trust policy that only deny.
    Trust(usize),
}

/// `its permissions boundary arn:…`.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boundary(arn) => write!(f, "the permissions boundary {arn}"),
            Self::Inline(name) => write!(f, "the inline policy {name}, which only denies"),
            Self::Managed(arn) => write!(f, "the managed policy {arn}, which only denies"),
            Self::Trust(1) => f.write_str("a Deny statement in the trust policy"),
            Self::Trust(count) => write!(f, "{count} Deny statements in the trust policy"),
        }
    }
}

impl ObservedRole {
    /// Whether the role's boundary is one that we set.
    pub(super) fn has_boundary_of_ours(&self) -> bool {
        let mark = BoundaryMark::on(&self.tags);
        let named = mark.zip(self.boundary.as_ref()).map(|(mark, arn)| mark.names(arn));
        named == Some(true)
    }

    /// The attached policies that may give somebody something: all but those that certainly only deny.
    pub fn giving_attached(&self) -> BTreeSet<PolicyArn> {
        self.attached.iter().filter(|arn| !denies(arn)).cloned().collect()
    }

    /// The inline policies that may give somebody something: all but those that certainly only deny. One whose text was not
    /// read may.
    pub fn giving_inline(&self) -> BTreeMap<&String, &String> {
        self.inline.iter().filter(|(_, text)| !only_denies(text)).collect()
    }
}

impl DesiredRole {
    /// The wanted inline policies that may be put beside and over these: no denial is overwritten.
    pub(super) fn placeable(&self, present: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
        let all = self.inline.iter();
        all.filter(|(name, document)| !overwrites_denial(name, document, present))
    }

    /// The names of the others.
    pub(super) fn taken_names(&self, present: &BTreeMap<String, String>) -> Vec<String> {
        let taken = self
            .inline
            .iter()
            .filter(|(name, document)| overwrites_denial(name, document, present));
        taken.map(|(name, _)| name.clone()).collect()
    }
}

/// Whether a policy of this name would take the place of one that only denies and says something else. IAM ignores the case of
/// names.
fn overwrites_denial(name: &str, document: &str, present: &BTreeMap<String, String>) -> bool {
    let mut same_name = present.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    same_name.any(|(_, text)| only_denies(text) && !compare::equivalent(document, text))
}

/// What stays on a role beside what is wanted.
pub(super) fn kept(desired: &DesiredRole, observed: &ObservedRole) -> Vec<Kept> {
    let boundary = observed.boundary.clone();
    let boundary = boundary.filter(|_| desired.boundary.is_none() && !observed.has_boundary_of_ours());
    let inline = observed
        .inline
        .iter()
        .filter(|(name, text)| !desired.inline.contains_key(*name) && only_denies(text));
    let managed = observed
        .attached
        .iter()
        .filter(|arn| !desired.managed.contains(*arn) && denies(arn));
    let denies = Divided::of(&observed.trust).denies;
    let trust = (!denies.is_empty()).then(|| Kept::Trust(denies.count()));
    boundary
        .map(Kept::Boundary)
        .into_iter()
        .chain(inline.map(|(name, _)| Kept::Inline(name.clone())))
        .chain(managed.map(|arn| Kept::Managed(arn.clone())))
        .chain(trust)
        .collect()
}

/// Whether a managed policy certainly only denies.
pub(super) fn denies(arn: &PolicyArn) -> bool {
    DENYING.iter().any(|end| arn.as_str().ends_with(end))
}
