//! IAM's query protocol.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    policy::Gate,
    wire::{AwsError, Call, Caller, Outcome, Principal},
};

/// IAM's state, of all accounts.
#[derive(Debug, Default)]
pub struct Iam {}

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
    pub(crate) fn handle(&mut self, call: &Call, _gate: &Gate) -> Outcome {
        let action = call.form().remove("Action").unwrap_or_default();
        Err(AwsError::new(400, "InvalidAction", format!("Could not find operation {action}")))
    }

    /// The identity behind an access key and its secret.
    pub(crate) fn principal_for_access_key(&self, _access_key_id: &str) -> Option<(Principal, String)> {
        None
    }

    /// What limits this caller.
    pub(crate) fn gate(&self, _caller: &Caller) -> Gate {
        Gate::default()
    }

    /// The role of this name (case-insensitive), as a read at `now` sees it.
    pub(crate) fn role(&self, _account: &str, _name: &str, _now: Timestamp) -> Option<RoleView> {
        None
    }

    /// The provider of this ARN, as a read at `now` sees it.
    pub(crate) fn provider(&self, _account: &str, _arn: &str, _now: Timestamp) -> Option<ProviderView> {
        None
    }
}
