//! [`Roles`] over IAM.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use super::{
    SdkAws,
    call::{About, Page, about, all_pages, found, gone_is_fine},
    tags,
};
use crate::{
    error::{AwsError, Kind},
    ports::{AwsTags, NewRole, Role, Roles},
};

/// IAM reads policies back percent-encoded (RFC 3986), and the SDK leaves them so [IAM-model GetRole, GetRolePolicy].
pub(super) fn decoded(about: &About<'_>, document: &str) -> Result<String, AwsError> {
    let text = percent_decode_str(document).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| {
        let message = "the policy that was read is not UTF-8";
        about.error("BrokenDocument", message, Kind::Unavailable)
    })
}

fn role_from_sdk(about: &About<'_>, role: aws_sdk_iam::types::Role) -> Result<Role, AwsError> {
    Ok(Role {
        trust_policy: decoded(about, role.assume_role_policy_document.as_deref().unwrap_or_default())?,
        max_session_seconds: session_seconds(&role),
        name: role.role_name,
        arn: role.arn,
        id: role.role_id,
        path: role.path,
        description: role.description.unwrap_or_default(),
        permissions_boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        tags: tags::from_sdk(role.tags.unwrap_or_default()),
    })
}

/// What IAM takes when nobody says [IAM-model CreateRole].
const DEFAULT_SESSION_SECONDS: u32 = 3_600;

/// The longest session of a role.
pub(super) fn session_seconds(role: &aws_sdk_iam::types::Role) -> u32 {
    role.max_session_duration
        .and_then(|seconds| u32::try_from(seconds).ok())
        .unwrap_or(DEFAULT_SESSION_SECONDS)
}

/// The session duration as the SDK wants it. IAM's bounds are far below what does not fit, and are IAM's to check.
fn sdk_seconds(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

impl Roles for SdkAws {
    async fn role(&self, name: &str) -> Result<Option<Role>, AwsError> {
        let about = about("iam:GetRole", name);
        let answer = self.iam.get_role().role_name(name).send().await;
        let answer = found(answer.map_err(|error| about.failed(error)))?;
        answer
            .and_then(|answer| answer.role)
            .map(|role| role_from_sdk(&about, role))
            .transpose()
    }

    async fn create_role(&self, role: &NewRole) -> Result<Role, AwsError> {
        let arn = format!(
            "arn:{}:iam::{}:role{}{}",
            self.caller.partition, self.caller.account, role.path, role.name
        );
        let about = about("iam:CreateRole", &arn);
        let description = (!role.description.is_empty()).then(|| role.description.clone());
        let answer = self
            .iam
            .create_role()
            .role_name(&role.name)
            .path(&role.path)
            .assume_role_policy_document(&role.trust_policy)
            .set_description(description)
            .max_session_duration(sdk_seconds(role.max_session_seconds))
            .set_permissions_boundary(role.permissions_boundary.clone())
            .set_tags(Some(tags::to_sdk(&about, &role.tags)?))
            .send()
            .await;
        let answer = answer.map_err(|error| about.failed(error))?;
        let Some(created) = answer.role else {
            return Err(about.error("BrokenAnswer", "the answer has no role", Kind::Unavailable));
        };
        let created = role_from_sdk(&about, created)?;
        // CreateRole's answer need not repeat what the request said; the call did all of it or nothing.
        Ok(Role {
            description: role.description.clone(),
            max_session_seconds: role.max_session_seconds,
            permissions_boundary: role.permissions_boundary.clone(),
            tags: role.tags.clone(),
            ..created
        })
    }

    async fn update_trust_policy(&self, name: &str, policy: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .update_assume_role_policy()
            .role_name(name)
            .policy_document(policy)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:UpdateAssumeRolePolicy", name).failed(error))
    }

    async fn update_role(&self, name: &str, description: &str, max_session_seconds: u32) -> Result<(), AwsError> {
        let answer = self
            .iam
            .update_role()
            .role_name(name)
            .description(description)
            .max_session_duration(sdk_seconds(max_session_seconds))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:UpdateRole", name).failed(error))
    }

    async fn put_permissions_boundary(&self, name: &str, arn: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .put_role_permissions_boundary()
            .role_name(name)
            .permissions_boundary(arn)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:PutRolePermissionsBoundary", name).failed(error))
    }

    async fn delete_permissions_boundary(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.iam.delete_role_permissions_boundary().role_name(name).send().await;
        let about = about("iam:DeleteRolePermissionsBoundary", name);
        gone_is_fine(answer.map(drop).map_err(|error| about.failed(error)))
    }

    async fn tag_role(&self, name: &str, tags: &AwsTags) -> Result<(), AwsError> {
        let about = about("iam:TagRole", name);
        let tags = tags::to_sdk(&about, tags)?;
        let answer = self.iam.tag_role().role_name(name).set_tags(Some(tags)).send().await;
        answer.map(drop).map_err(|error| about.failed(error))
    }

    async fn untag_role(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        let untag = self.iam.untag_role().role_name(name).set_tag_keys(Some(keys.to_vec()));
        let answer = untag.send().await;
        answer
            .map(drop)
            .map_err(|error| about("iam:UntagRole", name).failed(error))
    }

    async fn attached_policies(&self, name: &str) -> Result<BTreeSet<String>, AwsError> {
        let about = about("iam:ListAttachedRolePolicies", name);
        let policies = all_pages(about, async |marker| {
            let list = self.iam.list_attached_role_policies().role_name(name);
            let page = list.set_marker(marker).send().await;
            let page = page.map_err(|error| about.failed(error))?;
            Ok(Page {
                items: page.attached_policies.unwrap_or_default(),
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        });
        let policies = policies.await?;
        Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    async fn attach_policy(&self, name: &str, policy_arn: &str) -> Result<(), AwsError> {
        let attach = self.iam.attach_role_policy().role_name(name).policy_arn(policy_arn);
        let answer = attach.send().await;
        answer
            .map(drop)
            .map_err(|error| about("iam:AttachRolePolicy", name).failed(error))
    }

    async fn detach_policy(&self, name: &str, policy_arn: &str) -> Result<(), AwsError> {
        let detach = self.iam.detach_role_policy().role_name(name).policy_arn(policy_arn);
        let answer = detach.send().await;
        let about = about("iam:DetachRolePolicy", name);
        gone_is_fine(answer.map(drop).map_err(|error| about.failed(error)))
    }

    async fn inline_policies(&self, name: &str) -> Result<BTreeSet<String>, AwsError> {
        let about = about("iam:ListRolePolicies", name);
        let names = all_pages(about, async |marker| {
            let list = self.iam.list_role_policies().role_name(name).set_marker(marker);
            let page = list.send().await.map_err(|error| about.failed(error))?;
            Ok(Page {
                items: page.policy_names,
                is_truncated: page.is_truncated,
                marker: page.marker,
            })
        });
        Ok(names.await?.into_iter().collect())
    }

    async fn inline_policy(&self, name: &str, policy_name: &str) -> Result<Option<String>, AwsError> {
        let about = about("iam:GetRolePolicy", name);
        let get = self.iam.get_role_policy().role_name(name).policy_name(policy_name);
        let answer = get.send().await.map_err(|error| about.failed(error));
        found(answer)?
            .map(|answer| decoded(&about, &answer.policy_document))
            .transpose()
    }

    async fn put_inline_policy(&self, name: &str, policy_name: &str, policy: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .put_role_policy()
            .role_name(name)
            .policy_name(policy_name)
            .policy_document(policy)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:PutRolePolicy", name).failed(error))
    }

    async fn delete_inline_policy(&self, name: &str, policy_name: &str) -> Result<(), AwsError> {
        let delete = self.iam.delete_role_policy().role_name(name).policy_name(policy_name);
        let answer = delete.send().await;
        let about = about("iam:DeleteRolePolicy", name);
        gone_is_fine(answer.map(drop).map_err(|error| about.failed(error)))
    }

    async fn delete_role(&self, name: &str) -> Result<(), AwsError> {
        let answer = self.iam.delete_role().role_name(name).send().await;
        let about = about("iam:DeleteRole", name);
        gone_is_fine(answer.map(drop).map_err(|error| about.failed(error)))
    }
}
