//! The documentation says what is there: a runbook for every reason and every alert, no link that leads nowhere, no alert
//! on a metric that does not exist, no command that nobody has said of whether it is run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod config;
mod events;
mod guards;
mod links;
mod manifests;
mod pages;
mod prometheus;
mod runbooks;
mod shell;
mod site;
mod templates;
mod vocabulary;
