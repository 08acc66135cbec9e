//! Names, paths, ARNs and tags of what we make in AWS.
//!
//! A name says where a role belongs, so that a guard-rail can be a prefix; tags say whose it is, so that nobody else's
//! role is ever touched. Names are never proof of ownership.

mod arn;
mod boundary;
mod ignored;
mod provider;
mod role;
mod tags;

pub use arn::{ArnError, PolicyArn, account_of, is_role_arn, partition_of, partition_of_region};
pub use boundary::BoundaryMark;
pub use ignored::IgnoredTags;
pub use provider::{FederationOwner, federation_tags};
pub use role::{
    RoleName, RoleNameError, default_role_federation, default_role_name_prefix, default_role_path, federation_id,
};
pub use tags::{Owner, Ownership, TagError, Tags, role_tags};
