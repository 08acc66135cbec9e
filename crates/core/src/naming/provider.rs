//! Ownership of a federation's OIDC provider (tags) and documents (object metadata).

use std::collections::BTreeMap;

use super::tags::{MAX_TAGS, TagError, Tags, adoption, check, is_offered};
use crate::vocabulary::{
    OBJECT_METADATA_ADOPT, OBJECT_METADATA_CLUSTER, OBJECT_METADATA_FEDERATION, TAG_CLUSTER, TAG_FEDERATION, TAG_NAME,
    TAG_NAMESPACE, TAG_UID,
};

/// Whose a provider or a document is: both must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FederationOwner {
    /// UID of the namespace kube-system.
    pub cluster: String,
    /// Name of the `OidcFederation`.
    pub federation: String,
}

impl FederationOwner {
    /// Whether a provider with these tags is this owner's. A binding's tags on it would make it nobody's.
    pub fn owns_provider(&self, tags: &Tags) -> bool {
        tags.get(TAG_CLUSTER) == Some(&self.cluster)
            && tags.get(TAG_FEDERATION) == Some(&self.federation)
            && ![TAG_NAMESPACE, TAG_NAME].iter().any(|key| tags.contains_key(*key))
    }

    /// The value of the adoption tag, or metadata, with which an AWS administrator hands a provider or a document to this
    /// owner.
    pub fn adoption(&self) -> String {
        adoption(&self.cluster, &self.federation)
    }

    /// Whether an AWS administrator hands the provider with these tags to this owner, whoever else they name.
    pub fn is_offered(&self, tags: &Tags) -> bool {
        is_offered(tags, &self.adoption())
    }

    /// The tags that make a provider this owner's.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (TAG_CLUSTER.to_owned(), self.cluster.clone()),
            (TAG_FEDERATION.to_owned(), self.federation.clone()),
        ])
    }

    /// Whether an object with this user metadata is this owner's.
    pub fn owns_document(&self, metadata: &BTreeMap<String, String>) -> bool {
        metadata.get(OBJECT_METADATA_CLUSTER) == Some(&self.cluster)
            && metadata.get(OBJECT_METADATA_FEDERATION) == Some(&self.federation)
    }

    /// Whether an AWS administrator hands the object with this user metadata to this owner, whoever else it names.
    pub fn is_offered_document(&self, metadata: &BTreeMap<String, String>) -> bool {
        metadata.get(OBJECT_METADATA_ADOPT) == Some(&self.adoption())
    }

    /// The user metadata of this owner's objects.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (OBJECT_METADATA_CLUSTER.to_owned(), self.cluster.clone()),
            (OBJECT_METADATA_FEDERATION.to_owned(), self.federation.clone()),
        ])
    }
}

/// The tags of a federation's provider: ownership, `uid` for information, and what `spec.tags` adds.
///
/// # Errors
/// A key or value that is reserved or that IAM refuses.
pub fn federation_tags(owner: &FederationOwner, uid: &str, own: &Tags) -> Result<Tags, TagError> {
    check(own)?;
    let mut tags = owner.tags();
    tags.insert(TAG_UID.to_owned(), uid.to_owned());
    tags.extend(own.clone());
    if tags.len() > MAX_TAGS {
        return Err(TagError::TooMany(tags.len()));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> FederationOwner {
        FederationOwner {
            cluster: "5b1c".to_owned(),
            federation: "default".to_owned(),
        }
    }

    #[test]
    fn a_provider_is_ours_by_both_tags_and_without_a_bindings() {
        let own = Tags::from([("team".to_owned(), "platform".to_owned())]);
        let tags = federation_tags(&owner(), "u", &own).unwrap();
        assert!(owner().owns_provider(&tags));
        for (key, value) in [
            (TAG_CLUSTER, "other"),
            (TAG_FEDERATION, "other"),
            (TAG_NAMESPACE, "ns"),
            (TAG_NAME, "app"),
        ] {
            let mut other = tags.clone();
            other.insert(key.to_owned(), value.to_owned());
            assert!(!owner().owns_provider(&other), "{key}");
        }
        let mut restored = tags;
        restored.remove(TAG_UID);
        assert!(owner().owns_provider(&restored));
    }

    #[test]
    fn a_document_is_ours_by_both_entries() {
        assert!(owner().owns_document(&owner().metadata()));
        for key in owner().metadata().keys() {
            let mut other = owner().metadata();
            other.insert(key.clone(), "other".to_owned());
            assert!(!owner().owns_document(&other), "{key}");
        }
        assert!(!owner().owns_document(&BTreeMap::new()));
    }

    #[test]
    fn reserved_keys_are_refused() {
        let own = Tags::from([(TAG_CLUSTER.to_owned(), "x".to_owned())]);
        assert!(federation_tags(&owner(), "u", &own).is_err());
    }
}
