//! What each process of irsa-anywhere has: its flags, its log, its probes and metrics, its client of the Kubernetes API, its signals.

pub mod args;
pub mod kubernetes;
pub mod log;
pub mod probes;
pub mod signals;
