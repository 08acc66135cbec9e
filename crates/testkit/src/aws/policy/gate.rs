//! Everything that limits one caller.

use serde_json::Value;

use super::Context;
use crate::aws::wire::{AwsError, Caller, Principal};

/// The policies that limit one caller, and who it is.
#[derive(Debug, Clone)]
pub struct Gate {
    caller: Caller,
    role_arn: Option<String>,
    identity: Vec<Value>,
    boundary: Option<Value>,
    session: Option<Value>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::anonymous()
    }
}

impl Gate {
    /// Nobody signed: only resource policies can allow.
    pub fn anonymous() -> Self {
        Self { caller: Caller::Anonymous, role_arn: None, identity: Vec::new(), boundary: None, session: None }
    }

    /// A signed caller with its identity policies (inline and attached). Root needs none.
    pub fn new(principal: Principal, identity: Vec<Value>) -> Self {
        Self { caller: Caller::Principal(principal), role_arn: None, identity, boundary: None, session: None }
    }

    /// With a permissions boundary.
    #[must_use]
    pub fn with_boundary(mut self, document: Value) -> Self {
        self.boundary = Some(document);
        self
    }

    /// With a session policy.
    #[must_use]
    pub fn with_session_policy(mut self, document: Value) -> Self {
        self.session = Some(document);
        self
    }

    /// For a session of a role: the role's own ARN, path included, which resource policies name.
    #[must_use]
    pub fn with_role_arn(mut self, arn: impl Into<String>) -> Self {
        self.role_arn = Some(arn.into());
        self
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// May the caller do `action` on `resource` (an ARN, or `*`) of its own account, by identity policies alone?
    pub fn authorize(&self, _action: &str, _resource: &str, _context: &Context) -> Result<(), AwsError> {
        Err(AwsError::new(403, "AccessDenied", "Access Denied"))
    }

    /// The same for a resource of account `owner` that may have a policy of its own.
    pub fn authorize_on(
        &self,
        _action: &str,
        _resource: &str,
        _context: &Context,
        _owner: &str,
        _policy: Option<&Value>,
    ) -> Result<(), AwsError> {
        Err(AwsError::new(403, "AccessDenied", "Access Denied"))
    }
}
