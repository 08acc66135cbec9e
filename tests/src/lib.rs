//! What several test binaries of the workspace share.

pub mod admin;
pub mod argocd;
pub mod helm;
pub mod shell_blocks;
pub mod tokens;
pub mod world;
