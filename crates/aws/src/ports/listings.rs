//! Listings of IAM roles by the page: a check of many costs a few calls instead of several for each.

use std::collections::{BTreeMap, BTreeSet};

use super::AwsTags;
use crate::error::AwsError;

/// A role as `ListRoles` shows it: without tags, boundary and policies [IAM-model ListRoles].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRole {
    /// Name, in the case in which it was created.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// The stable unique id.
    pub id: String,
    /// The trust policy as JSON text, percent-decoded but as IAM rewrote it.
    pub trust_policy: String,
    /// Description; IAM does not tell an empty one from none.
    pub description: String,
    /// Longest session, in seconds.
    pub max_session_seconds: u32,
}

/// What `GetAccountAuthorizationDetails` shows of a role that `ListRoles` does not. It lacks description and session
/// duration in turn [IAM-model RoleDetail].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailedRole {
    /// Name, in the case in which it was created.
    pub name: String,
    /// The stable unique id.
    pub id: String,
    /// ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Tags.
    pub tags: AwsTags,
    /// ARNs of the attached managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies: name to JSON text, percent-decoded but as IAM rewrote it.
    pub inline: BTreeMap<String, String>,
}

/// Roles of a whole account.
///
/// **Assumption.** A listing of several pages is no snapshot: a role that changes meanwhile may be seen before or after.
pub trait RoleListings: Send + Sync {
    /// Shows `visit` all roles whose path starts with this, page by page: no more than a page is in memory.
    fn roles_under(
        &self,
        path_prefix: &str,
        visit: impl FnMut(ListedRole) + Send,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Shows `visit` those roles of the account that `keep` wants by their path and tags, page by page. `false` when the
    /// account has more than `at_most` roles: the listing ends there.
    fn detailed_roles(
        &self,
        at_most: usize,
        keep: impl Fn(&str, &AwsTags) -> bool + Send + Sync,
        visit: impl FnMut(DetailedRole) + Send,
    ) -> impl Future<Output = Result<bool, AwsError>> + Send;
}
