//! Rate limiters: how fast we may call one service in one AWS account.
//!
//! IAM throttles per account by numbers that are published nowhere and that nobody can raise (re:Post "IAM and STS
//! throttling"), and other tools in the account share them. So all reconciles of one account share one limiter for each
//! service, which finds out the pace from what AWS refuses: `adaptive.rs` has the law.

mod accounts;
mod adaptive;
mod admission;
mod cubic;
mod queue;
mod random;
mod rate;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use self::{
    accounts::{AccountLimiters, Limiters},
    admission::{Admitted, Limiter, Load},
    queue::Priority,
    rate::Rate,
};
