//! Users and access keys: seeded by tests, read over the wire.

use std::collections::BTreeMap;

use super::{
    errors::{no_such_entity, quota},
    exchange::{Answer, Exchange},
    keys::KeyOwner,
    limits,
    state::{User, key, unique_id},
    versioned::View,
    xml::Xml,
};
use crate::aws::wire::AwsError;

impl User {
    /// A user without policies and keys.
    pub(super) fn new(account: &str, name: &str, now: jiff::Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            path: "/".to_owned(),
            id: unique_id("AIDA"),
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            created: now,
            boundary: None,
            attached: Vec::new(),
            inline: BTreeMap::new(),
            keys: Vec::new(),
        }
    }

    pub(super) fn write(&self, xml: &mut Xml) {
        xml.text("Path", &self.path)
            .text("UserName", &self.name)
            .text("UserId", &self.id)
            .text("Arn", &self.arn)
            .time("CreateDate", self.created);
        Exchange::write_boundary(xml, self.boundary.as_deref());
    }
}

impl Exchange<'_> {
    pub(super) fn get_user(&self) -> Answer {
        let name = self.request.name("UserName", 128)?;
        let user = self.user("GetUser", name, self.view())?;
        let mut xml = Xml::new();
        xml.element("User", |xml| user.write(xml));
        Ok(Some(xml))
    }

    pub(super) fn list_users(&self) -> Answer {
        let prefix = self.request.path_prefix()?;
        let cursor = self.cursor()?;
        self.request.authorize(
            "ListUsers",
            &self.arn(&format!("user{prefix}")),
            &self.request.context(),
        )?;
        let users = self.account.users.after(cursor.after.as_deref(), self.view());
        let page = cursor.cut(users.filter(|(_, user)| user.path.starts_with(prefix)));
        let mut xml = Xml::new();
        xml.list("Users", &page.items, |xml, user| user.write(xml));
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    /// Two keys per user [QUOTA-2026]; wording [VGW iamerr].
    pub(super) fn create_access_key(&mut self) -> Answer {
        let request = self.request;
        let name = request.name("UserName", 128)?;
        let mut user = self.user("CreateAccessKey", name, View::Newest)?.clone();
        let limit = self.account.quotas.access_keys;
        if user.keys.len() >= limit {
            return Err(quota("AccessKeysPerUser", limit));
        }
        let credentials = self.keys.issue(&request.account_id, KeyOwner::User(user.name.clone()));
        user.keys.push(credentials.access_key_id.clone());
        let mut xml = Xml::new();
        xml.element("AccessKey", |xml| {
            xml.text("UserName", &user.name)
                .text("AccessKeyId", &credentials.access_key_id)
                .text("Status", "Active")
                .text("SecretAccessKey", &credentials.secret_access_key)
                .time("CreateDate", request.now);
        });
        let instant = self.account.instant(request.now);
        self.account.users.put(&key(&user.name.clone()), user, instant);
        Ok(Some(xml))
    }

    fn user(&self, action: &str, name: &str, view: View) -> Result<&User, AwsError> {
        limits::name("userName", name, 128)?;
        let user = self.account.users.get(&key(name), view);
        let arn = user.map_or_else(|| self.arn(&format!("user/{name}")), |user| user.arn.clone());
        self.request.authorize(action, &arn, &self.request.context())?;
        user.map(AsRef::as_ref)
            .ok_or_else(|| no_such_entity(format!("The user with name {name} cannot be found.")))
    }
}
