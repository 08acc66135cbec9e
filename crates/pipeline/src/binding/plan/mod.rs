//! What has to be done for a binding: to its role, and to its ServiceAccounts.

pub mod accounts;
pub mod role;
