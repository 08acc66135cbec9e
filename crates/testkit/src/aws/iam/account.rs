//! The calls about a whole account: GetAccountAuthorizationDetails, GetAccountSummary.

use std::{cmp::Ordering, sync::Arc};

use super::{
    errors::constraint,
    exchange::{Answer, Exchange},
    managed::write_version,
    state::{ManagedPolicy, Role, User, key},
    xml::Xml,
};

/// One entity of GetAccountAuthorizationDetails.
enum Detail<'a> {
    User(&'a User),
    Role(&'a Role),
    Policy(&'a ManagedPolicy),
}

impl Exchange<'_> {
    /// Users, roles and policies in one sequence of pages; MaxItems counts them together.
    ///
    /// Roles come without description and session duration [IAM-model RoleDetail]. The double has no groups.
    pub(super) fn get_account_authorization_details(&self) -> Answer {
        let kinds = self.request.list("Filter");
        let known = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];
        if kinds.iter().any(|kind| !known.contains(&kind.as_str())) {
            return Err(constraint(
                "filter",
                "Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]",
            ));
        }
        let cursor = self.cursor()?;
        self.request
            .authorize("GetAccountAuthorizationDetails", "*", &self.request.context())?;
        let wanted = |kind: &str| kinds.is_empty() || kinds.iter().any(|asked| asked == kind);
        let from = |kind: &str| start_of(kind, cursor.after.as_deref()).filter(|_| wanted(kind));
        let view = self.view();
        let users = from("User").into_iter().flat_map(|after| {
            self.account
                .users
                .after(Some(after), view)
                .map(|(key, user)| (format!("1{key}"), Detail::User(user)))
        });
        let roles = from("Role").into_iter().flat_map(|after| {
            self.account
                .roles
                .after(Some(after), view)
                .map(|(key, role)| (format!("2{key}"), Detail::Role(role)))
        });
        let local = from("LocalManagedPolicy").into_iter().flat_map(|after| {
            self.account
                .policies
                .after(Some(after), view)
                .map(|(key, policy)| (format!("3{key}"), Detail::Policy(policy)))
        });
        let of_aws = from("AWSManagedPolicy").into_iter().flat_map(|after| {
            let later = move |policy: &&ManagedPolicy| policy.arn.as_str() > after;
            self.catalogue
                .iter()
                .filter(later)
                .map(|policy| (format!("4{}", policy.arn), Detail::Policy(policy)))
        });
        let page = cursor.cut(users.chain(roles).chain(local).chain(of_aws));
        let mut xml = Xml::new();
        let users = page.items.iter().filter_map(|item| {
            if let Detail::User(user) = item {
                Some(user)
            } else {
                None
            }
        });
        xml.list("UserDetailList", users, |xml, user| self.write_user_detail(xml, user));
        xml.list("GroupDetailList", None::<()>, |_, ()| {});
        let roles = page.items.iter().filter_map(|item| {
            if let Detail::Role(role) = item {
                Some(role)
            } else {
                None
            }
        });
        xml.list("RoleDetailList", roles, |xml, role| self.write_role_detail(xml, role));
        let policies = page.items.iter().filter_map(|item| {
            if let Detail::Policy(policy) = item {
                Some(policy)
            } else {
                None
            }
        });
        xml.list("Policies", policies, |xml, policy| {
            self.write_policy_detail(xml, policy);
        });
        page.write_end(&mut xml);
        Ok(Some(xml))
    }

    fn write_role_detail(&self, xml: &mut Xml, role: &Role) {
        let role_key = key(&role.name);
        let profiles = self.account.profiles_of(&role_key, self.view()).map(Arc::as_ref);
        xml.text("Path", &role.path)
            .text("RoleName", &role.name)
            .text("RoleId", &role.id)
            .text("Arn", &role.arn)
            .time("CreateDate", role.created)
            .text("AssumeRolePolicyDocument", &self.read_back(&role.trust))
            .list("InstanceProfileList", profiles, |xml, profile| {
                self.write_profile(xml, profile);
            })
            .list("RolePolicyList", &role.inline, |xml, (name, document)| {
                xml.text("PolicyName", name)
                    .text("PolicyDocument", &self.read_back(document));
            })
            .list("AttachedManagedPolicies", &role.attached, |xml, arn| {
                Self::write_attached(xml, arn);
            });
        Self::write_boundary(xml, role.boundary.as_deref());
        role.tags.write(xml);
        xml.element("RoleLastUsed", |_| {});
    }

    fn write_user_detail(&self, xml: &mut Xml, user: &User) {
        user.write(xml);
        xml.list("UserPolicyList", &user.inline, |xml, (name, document)| {
            xml.text("PolicyName", name)
                .text("PolicyDocument", &self.read_back(document));
        })
        .list("GroupList", None::<()>, |_, ()| {})
        .list("AttachedManagedPolicies", &user.attached, |xml, arn| {
            Self::write_attached(xml, arn);
        });
    }

    fn write_policy_detail(&self, xml: &mut Xml, policy: &ManagedPolicy) {
        self.write_policy(xml, policy);
        xml.list("PolicyVersionList", &policy.versions, |xml, version| {
            xml.text("Document", &self.read_back(&version.document));
            write_version(xml, policy, version);
        });
    }

    /// Usage and quotas, as far as the double has the entities [IAM-model summaryKeyType].
    pub(super) fn get_account_summary(&self) -> Answer {
        self.request
            .authorize("GetAccountSummary", "*", &self.request.context())?;
        let quotas = &self.account.quotas;
        let view = self.view();
        let figures = [
            ("AccessKeysPerUserQuota", quotas.access_keys),
            ("AssumeRolePolicySizeQuota", quotas.trust_policy_size),
            ("AttachedPoliciesPerRoleQuota", quotas.attached_per_role),
            ("InstanceProfiles", self.account.profiles.iter(view).count()),
            ("InstanceProfilesQuota", quotas.instance_profiles),
            ("Policies", self.account.policies.iter(view).count()),
            ("PoliciesQuota", quotas.policies),
            ("PolicySizeQuota", quotas.managed_policy_size),
            ("Providers", self.account.providers.iter(view).count()),
            ("RolePolicySizeQuota", quotas.inline_policies_size),
            ("Roles", self.account.roles.iter(view).count()),
            ("RolesQuota", quotas.roles),
            ("Users", self.account.users.iter(view).count()),
            ("VersionsPerPolicyQuota", quotas.policy_versions),
        ];
        let mut xml = Xml::new();
        xml.element("SummaryMap", |xml| {
            for (name, figure) in figures {
                xml.element("entry", |xml| {
                    xml.text("key", name).value("value", figure);
                });
            }
        });
        Ok(Some(xml))
    }
}

/// After which key the entities of a kind go on: the empty key before the first, `None` when the marker is past all.
fn start_of<'k>(kind: &str, marker: Option<&'k str>) -> Option<&'k str> {
    let rank = match kind {
        "User" => "1",
        "Role" => "2",
        "LocalManagedPolicy" => "3",
        _ => "4",
    };
    let Some((reached, key)) = marker.and_then(|marker| marker.split_at_checked(1)) else {
        return Some("");
    };
    match rank.cmp(reached) {
        Ordering::Less => None,
        Ordering::Equal => Some(key),
        Ordering::Greater => Some(""),
    }
}
