//! What there is: around the binding in the cluster, its role in IAM, its ServiceAccounts.

pub mod context;
pub mod existing_role;
pub mod role;
pub mod service_accounts;
