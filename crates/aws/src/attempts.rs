//! Counters of AWS calls: every attempt, retries included, by labels from closed sets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::limiter::Priority;

macro_rules! operations {
    ($($variant:ident: $service:literal, $name:literal, $priority:ident;)+) => {
        /// An operation of AWS that we call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $(
                #[doc = concat!("`", $service, ":", $name, "`")]
                $variant,
            )+
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// `iam`, `s3` or `sts`.
            pub const fn service(self) -> &'static str {
                match self { $(Self::$variant => $service),+ }
            }

            /// The name in the service's model: `CreateRole`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Whether it changes anything.
            pub const fn priority(self) -> Priority {
                match self { $(Self::$variant => Priority::$priority),+ }
            }
        }
    };
}

operations! {
    AddClientId: "iam", "AddClientIDToOpenIDConnectProvider", Write;
    AttachRolePolicy: "iam", "AttachRolePolicy", Write;
    CreateProvider: "iam", "CreateOpenIDConnectProvider", Write;
    CreateRole: "iam", "CreateRole", Write;
    DeleteProvider: "iam", "DeleteOpenIDConnectProvider", Write;
    DeleteRole: "iam", "DeleteRole", Write;
    DeleteRolePermissionsBoundary: "iam", "DeleteRolePermissionsBoundary", Write;
    DeleteRolePolicy: "iam", "DeleteRolePolicy", Write;
    DetachRolePolicy: "iam", "DetachRolePolicy", Write;
    GetAccountAuthorizationDetails: "iam", "GetAccountAuthorizationDetails", Read;
    GetProvider: "iam", "GetOpenIDConnectProvider", Read;
    GetRole: "iam", "GetRole", Read;
    GetRolePolicy: "iam", "GetRolePolicy", Read;
    ListAttachedRolePolicies: "iam", "ListAttachedRolePolicies", Read;
    ListRolePolicies: "iam", "ListRolePolicies", Read;
    ListRoles: "iam", "ListRoles", Read;
    PutRolePermissionsBoundary: "iam", "PutRolePermissionsBoundary", Write;
    PutRolePolicy: "iam", "PutRolePolicy", Write;
    RemoveClientId: "iam", "RemoveClientIDFromOpenIDConnectProvider", Write;
    SimulatePrincipalPolicy: "iam", "SimulatePrincipalPolicy", Read;
    TagProvider: "iam", "TagOpenIDConnectProvider", Write;
    TagRole: "iam", "TagRole", Write;
    UntagProvider: "iam", "UntagOpenIDConnectProvider", Write;
    UntagRole: "iam", "UntagRole", Write;
    UpdateAssumeRolePolicy: "iam", "UpdateAssumeRolePolicy", Write;
    UpdateThumbprints: "iam", "UpdateOpenIDConnectProviderThumbprint", Write;
    UpdateRole: "iam", "UpdateRole", Write;
    CreateBucket: "s3", "CreateBucket", Write;
    DeleteBucket: "s3", "DeleteBucket", Write;
    DeleteBucketPolicy: "s3", "DeleteBucketPolicy", Write;
    DeleteObject: "s3", "DeleteObject", Write;
    GetBucketPolicy: "s3", "GetBucketPolicy", Read;
    GetObject: "s3", "GetObject", Read;
    GetPublicAccessBlock: "s3", "GetPublicAccessBlock", Read;
    PutBucketPolicy: "s3", "PutBucketPolicy", Write;
    PutObject: "s3", "PutObject", Write;
    PutPublicAccessBlock: "s3", "PutPublicAccessBlock", Write;
    AssumeRole: "sts", "AssumeRole", Read;
    AssumeRoleWithWebIdentity: "sts", "AssumeRoleWithWebIdentity", Read;
    GetCallerIdentity: "sts", "GetCallerIdentity", Read;
}

impl Operation {
    /// The operation of IAM or STS that the `Action` parameter names.
    pub fn of_action(action: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| operation.service() != "s3" && operation.name() == action)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptResult {
    /// AWS did it.
    Succeeded,
    /// AWS said no: denied, not found, invalid, precondition failed, …
    Refused,
    /// AWS said that we ask too often.
    Throttled,
    /// AWS failed (5xx).
    Failed,
    /// No whole answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// We gave up on it ourselves.
    Cancelled,
}

impl AttemptResult {
    /// The value of a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The counts. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<BTreeMap<(Operation, AttemptResult), u64>>>);

impl Attempts {
    /// Starts an attempt. It counts when what is returned is dropped, so that one that is cancelled counts too.
    pub(crate) fn begin(&self, operation: Operation) -> Attempt {
        Attempt {
            attempts: self.clone(),
            operation,
            result: AttemptResult::Cancelled,
        }
    }

    /// All counts that are not zero, since the start. They only grow.
    pub fn snapshot(&self) -> BTreeMap<(Operation, AttemptResult), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many attempts of this operation there were, however they ended.
    pub fn of(&self, operation: Operation) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .filter(|((of, _), _)| *of == operation)
            .map(|(_, count)| count)
            .sum()
    }
}

/// One attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    attempts: Attempts,
    operation: Operation,
    result: AttemptResult,
}

impl Attempt {
    /// Says how it ended.
    pub(crate) fn ended(&mut self, result: AttemptResult) {
        self.result = result;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut counts = self.attempts.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((self.operation, self.result)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_counts_once_even_when_it_is_given_up() {
        let attempts = Attempts::default();
        attempts.begin(Operation::GetRole).ended(AttemptResult::Succeeded);
        attempts.begin(Operation::GetRole).ended(AttemptResult::Throttled);
        drop(attempts.begin(Operation::GetRole));
        let counts = attempts.snapshot();
        assert_eq!(counts.len(), 3);
        assert_eq!(counts[&(Operation::GetRole, AttemptResult::Cancelled)], 1);
        assert_eq!(attempts.of(Operation::GetRole), 3);
        assert_eq!(attempts.of(Operation::CreateRole), 0);
    }

    #[test]
    fn an_action_names_its_operation_and_a_strange_one_none() {
        assert_eq!(Operation::of_action("CreateRole"), Some(Operation::CreateRole));
        assert_eq!(Operation::of_action("AssumeRole"), Some(Operation::AssumeRole));
        assert_eq!(Operation::of_action("PutObject"), None);
        assert_eq!(Operation::of_action("CreateUser"), None);
    }

    #[test]
    fn what_reads_by_name_has_the_priority_of_a_read() {
        for operation in Operation::ALL {
            let reads = ["Get", "List", "Assume", "Simulate"]
                .iter()
                .any(|verb| operation.name().starts_with(verb));
            assert_eq!(operation.priority() == Priority::Read, reads, "{operation:?}");
        }
    }
}
