//! A real kube-apiserver and etcd as plain processes on 127.0.0.1.
//!
//! [`ControlPlane::builder`] starts one in seconds: own issuer, own signing keys (RSA or EC), RBAC on, audit log on,
//! everything in a temporary directory. Several run side by side, in one process or in many.
//!
//! # Guarantees
//! - What was started is stopped: by [`ControlPlane::stop`], on drop, and, when the whole test process is killed, by a
//!   guard that notices the closed pipe (see [`process`]).
//! - Ports are chosen at random and a collision is retried, so tests need no port of their own.
//!
//! # Caveats
//! - Without [`ControlPlaneBuilder::controller_manager`] nothing collects garbage, a deleted namespace stays Terminating,
//!   and the aggregated `ClusterRoles` (`view`, `edit`, `admin`) are empty. The `default` ServiceAccount of each namespace
//!   is made by the launcher instead.
//! - `EndpointSlice` `default/kubernetes` refuses loopback addresses, so it stays empty: give API-server addresses to
//!   the operator by flag.

mod assets;
mod audit;
mod builder;
mod client;
mod counting;
mod error;
mod files;
mod handle;
mod keys;
mod kubectl;
mod objects;
mod ports;
pub mod process;
mod proxy;
mod server;
mod shared;

pub use audit::{AuditEntry, AuditLog, AuditMark};
pub use builder::ControlPlaneBuilder;
pub use client::{ApiClient, ApiReply};
pub use error::ControlPlaneError;
pub use handle::ControlPlane;
pub use keys::{PublicKey, SigningKey};
pub use kubectl::KubectlOutput;
pub use ports::free_port;
pub use proxy::{ApiCall, ApiFault, ApiProxy, ApiRule};
pub use server::ApiServer;
pub use shared::SharedControlPlane;
