//! [`SharedControlPlane`]: one control plane for the tests of one binary.

use std::sync::{Arc, Weak};

use tokio::sync::Mutex;

use super::{ControlPlane, ControlPlaneBuilder, ControlPlaneError};

/// One control plane for many tests of one binary: made for the first, stopped after the last.
///
/// A plain static would never be dropped and leave its files behind.
///
/// # Guarantees
/// Tests that overlap in time get the same control plane. Give each a namespace of its own.
#[derive(Debug, Default)]
pub struct SharedControlPlane(Mutex<Weak<ControlPlane>>);

impl SharedControlPlane {
    /// For a static.
    pub const fn new() -> Self {
        Self(Mutex::const_new(Weak::new()))
    }

    /// The running control plane, or a new one as `build` says; `prepare` runs once on a new one.
    pub async fn get(
        &self,
        build: impl FnOnce() -> ControlPlaneBuilder,
        prepare: impl AsyncFnOnce(&ControlPlane) -> Result<(), ControlPlaneError>,
    ) -> Result<Arc<ControlPlane>, ControlPlaneError> {
        let mut slot = self.0.lock().await;
        if let Some(running) = slot.upgrade() {
            return Ok(running);
        }
        let plane = Arc::new(build().start().await?);
        prepare(&plane).await?;
        *slot = Arc::downgrade(&plane);
        Ok(plane)
    }
}
