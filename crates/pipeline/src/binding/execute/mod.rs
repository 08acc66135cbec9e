//! Doing what is planned: steps on the role, and on ServiceAccounts.

pub mod accounts;
pub mod role;
pub mod service_accounts;
