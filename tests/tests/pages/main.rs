//! The pages as a reader uses them: their commands are run as they are written, and the dashboard's queries are asked of the real
//! `/metrics`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod dashboard;
mod exposition;
mod run;
mod shell;
