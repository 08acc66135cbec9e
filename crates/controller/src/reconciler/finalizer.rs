//! Our finalizer: the only thing of an object's metadata that we write.

use irsa_core::{
    refusal::ApiRequest,
    vocabulary::{Class, FIELD_MANAGER, FORCE_DELETE, Reason},
};
use irsa_pipeline::{object::Managed, stage::changed};
use jiff::{SignedDuration, Timestamp};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    driver::Driver,
    error::{PassError, request},
};
use crate::leadership::Leadership;

/// How long a cleanup has to fail for reasons that pass by themselves before force counts.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// Whether a cleanup that failed for `reason` is given up, leaving what it could not remove: asked for by the annotation,
/// and not merely for a throttled call, a lost connection, or what IAM may not show yet, which the next pass may not meet. A
/// federation that waits for its bindings has not failed: without it they could not clean up either. What is `in_doubt` is
/// being found out.
pub(super) fn is_abandoned<K: ResourceExt>(object: &K, reason: Reason, in_doubt: bool, now: Timestamp) -> bool {
    let deleted = object.meta().deletion_timestamp.as_ref().map(|time| time.0);
    let waited = deleted.is_some_and(|deleted| now.duration_since(deleted) >= PATIENCE);
    let passes = in_doubt || matches!(reason.class(), Class::Retry | Class::Settling);
    let failed = reason != Reason::BindingsRemain && (waited || !passes);
    failed && object.annotations().contains_key(FORCE_DELETE)
}

impl<L: Leadership> Driver<L> {
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
        self.set_finalizers(object, &finalizers, request("put its finalizer on", "this object"))
            .await
    }

    /// Takes our finalizer off. An object that is gone already is as good.
    pub(super) async fn remove_finalizer<K: Managed>(&self, object: &K) -> Result<(), PassError> {
        let others: Vec<String> = object
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != K::FINALIZER)
            .cloned()
            .collect();
        let removing = request("take its finalizer off", "this object");
        match self.set_finalizers(object, &others, removing).await {
            Err(PassError::Kubernetes {
                source: kube::Error::Api(status),
                ..
            }) if status.is_not_found() => Ok(()),
            result => result,
        }
    }

    async fn set_finalizers<K: Managed>(
        &self,
        object: &K,
        finalizers: &[String],
        request: ApiRequest<'static>,
    ) -> Result<(), PassError> {
        let patch = json!({
            "metadata": { "finalizers": finalizers, "resourceVersion": object.resource_version() },
        });
        let _permit = self.permit()?;
        let api = object.own_api(&self.client);
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        api.patch_metadata(&object.name_any(), &parameters, &Patch::Merge(patch))
            .await
            .map_err(|source| PassError::Kubernetes { request, source })?;
        changed("finalizers");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use irsa_api::IamRoleBinding;
    use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::Time};

    use super::{
        super::recorder::{Recorder, refused},
        *,
    };

    fn binding(finalizers: &[&str]) -> IamRoleBinding {
        let object = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": "team", "uid": "u-1", "resourceVersion": "7", "finalizers": finalizers},
            "spec": {"serviceAccounts": [{"name": "app"}]},
        });
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn others_finalizers_are_kept_and_a_patch_holds_only_for_the_object_that_was_seen() {
        let ours = IamRoleBinding::FINALIZER;
        let recorder = Recorder::answering(200, json!({"metadata": {"name": "app"}}));
        let driver = recorder.driver();
        driver.ensure_finalizer(&binding(&[ours])).await.unwrap();
        assert_eq!(recorder.take(), [], "it is there");
        driver
            .ensure_finalizer(&binding(&["a.example/x", "b.example/y"]))
            .await
            .unwrap();
        driver
            .remove_finalizer(&binding(&["a.example/x", ours, "b.example/y"]))
            .await
            .unwrap();
        let patch = |finalizers: &[&str]| {
            let path = "PATCH /apis/irsa-anywhere.dev/v1alpha1/namespaces/team/iamrolebindings/app";
            let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": "7"}});
            (path.to_owned(), body)
        };
        assert_eq!(
            recorder.take(),
            [
                patch(&["a.example/x", "b.example/y", ours]),
                patch(&["a.example/x", "b.example/y"])
            ]
        );
    }

    #[tokio::test]
    async fn a_lost_race_is_no_success_and_an_object_that_is_gone_needs_no_finalizer_taken_off() {
        let binding = binding(&[IamRoleBinding::FINALIZER]);
        for (code, is_fine) in [(409, false), (404, true)] {
            let driver = Recorder::answering(code, refused(code, "")).driver();
            assert_eq!(driver.remove_finalizer(&binding).await.is_ok(), is_fine, "{code}");
        }
        let driver = Recorder::answering(409, refused(409, "")).driver();
        assert!(driver.ensure_finalizer(&self::binding(&[])).await.is_err());
    }

    #[test]
    fn force_counts_against_what_stays_and_against_the_rest_after_a_while() {
        let now = Timestamp::now();
        let object = |forced: bool, minutes: i64| {
            let mut object = ConfigMap::default();
            object.metadata.deletion_timestamp = Some(Time(now - SignedDuration::from_mins(minutes)));
            if forced {
                object.annotations_mut().insert(FORCE_DELETE.to_owned(), String::new());
            }
            object
        };
        assert!(is_abandoned(&object(true, 0), Reason::AccessDenied, false, now));
        assert!(
            !is_abandoned(&object(true, 4), Reason::FederationNotReady, true, now),
            "whose role it is is being found out"
        );
        assert!(is_abandoned(&object(true, 5), Reason::FederationNotReady, true, now));
        assert!(!is_abandoned(&object(true, 4), Reason::Throttled, false, now));
        assert!(
            !is_abandoned(&object(true, 4), Reason::Propagating, false, now),
            "not shown yet"
        );
        assert!(is_abandoned(&object(true, 5), Reason::AwsUnavailable, false, now));
        assert!(is_abandoned(&object(true, 5), Reason::Propagating, false, now));
        assert!(!is_abandoned(&object(false, 60), Reason::AccessDenied, false, now));
        assert!(!is_abandoned(&object(true, 60), Reason::BindingsRemain, false, now));
        assert!(!is_abandoned(&ConfigMap::default(), Reason::AccessDenied, false, now));
    }
}
