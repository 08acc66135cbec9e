//! IAM's query protocol, version 2010-05-08: roles, policies, OIDC providers; users and keys as far as callers need.
//!
//! Sources are named as in the crate's reference: [IAM-model] the service model that the SDKs are made from,
//! [QUOTA-2026], \[SAR\] the Service Authorization Reference, [IAMUG-2023] the user guide, \[VGW\] versitygw's comments on
//! observed behaviour, \[GS\] Giant Swarm's operator.
//!
//! A management read sees the account as it was a settable delay ago; a write acts on, and is checked against, the
//! newest state.

mod account;
mod catalogue;
mod errors;
mod exchange;
mod gate;
mod identity;
mod inspecting;
mod keys;
mod limits;
mod managed;
mod paging;
mod profiles;
mod provider_url;
mod providers;
mod request;
mod rewriting;
mod role_policies;
mod roles;
mod seeding;
mod settings;
mod simulating;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod users;
mod versioned;
mod xml;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use self::{
    catalogue::Catalogue,
    exchange::{Answer, Exchange},
    keys::AccessKeys,
    request::IamRequest,
    state::{AccountState, key},
    xml::Xml,
};
pub use self::{
    inspecting::{ProviderState, RoleState},
    limits::Quotas,
    paging::Paging,
    rewriting::Rewriting,
    settings::{Settings, ThumbprintProbe},
};
use super::{
    policy::Gate,
    wire::{AwsError, Call, Outcome},
};

/// IAM's state, of all accounts.
#[derive(Debug, Default)]
pub struct Iam {
    accounts: BTreeMap<String, AccountState>,
    catalogue: Catalogue,
    keys: AccessKeys,
    settings: Settings,
}

/// A role as STS sees it (after the consistency delay).
#[derive(Debug, Clone)]
pub(crate) struct RoleView {
    pub(crate) arn: String,
    /// As it was created.
    pub(crate) name: String,
    /// `AROA…`
    pub(crate) id: String,
    pub(crate) trust: Value,
    /// Seconds.
    pub(crate) max_session_duration: u32,
}

/// An OIDC provider as STS sees it (after the consistency delay).
#[derive(Debug, Clone)]
pub(crate) struct ProviderView {
    pub(crate) arn: String,
    /// With `https://`, byte for byte as registered.
    pub(crate) url: String,
    pub(crate) client_ids: Vec<String>,
}

impl Iam {
    /// Serves one call.
    pub(crate) fn handle(&mut self, call: &Call, gate: &Gate) -> Outcome {
        let form = call.form();
        let action = form.get("Action").cloned().unwrap_or_default();
        let version = form.get("Version").map_or("", String::as_str);
        // IAM has no anonymous calls. Wording [VGW iamerr].
        let Some(account_id) = gate.account() else {
            let message = "Request is missing Authentication Token";
            return Err(AwsError::new(403, "MissingAuthenticationToken", message));
        };
        if version != "2010-05-08" {
            return Err(unknown_operation(&action, version));
        }
        let request = IamRequest::new(call, gate, account_id, form);
        let mut exchange = Exchange {
            request: &request,
            account: self.accounts.entry(account_id.to_owned()).or_default(),
            catalogue: &self.catalogue,
            settings: &self.settings,
            keys: &mut self.keys,
        };
        let result = exchange.run(&action)?;
        Ok(Xml::reply(result, &action, &call.request_id))
    }

    /// The role of this name (case-insensitive), as a read at `now` sees it.
    pub(crate) fn role(&self, account: &str, name: &str, now: Timestamp) -> Option<RoleView> {
        let account = self.accounts.get(account)?;
        let role = account.roles.get(&key(name), account.view(now))?;
        Some(RoleView {
            arn: role.arn.clone(),
            name: role.name.clone(),
            id: role.id.clone(),
            trust: role.trust.value.clone(),
            max_session_duration: role.max_session,
        })
    }

    /// The provider of this ARN, as a read at `now` sees it.
    pub(crate) fn provider(&self, account: &str, arn: &str, now: Timestamp) -> Option<ProviderView> {
        let account = self.accounts.get(account)?;
        let provider = account.providers.get(arn, account.view(now))?;
        Some(ProviderView {
            arn: provider.arn.clone(),
            url: format!("https://{}", provider.url),
            client_ids: provider.client_ids.clone(),
        })
    }
}

impl Exchange<'_> {
    fn run(&mut self, action: &str) -> Answer {
        match action {
            "CreateRole" => self.create_role(),
            "GetRole" => self.get_role(),
            "ListRoles" => self.list_roles(),
            "UpdateRole" => self.update_role(),
            "UpdateRoleDescription" => self.update_role_description(),
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy(),
            "DeleteRole" => self.delete_role(),
            "PutRolePermissionsBoundary" => self.put_role_permissions_boundary(),
            "DeleteRolePermissionsBoundary" => self.delete_role_permissions_boundary(),
            "TagRole" => self.tag_role(),
            "UntagRole" => self.untag_role(),
            "ListRoleTags" => self.list_role_tags(),
            "AttachRolePolicy" => self.attach_role_policy(),
            "DetachRolePolicy" => self.detach_role_policy(),
            "ListAttachedRolePolicies" => self.list_attached_role_policies(),
            "PutRolePolicy" => self.put_role_policy(),
            "GetRolePolicy" => self.get_role_policy(),
            "ListRolePolicies" => self.list_role_policies(),
            "DeleteRolePolicy" => self.delete_role_policy(),
            "CreateInstanceProfile" => self.create_instance_profile(),
            "DeleteInstanceProfile" => self.delete_instance_profile(),
            "AddRoleToInstanceProfile" => self.add_role_to_instance_profile(),
            "RemoveRoleFromInstanceProfile" => self.remove_role_from_instance_profile(),
            "ListInstanceProfilesForRole" => self.list_instance_profiles_for_role(),
            "CreatePolicy" => self.create_policy(),
            "GetPolicy" => self.get_policy(),
            "ListPolicies" => self.list_policies(),
            "DeletePolicy" => self.delete_policy(),
            "CreatePolicyVersion" => self.create_policy_version(),
            "GetPolicyVersion" => self.get_policy_version(),
            "ListPolicyVersions" => self.list_policy_versions(),
            "SetDefaultPolicyVersion" => self.set_default_policy_version(),
            "DeletePolicyVersion" => self.delete_policy_version(),
            "CreateOpenIDConnectProvider" => self.create_open_id_connect_provider(),
            "GetOpenIDConnectProvider" => self.get_open_id_connect_provider(),
            "ListOpenIDConnectProviders" => self.list_open_id_connect_providers(),
            "DeleteOpenIDConnectProvider" => self.delete_open_id_connect_provider(),
            "AddClientIDToOpenIDConnectProvider" => self.add_client_id(),
            "RemoveClientIDFromOpenIDConnectProvider" => self.remove_client_id(),
            "UpdateOpenIDConnectProviderThumbprint" => self.update_thumbprint(),
            "TagOpenIDConnectProvider" => self.tag_open_id_connect_provider(),
            "UntagOpenIDConnectProvider" => self.untag_open_id_connect_provider(),
            "ListOpenIDConnectProviderTags" => self.list_open_id_connect_provider_tags(),
            "GetAccountAuthorizationDetails" => self.get_account_authorization_details(),
            "GetAccountSummary" => self.get_account_summary(),
            "SimulatePrincipalPolicy" => self.simulate_principal_policy(),
            "GetUser" => self.get_user(),
            "ListUsers" => self.list_users(),
            "CreateAccessKey" => self.create_access_key(),
            unknown => Err(unknown_operation(unknown, "2010-05-08")),
        }
    }
}

/// Wording [VGW iamerr InvalidAction].
fn unknown_operation(action: &str, version: &str) -> AwsError {
    let message = format!("Could not find operation {action} for version {version}");
    AwsError::new(400, "InvalidAction", message)
}
