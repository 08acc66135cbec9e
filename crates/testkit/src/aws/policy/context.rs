//! Condition keys of one request.

use std::collections::BTreeMap;

use crate::aws::wire::{Call, Caller, PrincipalKind};

/// Condition keys and their values. Keys compare without regard to case [IAMUG-2023 condition keys]; values keep theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    keys: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// A context without any key.
    pub fn new() -> Self {
        Self::default()
    }

    /// The global keys that every call has: time, transport, requested region and, for a signed call, its principal.
    ///
    /// The double listens on TLS only, so `aws:SecureTransport` is always true.
    pub fn of(call: &Call) -> Self {
        let mut context = Self::new()
            .with("aws:CurrentTime", call.now.to_string())
            .with("aws:EpochTime", call.now.as_second().to_string())
            .with("aws:SecureTransport", "true")
            .with("aws:RequestedRegion", call.region.as_str());
        if let Some(agent) = call.header("user-agent") {
            context.insert("aws:UserAgent", [agent]);
        }
        match &call.caller {
            Caller::Anonymous => context.insert("aws:PrincipalType", ["Anonymous"]),
            Caller::Principal(principal) => {
                context.insert("aws:PrincipalAccount", [principal.account.as_str()]);
                context.insert("aws:PrincipalArn", [principal.arn.as_str()]);
                context.insert("aws:userid", [principal.user_id.as_str()]);
                let kind = match &principal.kind {
                    PrincipalKind::Root => "Account",
                    PrincipalKind::User(name) => {
                        context.insert("aws:username", [name.as_str()]);
                        "User"
                    }
                    PrincipalKind::AssumedRole { .. } => "AssumedRole",
                };
                context.insert("aws:PrincipalType", [kind]);
            }
        }
        context
    }

    /// The same context with one single-valued key more; a key that was there is replaced.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.insert(key, [value.into()]);
        self
    }

    /// Sets a key to these values. A key without values counts as missing [IAMUG-2023 ForAllValues: "null data set"].
    pub fn insert<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        self.keys
            .insert(key.to_ascii_lowercase(), values.into_iter().map(Into::into).collect());
    }

    /// The values of a key; `None` when the request does not have it.
    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.keys.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The only value of a key that has exactly one.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.values(key) {
            Some([value]) => Some(value),
            _ => None,
        }
    }
}
