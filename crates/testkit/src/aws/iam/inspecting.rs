//! An account's roles and providers as they are, whatever a delayed read may still see; and changes by somebody else in
//! the account.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    state::{Provider, Role},
    tags::Tags,
    versioned::View,
};
use crate::aws::{
    account::Account,
    wire::{AwsError, Call, Caller, Principal, PrincipalKind, Service},
};

/// A role in the newest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleState {
    /// As it was created.
    pub name: String,
    /// `/…/`
    pub path: String,
    /// `AROA…`; another one for another role of the same name.
    pub id: String,
    /// Its description, if it has one.
    pub description: Option<String>,
    /// Seconds.
    pub max_session: u32,
    /// As it was put.
    pub trust: String,
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, by name, as they were put.
    pub inline: BTreeMap<String, String>,
}

/// An OIDC provider in the newest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// Without `https://`.
    pub url: String,
    /// Its audiences.
    pub client_ids: BTreeSet<String>,
    /// Its thumbprints, in order.
    pub thumbprints: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

fn map(tags: &Tags) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn role(role: &Arc<Role>) -> (String, RoleState) {
    let state = RoleState {
        name: role.name.clone(),
        path: role.path.clone(),
        id: role.id.clone(),
        description: role.description.clone(),
        max_session: role.max_session,
        trust: role.trust.text.clone(),
        boundary: role.boundary.clone(),
        tags: map(&role.tags),
        attached: role.attached.iter().cloned().collect(),
        inline: role
            .inline
            .iter()
            .map(|(name, document)| (name.clone(), document.text.clone()))
            .collect(),
    };
    (role.name.clone(), state)
}

fn provider(provider: &Arc<Provider>) -> (String, ProviderState) {
    let state = ProviderState {
        url: provider.url.clone(),
        client_ids: provider.client_ids.iter().cloned().collect(),
        thumbprints: provider.thumbprints.clone(),
        tags: map(&provider.tags),
    };
    (provider.arn.clone(), state)
}

impl Account<'_> {
    /// The account's roles by name.
    pub fn roles(&self) -> BTreeMap<String, RoleState> {
        let state = self.world.lock();
        let account = state.iam.accounts.get(&self.id);
        let roles = account.into_iter().flat_map(|account| account.roles.iter(View::Newest));
        roles.map(role).collect()
    }

    /// The account's OIDC providers by ARN.
    pub fn providers(&self) -> BTreeMap<String, ProviderState> {
        let state = self.world.lock();
        let account = state.iam.accounts.get(&self.id);
        let providers = account
            .into_iter()
            .flat_map(|account| account.providers.iter(View::Newest));
        providers.map(provider).collect()
    }

    /// Makes a call to IAM as the account's root, past the front: no signature, throttle or fault, and not in the log. The
    /// answer's body. Errors are IAM's own.
    pub fn call_iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, AwsError> {
        let mut body = format!("Action={action}&Version=2010-05-08");
        for (key, value) in parameters {
            body.push_str(&format!("&{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
        let call = Call {
            service: Service::Iam,
            region: "us-east-1".to_owned(),
            method: Method::POST,
            host: "iam.amazonaws.com".to_owned(),
            raw_path: "/".to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::from(body),
            caller: Caller::Principal(Principal {
                account: self.id.clone(),
                arn: format!("arn:aws:iam::{}:root", self.id),
                user_id: self.id.clone(),
                kind: PrincipalKind::Root,
            }),
            now: self.world.clock.now(),
            request_id: "somebody-else".to_owned(),
        };
        let mut state = self.world.lock();
        let gate = state.iam.gate(&call.caller);
        let reply = state.iam.handle(&call, &gate)?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }
}
