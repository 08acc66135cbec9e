//! Roles: life, trust, boundary and tags.

use super::{
    errors::{already_exists, constraint, delete_conflict, quota, temporarily_unmodifiable},
    exchange::{Answer, Exchange},
    limits,
    state::{Role, key, unique_id},
    tags::{Tags, with_request_tags},
    versioned::View,
    xml::Xml,
};
use crate::aws::wire::AwsError;

impl Exchange<'_> {
    /// All or nothing: with its tags and boundary, or not at all [IAM-model CreateRole].
    pub(super) fn create_role(&mut self) -> Answer {
        let request = self.request;
        let role = self.requested_role()?;
        let mut context = with_request_tags(request.context(), &role.tags);
        if let Some(boundary) = &role.boundary {
            context.insert("iam:PermissionsBoundary", [boundary.as_str()]);
        }
        request.authorize("CreateRole", &role.arn, &context)?;
        // UNCONFIRMED in the reference (§7.3): tags in the call need iam:TagRole too.
        if !role.tags.is_empty() {
            request.authorize("TagRole", &role.arn, &with_request_tags(request.context(), &role.tags))?;
        }
        let role_key = key(&role.name);
        // Unique without regard to case; the name as asked is echoed [IAM-model CreateRole.RoleName].
        if self.account.roles.get(&role_key, View::Newest).is_some() {
            return Err(already_exists(format!("Role with name {} already exists.", role.name)));
        }
        if let Some(deleted) = self.account.deleted_roles.get(&role_key)
            && request.now.duration_since(*deleted) < self.settings.recreation_pause
        {
            return Err(temporarily_unmodifiable(&role.name));
        }
        if let Some(boundary) = &role.boundary {
            self.check_boundary(boundary)?;
        }
        role.tags.check_quota(self.account.quotas.tags)?;
        let limit = self.account.quotas.roles;
        if self.account.roles.len() >= limit {
            return Err(quota("RolesPerAccount", limit));
        }
        let mut xml = Xml::new();
        xml.element("Role", |xml| self.write_role(xml, &role, Shape::Full));
        self.account.update_role(role, request.now);
        Ok(Some(xml))
    }

    fn requested_role(&self) -> Result<Role, AwsError> {
        let request = self.request;
        let name = request.role_name()?.to_owned();
        let path = request.path()?.to_owned();
        if let Some(description) = request.text("Description") {
            limits::description(description)?;
        }
        let boundary = request.text("PermissionsBoundary");
        if let Some(boundary) = boundary {
            limits::length("permissionsBoundary", boundary, 20, 2_048)?;
        }
        Ok(Role {
            id: unique_id("AROA"),
            arn: self.arn(&format!("role{path}{name}")),
            created: request.now,
            // An empty description reads back as none. UNSOURCED.
            description: request
                .text("Description")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            max_session: request
                .text("MaxSessionDuration")
                .map_or(Ok(3_600), limits::max_session)?,
            tags: Tags::of(request)?,
            boundary: boundary.map(str::to_owned),
            trust: self.trust_document("AssumeRolePolicyDocument")?,
            attached: Vec::new(),
            inline: std::collections::BTreeMap::new(),
            name,
            path,
        })
    }

    pub(super) fn get_role(&self) -> Answer {
        let role = self.readable_role("GetRole")?;
        let mut xml = Xml::new();
        xml.element("Role", |xml| self.write_role(xml, &role, Shape::Full));
        Ok(Some(xml))
    }

    /// Without tags and boundary [IAM-model ListRoles].
    pub(super) fn list_roles(&self) -> Answer {
        let prefix = self.request.path_prefix()?;
        let cursor = self.cursor()?;
        self.request.authorize(
            "ListRoles",
            &self.arn(&format!("role{prefix}")),
            &self.request.context(),
        )?;
        let roles = self.account.roles.after(cursor.after.as_deref(), self.view());
        let page = cursor.cut(roles.filter(|(_, role)| role.path.starts_with(prefix)));
        let mut xml = Xml::new();
        xml.list("Roles", &page.items, |xml, role| {
            self.write_role(xml, role, Shape::Listed);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    /// Only what is given changes [IAM-model UpdateRole].
    pub(super) fn update_role(&mut self) -> Answer {
        let request = self.request;
        let description = request.text("Description");
        description.map(limits::description).transpose()?;
        let max_session = request
            .text("MaxSessionDuration")
            .map(limits::max_session)
            .transpose()?;
        let mut role = self.writable_role("UpdateRole", |context| context)?;
        if let Some(description) = description {
            role.description = Some(description.to_owned()).filter(|text| !text.is_empty());
        }
        role.max_session = max_session.unwrap_or(role.max_session);
        self.account.update_role(role, request.now);
        Ok(Some(Xml::new()))
    }

    pub(super) fn update_role_description(&mut self) -> Answer {
        let request = self.request;
        let description = request.required("Description")?;
        limits::description(description)?;
        let mut role = self.writable_role("UpdateRoleDescription", |context| context)?;
        role.description = Some(description.to_owned()).filter(|text| !text.is_empty());
        let mut xml = Xml::new();
        xml.element("Role", |xml| self.write_role(xml, &role, Shape::Full));
        self.account.update_role(role, request.now);
        Ok(Some(xml))
    }

    pub(super) fn update_assume_role_policy(&mut self) -> Answer {
        self.request.document("PolicyDocument")?;
        let mut role = self.writable_role("UpdateAssumeRolePolicy", |context| context)?;
        role.trust = self.trust_document("PolicyDocument")?;
        self.account.update_role(role, self.request.now);
        Ok(None)
    }

    /// Refused while anything hangs on the role; the boundary need not go first [IAM-model DeleteRole]. Which of several
    /// obstacles is named first, and the wordings, are UNSOURCED.
    pub(super) fn delete_role(&mut self) -> Answer {
        let role = self.writable_role("DeleteRole", |context| context)?;
        let role_key = key(&role.name);
        if !role.attached.is_empty() {
            return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
        }
        if !role.inline.is_empty() {
            return Err(delete_conflict("Cannot delete entity, must delete policies first."));
        }
        if self.account.profiles_of(&role_key, View::Newest).next().is_some() {
            return Err(delete_conflict(
                "Cannot delete entity, must remove roles from instance profile first.",
            ));
        }
        let instant = self.account.instant(self.request.now);
        self.account.roles.remove(&role_key, instant);
        self.account.deleted_roles.insert(role_key, self.request.now);
        Ok(None)
    }

    pub(super) fn put_role_permissions_boundary(&mut self) -> Answer {
        let request = self.request;
        let boundary = request.required("PermissionsBoundary")?;
        limits::length("permissionsBoundary", boundary, 20, 2_048)?;
        let mut role = self.writable_role("PutRolePermissionsBoundary", |context| {
            context.with("iam:PermissionsBoundary", boundary)
        })?;
        self.check_boundary(boundary)?;
        role.boundary = Some(boundary.to_owned());
        self.account.update_role(role, request.now);
        Ok(None)
    }

    /// No error when there is none. UNSOURCED.
    pub(super) fn delete_role_permissions_boundary(&mut self) -> Answer {
        let mut role = self.writable_role("DeleteRolePermissionsBoundary", |context| context)?;
        role.boundary = None;
        self.account.update_role(role, self.request.now);
        Ok(None)
    }

    pub(super) fn tag_role(&mut self) -> Answer {
        let tags = Tags::of(self.request)?;
        if tags.is_empty() {
            return Err(constraint("tags", "Member must not be null"));
        }
        let mut role = self.writable_role("TagRole", |context| with_request_tags(context, &tags))?;
        role.tags.merge(tags, self.account.quotas.tags)?;
        self.account.update_role(role, self.request.now);
        Ok(None)
    }

    pub(super) fn untag_role(&mut self) -> Answer {
        let keys = Tags::keys_of(self.request)?;
        let mut role = self.writable_role("UntagRole", |mut context| {
            context.insert("aws:TagKeys", &keys);
            context
        })?;
        role.tags.remove(&keys);
        self.account.update_role(role, self.request.now);
        Ok(None)
    }

    pub(super) fn list_role_tags(&self) -> Answer {
        let cursor = self.cursor()?;
        let role = self.readable_role("ListRoleTags")?;
        Ok(Some(role.tags.write_page(&cursor)))
    }

    /// A role's elements, in the model's order.
    pub(super) fn write_role(&self, xml: &mut Xml, role: &Role, shape: Shape) {
        xml.text("Path", &role.path)
            .text("RoleName", &role.name)
            .text("RoleId", &role.id)
            .text("Arn", &role.arn)
            .time("CreateDate", role.created)
            .text("AssumeRolePolicyDocument", &self.read_back(&role.trust));
        if let Some(description) = &role.description {
            xml.text("Description", description);
        }
        xml.value("MaxSessionDuration", role.max_session);
        if shape == Shape::Full {
            Self::write_boundary(xml, role.boundary.as_deref());
            role.tags.write(xml);
            xml.element("RoleLastUsed", |_| {});
        }
    }
}

/// How much of a role an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As GetRole.
    Full,
    /// As ListRoles: no tags, no boundary, no last use [IAM-model].
    Listed,
}
