//! From the API server's watches to objects in memory and passes over them.

mod decode;
mod run;
mod trigger;
mod trim;

pub use self::decode::{Decoded, Unreadable};
pub(crate) use self::{
    run::run,
    trigger::Trigger,
    trim::{reference_to, slim},
};
