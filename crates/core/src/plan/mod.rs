//! Plans: from what must be and what is to a list of steps. A plan is data: the operator executes it, the CLI prints it,
//! tests compare it; an empty one means that nothing is written.

pub mod binding;
mod cause;
pub mod federation;
mod fingerprint;
mod step;

pub use cause::Cause;
pub use fingerprint::Fingerprint;
pub use step::{Plan, Step};
