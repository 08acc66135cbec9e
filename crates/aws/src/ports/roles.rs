//! IAM roles.

use std::collections::BTreeSet;

use super::AwsTags;
use crate::error::AwsError;

/// A role as `GetRole` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Name, in the case in which it was created; IAM compares names without regard to case.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// The stable unique id (`AROA…`): a role deleted and created again has another one.
    pub id: String,
    /// Path, with both slashes.
    pub path: String,
    /// The trust policy as JSON text, percent-decoded but as IAM rewrote it.
    pub trust_policy: String,
    /// Description; IAM does not tell an empty one from none.
    pub description: String,
    /// Longest session, in seconds.
    pub max_session_seconds: u32,
    /// ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Tags.
    pub tags: AwsTags,
}

/// A role to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// Name, 1 to 64 characters.
    pub name: String,
    /// Path, with both slashes.
    pub path: String,
    /// The trust policy as JSON text.
    pub trust_policy: String,
    /// Description; empty for none.
    pub description: String,
    /// Longest session, 3,600 to 43,200 seconds.
    pub max_session_seconds: u32,
    /// ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Tags. They and the boundary travel in the create call, which does all or nothing: no role of ours ever exists
    /// without its marks or its limits.
    pub tags: AwsTags,
}

/// Roles in IAM, addressed by name.
///
/// **Assumption.** Reads may be stale for a while after a write (see the module above): a caller that repairs must
/// leave time between two repairs of one thing.
pub trait Roles: Send + Sync {
    /// Reads a role, `None` when there is none.
    fn role(&self, name: &str) -> impl Future<Output = Result<Option<Role>, AwsError>> + Send;

    /// Creates a role with all that [`NewRole`] says in one call.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`](crate::Kind::AlreadyExists) also for a name that differs in case only.
    fn create_role(&self, role: &NewRole) -> impl Future<Output = Result<Role, AwsError>> + Send;

    /// Replaces the trust policy.
    fn update_trust_policy(&self, name: &str, policy: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sets description and longest session.
    fn update_role(
        &self,
        name: &str,
        description: &str,
        max_session_seconds: u32,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sets the permissions boundary.
    fn put_permissions_boundary(&self, name: &str, arn: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes the permissions boundary; one that is gone already is fine.
    fn delete_permissions_boundary(&self, name: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sets tags, leaving others alone.
    fn tag_role(&self, name: &str, tags: &AwsTags) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes tags by key.
    fn untag_role(&self, name: &str, keys: &[String]) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// ARNs of all attached managed policies.
    fn attached_policies(&self, name: &str) -> impl Future<Output = Result<BTreeSet<String>, AwsError>> + Send;

    /// Attaches a managed policy; idempotent.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::Kind::NotFound) when the policy (or the role) does not exist.
    fn attach_policy(&self, name: &str, policy_arn: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Detaches a managed policy; one that is gone already is fine.
    fn detach_policy(&self, name: &str, policy_arn: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Names of all inline policies.
    fn inline_policies(&self, name: &str) -> impl Future<Output = Result<BTreeSet<String>, AwsError>> + Send;

    /// An inline policy as JSON text, percent-decoded but as IAM rewrote it; `None` when there is none.
    fn inline_policy(
        &self,
        name: &str,
        policy_name: &str,
    ) -> impl Future<Output = Result<Option<String>, AwsError>> + Send;

    /// Creates or replaces an inline policy.
    fn put_inline_policy(
        &self,
        name: &str,
        policy_name: &str,
        policy: &str,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes an inline policy; one that is gone already is fine.
    fn delete_inline_policy(&self, name: &str, policy_name: &str) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes a role; one that is gone already is fine. Its policies must be gone before. Sessions that it has given
    /// out live on until they expire.
    ///
    /// # Errors
    /// [`Kind::DeleteConflict`](crate::Kind::DeleteConflict) while something is attached to it.
    fn delete_role(&self, name: &str) -> impl Future<Output = Result<(), AwsError>> + Send;
}
