//! What the end-to-end tests stand on.

pub(crate) mod admin;
pub(crate) mod sdk_process;
pub(crate) mod tokens;
pub(crate) mod walk;
