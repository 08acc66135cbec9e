//! A role's attached and inline policies.

use super::{
    errors::{limit_exceeded, no_such_entity, no_such_policy, quota},
    exchange::{Answer, Exchange},
    limits,
    versioned::View,
    xml::Xml,
};

impl Exchange<'_> {
    /// Attaching what is attached already changes nothing. UNSOURCED.
    pub(super) fn attach_role_policy(&mut self) -> Answer {
        let request = self.request;
        let arn = request.arn("PolicyArn")?;
        let mut role = self.writable_role("AttachRolePolicy", |context| context.with("iam:PolicyARN", arn))?;
        if self.managed(arn, View::Newest).is_none() {
            return Err(no_such_policy(arn));
        }
        if role.attached.iter().any(|attached| attached == arn) {
            return Ok(None);
        }
        // [QUOTA-2026]
        let limit = self.account.quotas.attached_per_role;
        if role.attached.len() >= limit {
            return Err(quota("PoliciesPerRole", limit));
        }
        role.attached.push(arn.to_owned());
        self.account.update_role(role, request.now);
        Ok(None)
    }

    /// NoSuchEntity for what is not attached [IAM-model DetachRolePolicy].
    pub(super) fn detach_role_policy(&mut self) -> Answer {
        let request = self.request;
        let arn = request.arn("PolicyArn")?;
        let mut role = self.writable_role("DetachRolePolicy", |context| context.with("iam:PolicyARN", arn))?;
        let before = role.attached.len();
        role.attached.retain(|attached| attached != arn);
        if role.attached.len() == before {
            return Err(no_such_entity(format!("Policy {arn} was not found.")));
        }
        self.account.update_role(role, request.now);
        Ok(None)
    }

    pub(super) fn list_attached_role_policies(&self) -> Answer {
        let prefix = self.request.path_prefix()?;
        let cursor = self.cursor()?;
        let role = self.readable_role("ListAttachedRolePolicies")?;
        let under = |arn: &str| {
            arn.split_once(":policy")
                .is_some_and(|(_, path)| path.starts_with(prefix))
        };
        let attached = role
            .attached
            .iter()
            .filter(|arn| under(arn))
            .map(|arn| (arn.clone(), arn))
            .collect();
        let page = cursor.cut_sorted(attached);
        let mut xml = Xml::new();
        xml.list("AttachedPolicies", &page.items, |xml, arn| {
            Self::write_attached(xml, arn);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    /// `<PolicyName>` and `<PolicyArn>`.
    pub(super) fn write_attached(xml: &mut Xml, arn: &str) {
        xml.text("PolicyName", Self::policy_name(arn)).text("PolicyArn", arn);
    }

    /// Adds or replaces. All inline policies of a role together have 10,240 characters, white space not counted
    /// [QUOTA-2026]; wording [VGW iamerr InlinePolicyQuotaExceeded].
    pub(super) fn put_role_policy(&mut self) -> Answer {
        let request = self.request;
        let name = request.name("PolicyName", 128)?;
        request.document("PolicyDocument")?;
        let mut role = self.writable_role("PutRolePolicy", |context| context)?;
        let document = self.identity_document("PolicyDocument")?;
        role.inline.insert(name.to_owned(), document);
        let limit = self.account.quotas.inline_policies_size;
        let size: usize = role
            .inline
            .values()
            .map(|document| limits::counted_size(&document.text))
            .sum();
        if size > limit {
            return Err(limit_exceeded(format!(
                "Maximum policy size of {limit} bytes exceeded for role {}",
                role.name
            )));
        }
        self.account.update_role(role, request.now);
        Ok(None)
    }

    pub(super) fn get_role_policy(&self) -> Answer {
        let name = self.request.name("PolicyName", 128)?;
        let role = self.readable_role("GetRolePolicy")?;
        let document = role.inline.get(name).ok_or_else(|| no_such_inline(name))?;
        let mut xml = Xml::new();
        xml.text("RoleName", &role.name)
            .text("PolicyName", name)
            .text("PolicyDocument", &self.read_back(document));
        Ok(Some(xml))
    }

    pub(super) fn list_role_policies(&self) -> Answer {
        let cursor = self.cursor()?;
        let role = self.readable_role("ListRolePolicies")?;
        let page = cursor.cut_sorted(role.inline.keys().map(|name| (name.clone(), name)).collect());
        let mut xml = Xml::new();
        xml.texts("PolicyNames", page.items.iter().copied());
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    pub(super) fn delete_role_policy(&mut self) -> Answer {
        let name = self.request.name("PolicyName", 128)?;
        let mut role = self.writable_role("DeleteRolePolicy", |context| context)?;
        role.inline.remove(name).ok_or_else(|| no_such_inline(name))?;
        self.account.update_role(role, self.request.now);
        Ok(None)
    }
}

/// Wording as [VGW iamerr NoSuchEntityUserPolicy] has it for users.
fn no_such_inline(name: &str) -> crate::aws::wire::AwsError {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}
