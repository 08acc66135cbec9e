//! The image as it is pushed: what is in it, what it says of itself, and that it runs. Slow, as it must be built first: `make check-image`,
//! which unpacks it by tools that did not make it (`IRSA_ANYWHERE_IMAGE`) and starts each program of it in a root directory of its own
//! (`tests/image/run.sh`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod content;
mod release;
mod running;
mod sbom;

use std::{env, fs, path::PathBuf};

use irsa_tests::world::repository;
use serde_json::Value;

/// What the image may have, unpacked.
const LIMIT: u64 = 20 << 20;

/// Where `hack/check-image.sh` has unpacked it.
fn unpacked() -> PathBuf {
    let place = env::var_os("IRSA_ANYWHERE_IMAGE");
    PathBuf::from(
        place.unwrap_or_else(|| panic!("IRSA_ANYWHERE_IMAGE names no unpacked image: run `make check-image`")),
    )
}

/// Its root directory.
fn root() -> PathBuf {
    unpacked().join("bundle/rootfs")
}

/// A file of the layout, by its digest.
fn blob(digest: &Value) -> Value {
    let digest = digest.as_str().unwrap().replace(':', "/");
    json(&repository().join("dist/image/blobs").join(digest))
}

fn json(path: &std::path::Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// What its makers call this machine's processor.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => panic!("there is no image for {other}"),
    }
}
