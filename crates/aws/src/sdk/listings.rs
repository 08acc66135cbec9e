//! [`RoleListings`] over IAM.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use aws_sdk_iam::types::{EntityType, Role, RoleDetail};

use super::{
    SdkAws,
    call::{About, Page, about, each_page},
    roles::{decoded, session_seconds},
    tags,
};
use crate::{
    error::AwsError,
    ports::{AwsTags, DetailedRole, ListedRole, RoleListings},
};

/// The most that IAM takes [IAM-model maxItemsType].
const PAGE: i32 = 1_000;
/// Half of it where a role may come with 10,240 characters of inline policies: a page must fit into
/// [`super::metered`]'s longest answer.
const PAGE_OF_DETAILS: i32 = 500;

impl RoleListings for SdkAws {
    async fn roles_under(&self, path_prefix: &str, mut visit: impl FnMut(ListedRole) + Send) -> Result<(), AwsError> {
        let about = about("iam:ListRoles", path_prefix);
        let mut fetch = async |marker| {
            let list = self.iam.list_roles().path_prefix(path_prefix).max_items(PAGE);
            let page = list.set_marker(marker).send().await;
            let page = page.map_err(|error| about.failed(error))?;
            Ok(Page {
                items: page.roles,
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        };
        each_page(about, &mut fetch, |page| {
            for role in page {
                visit(listed(&about, role)?);
            }
            Ok(ControlFlow::Continue(()))
        })
        .await
    }

    async fn detailed_roles(
        &self,
        at_most: usize,
        keep: impl Fn(&str, &AwsTags) -> bool + Send + Sync,
        mut visit: impl FnMut(DetailedRole) + Send,
    ) -> Result<bool, AwsError> {
        let about = about("iam:GetAccountAuthorizationDetails", "*");
        let mut seen = 0_usize;
        let mut fetch = async |marker| {
            let list = self.iam.get_account_authorization_details();
            let list = list.filter(EntityType::Role).max_items(PAGE_OF_DETAILS);
            let page = list.set_marker(marker).send().await;
            let page = page.map_err(|error| about.failed(error))?;
            Ok(Page {
                items: page.role_detail_list.unwrap_or_default(),
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        };
        each_page(about, &mut fetch, |page| {
            seen = seen.saturating_add(page.len());
            if seen > at_most {
                return Ok(ControlFlow::Break(()));
            }
            for mut role in page {
                let tags = tags::from_sdk(role.tags.take().unwrap_or_default());
                if keep(role.path.as_deref().unwrap_or_default(), &tags) {
                    visit(detailed(&about, role, tags)?);
                }
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(seen <= at_most)
    }
}

fn listed(about: &About<'_>, role: Role) -> Result<ListedRole, AwsError> {
    Ok(ListedRole {
        trust_policy: decoded(about, role.assume_role_policy_document.as_deref().unwrap_or_default())?,
        max_session_seconds: session_seconds(&role),
        name: role.role_name,
        arn: role.arn,
        id: role.role_id,
        description: role.description.unwrap_or_default(),
    })
}

fn detailed(about: &About<'_>, role: RoleDetail, tags: AwsTags) -> Result<DetailedRole, AwsError> {
    let mut inline = BTreeMap::new();
    for policy in role.role_policy_list.unwrap_or_default() {
        let document = decoded(about, &policy.policy_document.unwrap_or_default())?;
        inline.insert(policy.policy_name.unwrap_or_default(), document);
    }
    let attached: BTreeSet<String> = role
        .attached_managed_policies
        .unwrap_or_default()
        .into_iter()
        .filter_map(|policy| policy.policy_arn)
        .collect();
    Ok(DetailedRole {
        name: role.role_name.unwrap_or_default(),
        id: role.role_id.unwrap_or_default(),
        permissions_boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        tags,
        attached,
        inline,
    })
}
