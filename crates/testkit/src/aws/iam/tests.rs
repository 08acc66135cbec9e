//! The rules, each driven through the query protocol as a client drives it.

mod details;
mod policies;
mod providers;
mod roles;
mod simulating;
mod support;
mod tags;
