//! What the end-to-end tests stand on.

pub(crate) mod recorder;
pub(crate) mod sdk_process;
pub(crate) mod status_rules;
pub(crate) mod tokens;
pub(crate) mod walk;
