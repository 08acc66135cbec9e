//! Our finalizer: the only thing of an object's metadata that we write.

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{PassError, Shell};
use crate::{leadership::Leadership, object::Managed};

impl<L: Leadership> Shell<L> {
    /// Puts our finalizer on, unless it is there.
    ///
    /// # Guarantees
    /// The patch carries the observed `resourceVersion`, so finalizers that others added meanwhile are never lost: a
    /// lost race is a conflict, and the next pass sees the newer object.
    pub(super) async fn ensure_finalizer<K: Managed>(&self, object: &K) -> Result<(), PassError> {
        if object.has_finalizer() {
            return Ok(());
        }
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(K::FINALIZER.to_owned());
        self.set_finalizers(object, &finalizers).await
    }

    /// Takes our finalizer off. An object that is gone already is as good.
    pub(super) async fn remove_finalizer<K: Managed>(&self, object: &K) -> Result<(), PassError> {
        let others: Vec<String> = object
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != K::FINALIZER)
            .cloned()
            .collect();
        match self.set_finalizers(object, &others).await {
            Err(PassError::Kubernetes(kube::Error::Api(status))) if status.is_not_found() => Ok(()),
            result => result,
        }
    }

    async fn set_finalizers<K: Managed>(&self, object: &K, finalizers: &[String]) -> Result<(), PassError> {
        let patch = json!({
            "metadata": { "finalizers": finalizers, "resourceVersion": object.resource_version() },
        });
        let _permit = self.permit()?;
        let api = object.own_api(&self.client);
        api.patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }
}
