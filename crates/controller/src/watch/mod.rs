//! From the API server's watches to objects in memory and passes over them.

mod changed;
mod decode;
mod run;
mod shared;
mod trigger;
mod trim;

pub(crate) use self::{
    changed::{Shown, changed},
    run::{run, wake_shown},
    shared::{Heard, Losses},
    trigger::Trigger,
    trim::{paged, reference_to, slim},
};
pub use self::{
    decode::{Decoded, Unreadable},
    run::RunEnded,
    shared::{WatchOfBindings, WatchOfFederations, shared},
};
