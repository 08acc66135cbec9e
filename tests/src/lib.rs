//! What several test binaries of the workspace share.

pub mod admin;
pub mod argocd;
pub mod gitops;
pub mod helm;
pub mod made;
pub mod shell_blocks;
pub mod tokens;
pub mod world;
