//! Instance profiles, as far as they block deleting a role.

use super::{
    errors::{already_exists, delete_conflict, limit_exceeded, no_such_entity, no_such_role, quota},
    exchange::{Answer, Exchange},
    roles::Shape,
    state::{InstanceProfile, key, unique_id},
    versioned::View,
    xml::Xml,
};
use crate::aws::wire::AwsError;

impl Exchange<'_> {
    pub(super) fn create_instance_profile(&mut self) -> Answer {
        let request = self.request;
        let name = request.name("InstanceProfileName", 128)?;
        let path = request.path()?;
        let profile = InstanceProfile {
            name: name.to_owned(),
            path: path.to_owned(),
            id: unique_id("AIPA"),
            arn: self.arn(&format!("instance-profile{path}{name}")),
            created: request.now,
            role: None,
        };
        request.authorize("CreateInstanceProfile", &profile.arn, &request.context())?;
        if self.account.profiles.get(&key(name), View::Newest).is_some() {
            return Err(already_exists(format!("Instance Profile {name} already exists.")));
        }
        let limit = self.account.quotas.instance_profiles;
        if self.account.profiles.len() >= limit {
            return Err(quota("InstanceProfilesPerAccount", limit));
        }
        let mut xml = Xml::new();
        xml.element("InstanceProfile", |xml| self.write_profile(xml, &profile));
        self.put_profile(profile);
        Ok(Some(xml))
    }

    pub(super) fn delete_instance_profile(&mut self) -> Answer {
        let profile = self.profile("DeleteInstanceProfile")?;
        if profile.role.is_some() {
            return Err(delete_conflict(
                "Cannot delete entity, must remove roles from instance profile first.",
            ));
        }
        let instant = self.account.instant(self.request.now);
        self.account.profiles.remove(&key(&profile.name), instant);
        Ok(None)
    }

    /// One role per profile [IAM-model AddRoleToInstanceProfile]. The caller must be allowed to pass the role \[SAR\].
    pub(super) fn add_role_to_instance_profile(&mut self) -> Answer {
        let mut profile = self.profile("AddRoleToInstanceProfile")?;
        let name = self.request.role_name()?;
        let role = self
            .account
            .roles
            .get(&key(name), View::Newest)
            .ok_or_else(|| no_such_role(name))?;
        self.request.authorize("PassRole", &role.arn, &self.request.context())?;
        if profile.role.is_some() {
            return Err(limit_exceeded(
                "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
            ));
        }
        profile.role = Some(key(name));
        self.put_profile(profile);
        Ok(None)
    }

    pub(super) fn remove_role_from_instance_profile(&mut self) -> Answer {
        let mut profile = self.profile("RemoveRoleFromInstanceProfile")?;
        let name = self.request.role_name()?;
        if profile.role.as_deref() != Some(&key(name)) {
            return Err(no_such_role(name));
        }
        profile.role = None;
        self.put_profile(profile);
        Ok(None)
    }

    pub(super) fn list_instance_profiles_for_role(&self) -> Answer {
        let cursor = self.cursor()?;
        let role = self.readable_role("ListInstanceProfilesForRole")?;
        let role_key = key(&role.name);
        let profiles = self.account.profiles_of(&role_key, self.view());
        let page = cursor.cut_sorted(profiles.map(|profile| (key(&profile.name), profile)).collect());
        let mut xml = Xml::new();
        xml.list("InstanceProfiles", &page.items, |xml, profile| {
            self.write_profile(xml, profile);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    fn profile(&self, action: &str) -> Result<InstanceProfile, AwsError> {
        let name = self.request.name("InstanceProfileName", 128)?;
        let profile = self.account.profiles.get(&key(name), View::Newest);
        let arn = profile.map_or_else(
            || self.arn(&format!("instance-profile/{name}")),
            |profile| profile.arn.clone(),
        );
        self.request.authorize(action, &arn, &self.request.context())?;
        let missing = || no_such_entity(format!("Instance Profile {name} cannot be found."));
        profile
            .map(|profile| InstanceProfile::clone(profile))
            .ok_or_else(missing)
    }

    fn put_profile(&mut self, profile: InstanceProfile) {
        let instant = self.account.instant(self.request.now);
        self.account.profiles.put(&key(&profile.name.clone()), profile, instant);
    }

    pub(super) fn write_profile(&self, xml: &mut Xml, profile: &InstanceProfile) {
        let role = profile
            .role
            .as_deref()
            .and_then(|role| self.account.roles.get(role, self.view()));
        xml.text("Path", &profile.path)
            .text("InstanceProfileName", &profile.name)
            .text("InstanceProfileId", &profile.id)
            .text("Arn", &profile.arn)
            .time("CreateDate", profile.created)
            .list("Roles", role, |xml, role| self.write_role(xml, role, Shape::Listed));
    }
}
