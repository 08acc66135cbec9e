//! Managed policies: the account's own, and reading AWS's.

use super::{
    errors::{already_exists, delete_conflict, no_such_entity, quota, validation},
    exchange::{Answer, Exchange},
    limits,
    state::{ManagedPolicy, PolicyVersion, unique_id},
    tags::{Tags, with_request_tags, with_resource_tags},
    versioned::View,
    xml::Xml,
};
use crate::aws::wire::AwsError;

impl Exchange<'_> {
    pub(super) fn create_policy(&mut self) -> Answer {
        let request = self.request;
        let name = request.name("PolicyName", 128)?;
        let path = request.path()?;
        let arn = self.arn(&format!("policy{path}{name}"));
        let tags = Tags::of(request)?;
        let description = request.text("Description");
        description
            .map(|text| limits::length("description", text, 0, 1_000))
            .transpose()?;
        let document = self.managed_document("PolicyDocument")?;
        let context = with_request_tags(request.context(), &tags);
        request.authorize("CreatePolicy", &arn, &context)?;
        if !tags.is_empty() {
            request.authorize("TagPolicy", &arn, &context)?;
        }
        // Unique by name without regard to path and case [IAM-model CreatePolicy.PolicyName].
        let taken = |policy: &ManagedPolicy| policy.name.eq_ignore_ascii_case(name);
        if self.account.policies.iter(View::Newest).any(|policy| taken(policy)) {
            return Err(already_exists(format!(
                "A policy called {name} already exists. Duplicate names are not allowed."
            )));
        }
        let limit = self.account.quotas.policies;
        if self.account.policies.len() >= limit {
            return Err(quota("PoliciesPerAccount", limit));
        }
        let policy = ManagedPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            id: unique_id("ANPA"),
            arn,
            description: description.map(str::to_owned),
            created: request.now,
            updated: request.now,
            default_version: 1,
            next_version: 2,
            versions: vec![PolicyVersion {
                number: 1,
                document,
                created: request.now,
            }],
            tags,
        };
        let mut xml = Xml::new();
        xml.element("Policy", |xml| self.write_policy(xml, &policy));
        self.put_policy(policy);
        Ok(Some(xml))
    }

    pub(super) fn get_policy(&self) -> Answer {
        let policy = self.readable_policy("GetPolicy")?;
        let mut xml = Xml::new();
        xml.element("Policy", |xml| self.write_policy(xml, policy));
        Ok(Some(xml))
    }

    pub(super) fn get_policy_version(&self) -> Answer {
        let number = self.version_id()?;
        let policy = self.readable_policy("GetPolicyVersion")?;
        let version = policy.version(number).ok_or_else(|| no_such_version(policy, number))?;
        let mut xml = Xml::new();
        xml.element("PolicyVersion", |xml| {
            xml.text("Document", &self.read_back(&version.document));
            write_version(xml, policy, version);
        });
        Ok(Some(xml))
    }

    /// Without documents [IAM-model ListPolicyVersions].
    pub(super) fn list_policy_versions(&self) -> Answer {
        let cursor = self.cursor()?;
        let policy = self.readable_policy("ListPolicyVersions")?;
        // Newest first: the key counts down.
        let versions = policy.versions.iter();
        let keyed = versions.map(|version| (format!("{:010}", u32::MAX - version.number), version));
        let page = cursor.cut_sorted(keyed.collect());
        let mut xml = Xml::new();
        xml.list("Versions", &page.items, |xml, version| {
            write_version(xml, policy, version);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    /// At most five versions [IAM-model CreatePolicyVersion].
    pub(super) fn create_policy_version(&mut self) -> Answer {
        let request = self.request;
        request.document("PolicyDocument")?;
        let mut policy = self.writable_policy("CreatePolicyVersion")?;
        let document = self.managed_document("PolicyDocument")?;
        let limit = self.account.quotas.policy_versions;
        if policy.versions.len() >= limit {
            return Err(super::errors::limit_exceeded(format!(
                "A managed policy can have up to {limit} versions. Before you create a new version, you must delete an \
                 existing version."
            )));
        }
        let number = policy.next_version;
        let version = PolicyVersion {
            number,
            document,
            created: request.now,
        };
        policy.next_version += 1;
        policy.updated = request.now;
        if request.text("SetAsDefault") == Some("true") {
            policy.default_version = number;
        }
        let mut xml = Xml::new();
        xml.element("PolicyVersion", |xml| write_version(xml, &policy, &version));
        policy.versions.push(version);
        self.put_policy(policy);
        Ok(Some(xml))
    }

    pub(super) fn set_default_policy_version(&mut self) -> Answer {
        let number = self.version_id()?;
        let mut policy = self.writable_policy("SetDefaultPolicyVersion")?;
        if policy.version(number).is_none() {
            return Err(no_such_version(&policy, number));
        }
        policy.default_version = number;
        policy.updated = self.request.now;
        self.put_policy(policy);
        Ok(None)
    }

    pub(super) fn delete_policy_version(&mut self) -> Answer {
        let number = self.version_id()?;
        let mut policy = self.writable_policy("DeletePolicyVersion")?;
        if policy.version(number).is_none() {
            return Err(no_such_version(&policy, number));
        }
        if policy.default_version == number {
            return Err(delete_conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        self.put_policy(policy);
        Ok(None)
    }

    /// Refused while it is attached, is a boundary, or has other versions [IAM-model DeletePolicy].
    pub(super) fn delete_policy(&mut self) -> Answer {
        let policy = self.writable_policy("DeletePolicy")?;
        let (attached, boundary_of) = self.usage(&policy.arn, View::Newest);
        if attached + boundary_of > 0 {
            return Err(delete_conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            ));
        }
        let instant = self.account.instant(self.request.now);
        self.account.policies.remove(&policy.arn, instant);
        Ok(None)
    }

    pub(super) fn list_policies(&self) -> Answer {
        let request = self.request;
        let prefix = request.path_prefix()?;
        let cursor = self.cursor()?;
        let scope = request.text("Scope").unwrap_or("All");
        if !matches!(scope, "All" | "AWS" | "Local") {
            return Err(super::errors::constraint(
                "scope",
                "Member must satisfy enum value set: [All, AWS, Local]",
            ));
        }
        let only_attached = request.text("OnlyAttached") == Some("true");
        request.authorize(
            "ListPolicies",
            &self.arn(&format!("policy{prefix}")),
            &request.context(),
        )?;
        let view = self.view();
        let local = self
            .account
            .policies
            .iter(view)
            .map(AsRef::as_ref)
            .filter(|_| scope != "AWS");
        let of_aws = self.catalogue.iter().filter(|_| scope != "Local");
        let wanted = |policy: &&ManagedPolicy| {
            policy.path.starts_with(prefix) && (!only_attached || self.usage(&policy.arn, view).0 > 0)
        };
        let page = cursor.cut_sorted(
            local
                .chain(of_aws)
                .filter(wanted)
                .map(|policy| (policy.arn.clone(), policy))
                .collect(),
        );
        let mut xml = Xml::new();
        xml.list("Policies", &page.items, |xml, policy| self.write_policy(xml, policy));
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    fn version_id(&self) -> Result<u32, AwsError> {
        let text = self.request.required("VersionId")?;
        text.strip_prefix('v')
            .filter(|digits| !digits.starts_with('0'))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| validation("The specified value for versionId is invalid."))
    }

    fn authorize_policy(&self, action: &str, arn: &str, policy: Option<&ManagedPolicy>) -> Result<(), AwsError> {
        let mut context = self.request.context();
        if let Some(policy) = policy {
            context = with_resource_tags(context, &policy.tags);
        }
        self.request.authorize(action, arn, &context)
    }

    fn readable_policy(&self, action: &str) -> Result<&ManagedPolicy, AwsError> {
        let arn = self.request.arn("PolicyArn")?;
        let policy = self.managed(arn, self.view());
        self.authorize_policy(action, arn, policy)?;
        policy.ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
    }

    /// Only the account's own can be changed. The code for AWS's is UNSOURCED.
    fn writable_policy(&self, action: &str) -> Result<ManagedPolicy, AwsError> {
        let arn = self.request.arn("PolicyArn")?;
        let policy = self.account.policies.get(arn, View::Newest);
        self.authorize_policy(action, arn, policy.map(AsRef::as_ref))?;
        if self.catalogue.get(arn).is_some() {
            return Err(AwsError::new(
                403,
                "AccessDenied",
                "Cannot perform the operation on a policy of AWS.",
            ));
        }
        policy
            .map(|policy| ManagedPolicy::clone(policy))
            .ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
    }

    fn put_policy(&mut self, policy: ManagedPolicy) {
        let instant = self.account.instant(self.request.now);
        self.account.policies.put(&policy.arn.clone(), policy, instant);
    }

    /// How many roles and users have it attached, and have it as boundary.
    pub(super) fn usage(&self, arn: &str, view: View) -> (usize, usize) {
        let roles = self
            .account
            .roles
            .iter(view)
            .map(|role| (&role.attached, &role.boundary));
        let users = self
            .account
            .users
            .iter(view)
            .map(|user| (&user.attached, &user.boundary));
        roles
            .chain(users)
            .fold((0, 0), |(attached, bounded), (policies, boundary)| {
                (
                    attached + usize::from(policies.iter().any(|policy| policy == arn)),
                    bounded + usize::from(boundary.as_deref() == Some(arn)),
                )
            })
    }

    pub(super) fn write_policy(&self, xml: &mut Xml, policy: &ManagedPolicy) {
        let (attached, boundary_of) = self.usage(&policy.arn, self.view());
        xml.text("PolicyName", &policy.name)
            .text("PolicyId", &policy.id)
            .text("Arn", &policy.arn)
            .text("Path", &policy.path)
            .text("DefaultVersionId", &format!("v{}", policy.default_version))
            .value("AttachmentCount", attached)
            .value("PermissionsBoundaryUsageCount", boundary_of)
            .value("IsAttachable", true);
        if let Some(description) = &policy.description {
            xml.text("Description", description);
        }
        xml.time("CreateDate", policy.created)
            .time("UpdateDate", policy.updated);
        policy.tags.write(xml);
    }
}

/// A version's elements besides its document.
pub(super) fn write_version(xml: &mut Xml, policy: &ManagedPolicy, version: &PolicyVersion) {
    xml.text("VersionId", &format!("v{}", version.number))
        .value("IsDefaultVersion", policy.default_version == version.number)
        .time("CreateDate", version.created);
}

fn no_such_version(policy: &ManagedPolicy, number: u32) -> AwsError {
    no_such_entity(format!(
        "Policy {} version v{number} does not exist or is not attachable.",
        policy.arn
    ))
}
