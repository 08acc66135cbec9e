//! [`PolicySimulator`]: what somebody may, without doing it.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use crate::error::AwsError;

/// IAM's policy simulator.
///
/// **Assumption.** It knows the policies and the boundary of a user or role, not those of resources, and those of an organisation only as
/// far as AWS takes them into account [IAM API, SimulatePrincipalPolicy].
pub trait PolicySimulator: Send + Sync {
    /// Those of the actions that a user or role (its ARN) may do to a resource (an ARN, or `*`), with condition keys that the call would have.
    fn permitted(
        &self,
        principal: &str,
        actions: &BTreeSet<String>,
        resource: &str,
        context: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<BTreeSet<String>, AwsError>> + Send;
}
