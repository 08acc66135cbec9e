//! AWS's own managed policies, as far as the double has them.
//!
//! The documents are AWS's, at the version that the file names. `ReadOnlyAccess` is cut down to the services that
//! matter here (its real document is 85 kB); every other document is whole.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    state::{Document, ManagedPolicy, PolicyVersion, unique_id},
    tags::Tags,
};

const DOCUMENTS: &str = include_str!("aws_managed_policies.json");

/// The policies by ARN.
#[derive(Debug)]
pub(super) struct Catalogue(BTreeMap<String, ManagedPolicy>);

#[derive(Deserialize)]
struct Entry {
    name: String,
    path: String,
    version: u32,
    created: Timestamp,
    updated: Timestamp,
    document: Value,
}

impl Default for Catalogue {
    fn default() -> Self {
        let entries: Vec<Entry> = serde_json::from_str(DOCUMENTS).unwrap_or_default();
        Self(
            entries
                .into_iter()
                .map(Entry::into_policy)
                .map(|policy| (policy.arn.clone(), policy))
                .collect(),
        )
    }
}

impl Catalogue {
    pub(super) fn get(&self, arn: &str) -> Option<&ManagedPolicy> {
        self.0.get(arn)
    }

    /// All, by ARN.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ManagedPolicy> {
        self.0.values()
    }
}

impl Entry {
    fn into_policy(self) -> ManagedPolicy {
        ManagedPolicy {
            // The path is part of the ARN: `arn:aws:iam::aws:policy/service-role/…` [SAR].
            arn: format!("arn:aws:iam::aws:policy{}{}", self.path, self.name),
            name: self.name,
            path: self.path,
            id: unique_id("ANPA"),
            description: None,
            created: self.created,
            updated: self.updated,
            default_version: self.version,
            next_version: self.version + 1,
            versions: vec![PolicyVersion {
                number: self.version,
                document: Document {
                    text: self.document.to_string(),
                    value: self.document,
                },
                created: self.updated,
            }],
            tags: Tags::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::policy;

    #[test]
    fn the_policies_are_there_under_their_paths_and_are_valid() {
        let catalogue = Catalogue::default();
        assert!(catalogue.0.len() >= 15, "{}", catalogue.0.len());
        for arn in [
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
            "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        ] {
            assert!(catalogue.get(arn).is_some(), "{arn}");
        }
        for policy in catalogue.iter() {
            let document = policy.default_document().unwrap();
            policy::validate_identity(&document.text).unwrap_or_else(|error| panic!("{}: {error}", policy.arn));
        }
    }
}
