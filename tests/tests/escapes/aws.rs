//! The account as its administrator sees it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use irsa_tests::{
    admin,
    world::{ACCOUNT, REGION, World},
};
use serde_json::Value;

/// A role with everything that makes its power.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) trust: Value,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) boundary: Option<String>,
    pub(crate) session: i32,
    pub(crate) attached: BTreeSet<String>,
    pub(crate) inline: Vec<String>,
}

impl Role {
    /// Whether it lets any web identity in.
    pub(crate) fn is_open(&self) -> bool {
        self.trust.to_string().contains("\"Allow\"")
    }
}

pub(crate) async fn iam(world: &World) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap())
}

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// The role of this name, if there is one; none where it goes while it is read.
pub(crate) async fn role(world: &World, name: &str) -> Option<Role> {
    let iam = iam(world).await;
    let found = iam.get_role().role_name(name).send().await.ok()?.role.unwrap();
    let attached = iam.list_attached_role_policies().role_name(name).send().await.ok()?;
    let inline = iam.list_role_policies().role_name(name).send().await.ok()?;
    let text = percent_encoding::percent_decode_str(found.assume_role_policy_document.as_deref().unwrap());
    let tags = found.tags.unwrap_or_default();
    Some(Role {
        arn: found.arn,
        id: found.role_id,
        trust: serde_json::from_str(&text.decode_utf8().unwrap()).unwrap(),
        tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        boundary: found
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        session: found.max_session_duration.unwrap_or_default(),
        attached: attached
            .attached_policies
            .unwrap_or_default()
            .into_iter()
            .filter_map(|policy| policy.policy_arn)
            .collect(),
        inline: inline.policy_names,
    })
}

/// The roles that carry a namespace's tag, by name.
pub(crate) async fn roles_of(world: &World, namespace: &str) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for name in world.aws.account(ACCOUNT).role_names() {
        if let Some(role) = role(world, &name).await
            && role
                .tags
                .get("irsa-anywhere.dev/namespace")
                .is_some_and(|of| of == namespace)
        {
            roles.insert(name, role);
        }
    }
    roles
}

/// A role of somebody else's that trusts nobody in particular.
pub(crate) async fn make_foreign(world: &World, name: &str, tags: &[(&str, &str)]) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let iam = iam(world).await;
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let create = iam.create_role().role_name(name).assume_role_policy_document(trust);
    create.set_tags(Some(tags)).send().await.unwrap();
    let attach = iam.attach_role_policy().role_name(name);
    attach
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await
        .unwrap();
}
