//! Tags in the SDK's words and in ours.

use aws_sdk_iam::types::Tag;

use super::call::About;
use crate::{
    error::{AwsError, Kind},
    ports::AwsTags,
};

pub(super) fn from_sdk(tags: Vec<Tag>) -> AwsTags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(super) fn to_sdk(about: &About<'_>, tags: &AwsTags) -> Result<Vec<Tag>, AwsError> {
    tags.iter()
        .map(|(key, value)| {
            let tag = Tag::builder().key(key).value(value).build();
            tag.map_err(|error| about.error("InvalidInput", &error.to_string(), Kind::InvalidInput))
        })
        .collect()
}
