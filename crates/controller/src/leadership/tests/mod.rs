//! The rules one by one, many candidates at random, and the loop against an API server in memory.

mod campaign;
mod fake_api;
mod gate;
mod rules;
mod simulation;
mod world;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::lease::Terms;

const NAME: &str = "irsa-anywhere";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// 30 s, 20 s, 4 s: what is shipped.
fn terms() -> Terms {
    Terms::new(seconds(30), seconds(20), seconds(4)).unwrap()
}

/// A Lease as it was read.
fn lease(version: u64, holder: Option<&str>, duration: Option<i32>) -> Lease {
    let mut lease = Lease {
        spec: Some(LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: duration,
            ..LeaseSpec::default()
        }),
        ..Lease::default()
    };
    lease.metadata.name = Some(NAME.to_owned());
    lease.metadata.uid = Some("uid".to_owned());
    lease.metadata.resource_version = Some(version.to_string());
    lease
}
