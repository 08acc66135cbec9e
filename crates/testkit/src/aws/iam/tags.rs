//! Tags: their rules, and how they change.

use std::collections::BTreeSet;

use super::{
    errors::{constraint, invalid_input, limit_exceeded},
    limits::length,
    paging::Cursor,
    request::IamRequest,
    xml::Xml,
};
use crate::aws::{policy::Context, wire::AwsError};

/// Tags in the order in which they were first set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    /// The `Tags.member.N` of a request, checked. At most 50 in one call, whatever the quota [IAM-model tagListType].
    pub(super) fn of(request: &IamRequest<'_>) -> Result<Self, AwsError> {
        let tags = request.pairs("Tags");
        if tags.len() > 50 {
            return Err(constraint("tags", "Member must have length less than or equal to 50"));
        }
        let mut seen = BTreeSet::new();
        for (index, (key, value)) in tags.iter().enumerate() {
            check_key(&format!("tags.{}.member.key", index + 1), key)?;
            check_value(&format!("tags.{}.member.value", index + 1), value)?;
            // Keys are compared without regard to case [VGW iamerr ErrDuplicateTagKeys].
            if !seen.insert(key.to_lowercase()) {
                return Err(invalid_input(
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        Ok(Self(tags))
    }

    /// The `TagKeys.member.N` of a request, checked [IAM-model tagKeyListType].
    pub(super) fn keys_of(request: &IamRequest<'_>) -> Result<Vec<String>, AwsError> {
        let keys = request.list("TagKeys");
        if keys.len() > 50 {
            return Err(constraint(
                "tagKeys",
                "Member must have length less than or equal to 50",
            ));
        }
        for (index, key) in keys.iter().enumerate() {
            check_key(&format!("tagKeys.{}.member", index + 1), key)?;
        }
        Ok(keys)
    }

    /// Adds these tags; one with the same key (without regard to case) is replaced, and takes the new spelling.
    pub(super) fn merge(&mut self, added: Self, quota: usize) -> Result<(), AwsError> {
        for (key, value) in added.0 {
            match self
                .0
                .iter_mut()
                .find(|(present, _)| present.eq_ignore_ascii_case(&key))
            {
                Some(tag) => *tag = (key, value),
                None => self.0.push((key, value)),
            }
        }
        self.check_quota(quota)
    }

    /// LimitExceeded [IAM-model TagRole]; wording UNSOURCED.
    pub(super) fn check_quota(&self, quota: usize) -> Result<(), AwsError> {
        if self.0.len() > quota {
            return Err(limit_exceeded(format!(
                "The number of tags has reached the maximum limit of {quota}."
            )));
        }
        Ok(())
    }

    /// Removes these keys; a key that is not there is no error.
    pub(super) fn remove(&mut self, keys: &[String]) {
        self.0
            .retain(|(present, _)| !keys.iter().any(|key| key.eq_ignore_ascii_case(present)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// One page of tags, as the ListTags calls answer: sorted by key [IAM-model ListRoleTags].
    pub(super) fn write_page(&self, cursor: &Cursor) -> Xml {
        let page = cursor.cut_sorted(self.iter().map(|(key, value)| (key.to_owned(), (key, value))).collect());
        let mut xml = Xml::new();
        xml.list("Tags", &page.items, |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
        page.write_end(&mut xml);
        xml
    }

    /// `<Tags><member>…`.
    pub(super) fn write(&self, xml: &mut Xml) {
        xml.list("Tags", self.iter(), |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
    }
}

/// `aws:RequestTag/k` and `aws:TagKeys` \[SAR\], present only when tags are.
pub(super) fn with_request_tags(mut context: Context, tags: &Tags) -> Context {
    for (key, value) in tags.iter() {
        context.insert(&format!("aws:RequestTag/{key}"), [value]);
    }
    if !tags.is_empty() {
        context.insert("aws:TagKeys", tags.iter().map(|(key, _)| key));
    }
    context
}

/// `aws:ResourceTag/k` and `iam:ResourceTag/k` \[SAR\].
pub(super) fn with_resource_tags(mut context: Context, tags: &Tags) -> Context {
    for (key, value) in tags.iter() {
        context.insert(&format!("aws:ResourceTag/{key}"), [value]);
        context.insert(&format!("iam:ResourceTag/{key}"), [value]);
    }
    context
}

fn check_key(field: &str, key: &str) -> Result<(), AwsError> {
    length(field, key, 1, 128)?;
    check_charset(field, key, '+')?;
    // Reserved for AWS [IAMUG-2023 id_tags]; code and wording UNSOURCED.
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        return Err(invalid_input(
            "aws: prefixed tag key names are not allowed for external use.",
        ));
    }
    Ok(())
}

fn check_value(field: &str, value: &str) -> Result<(), AwsError> {
    length(field, value, 0, 256)?;
    check_charset(field, value, '*')
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]` [IAM-model tagKeyType].
fn check_charset(field: &str, text: &str, repeat: char) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c);
    if text.chars().all(allowed) {
        return Ok(());
    }
    let pattern = r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]";
    Err(constraint(field, &format!("{pattern}{repeat}")))
}
