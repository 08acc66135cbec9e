//! The certificate by which API servers know the webhook: made and rotated by the webhook itself in a Secret, or mounted by whoever
//! makes it (cert-manager).
//!
//! In the Secret are one or two certificate authorities, the newest first, the newest one's key, and the leaf that is shown. A rotation of the
//! authority never breaks a connection: the new one is announced to the API servers beside the old one, the leaf is signed by it
//! once they have had time to learn of it, and the old one is forgotten once no replica shows its leaf.

mod held;
mod issue;
mod keeper;
mod mounted;
mod rotation;
mod store;

pub(crate) use keeper::{Keeper, Names};
pub(crate) use mounted::follow;
