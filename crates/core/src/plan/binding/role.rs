//! [`DesiredRole`] and [`ObservedRole`]: a role as it must be, and as it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    naming::{BoundaryMark, IgnoredTags, Owner, PolicyArn, RoleName, Tags},
    plan::Fingerprint,
    vocabulary::TAG_UID,
};

/// A role as a binding asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DesiredRole {
    /// Whose it must be.
    pub owner: Owner,
    /// Its name.
    pub name: RoleName,
    /// Its path; decided at creation.
    pub path: String,
    /// Its trust policy as JSON.
    pub trust: String,
    /// All its tags, ownership included; but for the mark of its boundary, which follows from that.
    pub tags: Tags,
    /// Tags that are somebody else's for good.
    pub ignored_tags: IgnoredTags,
    /// Keys of tags that a tenant may set: a tag with one of these may have been his.
    pub tenant_tags: BTreeSet<String>,
    /// The ARN of its permissions boundary; `None` is no opinion: one that we did not set stays.
    pub boundary: Option<String>,
    /// Its description; empty for none.
    pub description: String,
    /// Its longest session, in seconds.
    pub max_session_seconds: u32,
    /// Managed policies.
    pub managed: BTreeSet<PolicyArn>,
    /// Inline policies: name to JSON.
    pub inline: BTreeMap<String, String>,
    /// Whether policies that are not listed go; those that certainly only deny stay.
    pub exclusive: bool,
    /// Whether a role is taken that an AWS administrator offers by its tag.
    pub adopt: bool,
}

/// A role as IAM shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedRole {
    /// Its trust policy, URL-encoded or not.
    pub trust: String,
    /// Its tags.
    pub tags: Tags,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its description; empty for none.
    pub description: String,
    /// Its longest session, in seconds.
    pub max_session_seconds: u32,
    /// Attached managed policies.
    pub attached: BTreeSet<PolicyArn>,
    /// Inline policies: name to document, URL-encoded or not.
    pub inline: BTreeMap<String, String>,
}

impl DesiredRole {
    /// Whether the role with these tags may be changed: it is the owner's already, or it is offered and wanted.
    pub fn may_take(&self, tags: &Tags) -> bool {
        self.owner.owns(tags) || (self.adopt && self.owner.is_offered(tags))
    }

    /// The role as IAM shows it once it was made like this.
    pub fn as_made(&self) -> ObservedRole {
        let mark = self.boundary.as_deref().map(|arn| BoundaryMark::of(arn).tags());
        ObservedRole {
            trust: self.trust.clone(),
            tags: self
                .tags
                .clone()
                .into_iter()
                .chain(mark.into_iter().flatten())
                .collect(),
            boundary: self.boundary.clone(),
            description: self.description.clone(),
            max_session_seconds: self.max_session_seconds,
            attached: self.managed.clone(),
            inline: self.inline.clone(),
        }
    }

    /// The digest of this role. Comparable within one process only. The uid tag, which is information, does not count.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut counted = self.clone();
        counted.tags.remove(TAG_UID);
        counted.adopt = false;
        Fingerprint::of(&counted)
    }
}
