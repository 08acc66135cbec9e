//! The roles of each account as two listings show them, so that looking at a thousand unchanged roles costs pages and not
//! thousands of calls.
//!
//! A listing is only ever used to find that there is nothing to do. Whoever writes has read the role itself before, so a
//! stale or half-seen listing costs a read or a later repair, never a wrong write.

mod cache;
mod inventories;
mod listing;
mod look_up;
mod refresh;

pub use self::inventories::Inventories;
pub(super) use self::{inventories::Touch, refresh::keep};
