//! The steps of a pass: observe, validate, plan, execute, conclude; of both kinds, and without state.
//!
//! Whoever conducts (`irsa-controller`, or a command that looks and prints) hands in what it knows of the cluster and of
//! earlier passes, and gets back what was found, what is to be done, and what came of it. There is no watch in here, no lock, no
//! clock, no metric and no lease.
//!
//! # The order
//! Within a kind `spec < observe < validate < plan < execute < conclude`; a module imports what is to its left.
//! Observation has two halves: the cluster says where to look, AWS says what is there. So a pass reads context → validate → observe
//! → plan → execute → conclude, for both kinds.
//!
//! # What a step may touch
//! | step | the cluster | AWS |
//! |---|---|---|
//! | observe | reads | reads |
//! | validate | – | – |
//! | plan | – | – |
//! | execute | writes, each with a [`permit`] | writes, each with a [`permit`] |
//! | conclude | – | – |

pub mod aws_errors;
pub mod binding;
pub mod conditions;
pub mod evidence;
pub mod federation;
pub mod kube_errors;
pub mod object;
pub mod permit;
pub mod report;
pub mod spec;
pub mod stage;
pub mod step_error;
