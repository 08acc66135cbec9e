//! From the API server's watches to objects in memory and passes over them.

mod decode;
mod run;
mod shared;
mod trigger;
mod trim;

pub use self::{
    decode::{Decoded, Unreadable},
    shared::{WatchOfBindings, WatchOfFederations, shared},
};
pub(crate) use self::{
    run::{run, wake_shown},
    shared::{Heard, Losses},
    trigger::Trigger,
    trim::{paged, reference_to, slim},
};
