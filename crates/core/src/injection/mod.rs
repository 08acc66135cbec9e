//! Injection of pods: what a pod of a bound ServiceAccount gets, and what of a cluster's admission gives it.
//!
//! The decision is written twice, because there are two carriers: here, for the webhook, and in CEL in
//! `config/inject/policy.yaml`, for API servers that serve policies. Both give the same pod for the same input; random pods on a
//! real API server show it (`tests/tests/inject`).

mod carrier;
mod container;
mod decision;
mod filesystem;
mod patch;
mod pod;
mod settings;

pub use carrier::{Admission, Carriers, NoCarrier, carriers};
pub use container::USUAL_TOKEN_FILE;
pub use decision::inject;
pub use patch::PatchOperation;
pub use pod::PodView;
pub use settings::InjectionSettings;

#[cfg(test)]
mod tests;
