//! From a report to the status: concluded by `irsa-core`, written once, and only when it differs.

use std::{mem, time::Duration};

use irsa_core::{
    outcome::{self, Circumstances, Outcome, Status},
    vocabulary::{ConditionType, EventReason, Reason, STATUS_FIELD_MANAGER},
};
use irsa_pipeline::{
    conditions::{from_kubernetes, to_kubernetes},
    object::{Managed, ObjectKey, StatusFields},
    stage::changed,
};
use jiff::SignedDuration;
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

impl<L: Leadership> Driver<L> {
    /// Concludes an outcome and writes the status if it differs from the observed one.
    pub(super) async fn conclude<K: Managed>(
        &self,
        object: &K,
        outcome: &Outcome,
        mut status: K::Status,
        interval: Duration,
    ) -> Result<(), PassError> {
        let now = self.now();
        let key = ObjectKey::of(object);
        let put_off = self.records.with(&key, |record| mem::take(&mut record.warning_put_off));
        let previous = from_kubernetes(object.conditions());
        let conditions = outcome::conclude(
            outcome,
            &Circumstances {
                previous: &previous,
                aspects: K::ASPECTS,
                generation: object.generation(),
                last_good: self.last_good(&key),
                interval: SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX),
                now,
            },
        );
        if outcome.reason == Reason::Succeeded {
            self.records.with(&key, |record| record.last_success.found_good(now));
        }
        let objects = &self.metrics.objects;
        objects.concluded(object, outcome.reason, &conditions, &status, now);
        object.echo(&mut status);
        status.conclude(
            to_kubernetes(&conditions),
            object.generation(),
            object.requested_at().map(str::to_owned),
        );
        let changed = object.status() != Some(&status);
        if changed {
            self.write_status(object, &status).await?;
        }
        if may_pass_in_a_moment(&previous, &conditions) && !put_off {
            self.records.with(&key, |record| record.warning_put_off = true);
        } else if changed || put_off {
            let told_before = if put_off { &[] } else { previous.as_slice() };
            self.announce(object, told_before, &conditions).await;
        }
        Ok(())
    }

    /// Replaces the whole status: it is ours alone, and an output. A server-side apply would leave what another manager
    /// put into one of its lists, a signing key for example, and this process would try to get rid of it for ever.
    ///
    /// # Guarantees
    /// The status of an object that was deleted and made anew meanwhile is not touched.
    async fn write_status<K: Managed>(&self, object: &K, status: &K::Status) -> Result<(), PassError> {
        let _permit = self.permit()?;
        let steps = json!([
            { "op": "test", "path": "/metadata/uid", "value": object.uid() },
            { "op": "add", "path": "/status", "value": status },
        ]);
        let failed = |source| PassError::Kubernetes {
            request: request("write the status of", "this object"),
            source,
        };
        let patch = serde_json::from_value(steps).map_err(|error| failed(kube::Error::SerdeError(error)))?;
        let patch = Patch::Json::<()>(patch);
        let parameters = PatchParams {
            field_manager: Some(STATUS_FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api = object.own_api(&self.client);
        match api.patch_status(&object.name_any(), &parameters, &patch).await {
            Ok(answer) => self.records.with(&ObjectKey::of(&answer), |record| {
                record.last_status.remember::<K>(&answer);
            }),
            // Written: the API server answered with the object, which cannot be read now either.
            Err(kube::Error::SerdeError(_)) => {}
            Err(error) => return Err(failed(error)),
        }
        changed("status");
        Ok(())
    }

    /// Tells of the conditions that are now others.
    async fn announce<K: Managed>(&self, object: &K, before: &[outcome::Condition], after: &[outcome::Condition]) {
        self.announce_ready(object, before, after).await;
        for kind in K::ASPECTS {
            let Some((event, lost)) = kind.lost().zip(outcome::find(after, *kind)) else {
                continue;
            };
            let was = outcome::find(before, *kind).map(|before| before.status);
            if lost.status == Status::False && was != Some(Status::False) {
                self.events.warning(&object.object_ref(&()), event, &lost.message).await;
            }
        }
    }

    /// An event when `Ready` flips to or from True, or is False for another reason than before.
    async fn announce_ready<K: Managed>(
        &self,
        object: &K,
        before: &[outcome::Condition],
        after: &[outcome::Condition],
    ) {
        let (before, Some(after)) = (ready(before), ready(after)) else {
            return;
        };
        let same = before.is_some_and(|before| before.status == after.status && before.reason == after.reason);
        let about = object.object_ref(&());
        match after.status {
            _ if same => {}
            Status::True if before.is_none_or(|before| before.status != Status::True) => {
                self.events.normal(&about, EventReason::Ready, &after.message).await;
            }
            Status::False => {
                let note = format!("{}: {}", after.reason, after.message);
                self.events.warning(&about, EventReason::NotReady, &note).await;
            }
            _ => {}
        }
    }
}

/// Whether this is the first verdict on an object that waits for its federation, as objects do that are made together with theirs:
/// worth a warning only if the next pass finds the same.
fn may_pass_in_a_moment(before: &[outcome::Condition], after: &[outcome::Condition]) -> bool {
    let not_looked_at = ready(before).is_none_or(|ready| ready.reason == Reason::Progressing.as_str());
    let waits = |ready: &outcome::Condition| {
        let waiting = [Reason::FederationNotReady, Reason::FederationNotFound];
        ready.status == Status::False && waiting.iter().any(|reason| ready.reason == reason.as_str())
    };
    not_looked_at && ready(after).is_some_and(waits)
}

fn ready(conditions: &[outcome::Condition]) -> Option<&outcome::Condition> {
    outcome::find(conditions, ConditionType::Ready)
}

#[cfg(test)]
mod tests {
    use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
    use irsa_core::refusal::ApiRefusal;
    use irsa_pipeline::kube_errors::refusal;
    use serde_json::Value;

    use super::{
        super::recorder::{Recorder, refused},
        *,
    };
    use crate::leadership::OnlyReplica;

    const INTERVAL: Duration = Duration::from_mins(10);

    fn object() -> Value {
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": "team", "uid": "u-1", "resourceVersion": "7", "generation": 3},
            "spec": {"serviceAccounts": [{"name": "app"}]},
        })
    }

    async fn conclude(driver: &Driver<OnlyReplica>) -> Result<(), PassError> {
        let binding: IamRoleBinding = serde_json::from_value(object()).unwrap();
        let outcome = Outcome::new(Reason::Succeeded, "done");
        driver
            .conclude(&binding, &outcome, IamRoleBindingStatus::default(), INTERVAL)
            .await
    }

    #[tokio::test]
    async fn a_status_is_written_to_the_object_that_it_speaks_of_or_to_none() {
        let recorder = Recorder::answering(200, object());
        conclude(&recorder.driver()).await.unwrap();
        let requests = recorder.take();
        let path = "PATCH /apis/irsa-anywhere.dev/v1alpha1/namespaces/team/iamrolebindings/app/status";
        assert_eq!(requests[0].0, path);
        let steps = requests[0].1.as_array().unwrap();
        assert_eq!(steps[0], json!({"op": "test", "path": "/metadata/uid", "value": "u-1"}));
        assert_eq!((&steps[1]["op"], &steps[1]["path"]), (&json!("add"), &json!("/status")));
        assert_eq!(steps[1]["value"]["observedGeneration"], 3);
        assert_eq!(steps.len(), 2);
        assert!(
            requests[1].1["reason"] == "Ready",
            "and the event after it: {requests:?}"
        );
    }

    #[tokio::test]
    async fn the_status_of_an_object_that_was_made_anew_is_not_written_and_nothing_is_told_of_it() {
        // What a kube-apiserver says of a `test` that does not hold.
        let answer = refused(422, "the server rejected our request due to an error in our request");
        let recorder = Recorder::answering(422, answer);
        let failed = conclude(&recorder.driver()).await.unwrap_err();
        let PassError::Kubernetes { source, .. } = failed else {
            panic!("{failed}");
        };
        assert_eq!(refusal(&source), ApiRefusal::Raced);
        assert_eq!(recorder.take().len(), 1, "the patch and no event");
    }

    #[tokio::test]
    async fn events_tell_of_ready_when_it_turns_and_of_nothing_that_is_not_known() {
        let recorder = Recorder::answering(200, object());
        let driver = recorder.driver();
        let mut binding: IamRoleBinding = serde_json::from_value(object()).unwrap();
        // What each pass ends with, and the event after it.
        let passes: [(Reason, &str, &[&str]); 10] = [
            (Reason::Progressing, "it has begun", &[]),
            (Reason::AccessDenied, "no", &["NotReady"]),
            (Reason::AccessDenied, "no, in other words", &[]),
            (Reason::QuotaExceeded, "full", &["NotReady"]),
            (Reason::Succeeded, "done", &["Ready"]),
            (Reason::Succeeded, "done again", &[]),
            (Reason::Suspended, "asleep", &[]),
            (Reason::InvalidSpec, "nonsense", &["NotReady"]),
            (Reason::Propagating, "soon", &[]),
            (Reason::Succeeded, "done", &["Ready"]),
        ];
        for (number, (reason, message, expected)) in passes.into_iter().enumerate() {
            let outcome = Outcome::new(reason, message);
            let status = binding.status.clone().unwrap_or_default();
            driver.conclude(&binding, &outcome, status, INTERVAL).await.unwrap();
            let requests = recorder.take();
            if let Some(status) = requests.first().and_then(|(_, patch)| patch.pointer("/1/value")) {
                binding.status = serde_json::from_value(status.clone()).unwrap();
            }
            let told = requests.iter().filter_map(|(_, body)| body["reason"].as_str());
            let told: Vec<&str> = told.collect();
            assert_eq!(told, expected, "{number}: {reason:?}");
        }
    }

    #[tokio::test]
    async fn that_a_new_object_waits_for_its_federation_is_told_only_if_it_goes_on_waiting() {
        let (waits, done) = (Reason::FederationNotReady, Reason::Succeeded);
        let (nothing, warning, ready): (&[&str], &[&str], &[&str]) = (&[], &["NotReady"], &["Ready"]);
        for passes in [
            vec![(waits, nothing), (done, ready)],
            vec![(waits, nothing), (waits, warning), (waits, nothing), (done, ready)],
            vec![(done, ready), (waits, warning), (waits, nothing)],
            vec![(Reason::AccessDenied, warning), (waits, warning)],
        ] {
            let recorder = Recorder::answering(200, object());
            let driver = recorder.driver();
            let mut binding: IamRoleBinding = serde_json::from_value(object()).unwrap();
            for (reason, expected) in &passes {
                let status = binding.status.clone().unwrap_or_default();
                let outcome = Outcome::new(*reason, "so");
                driver.conclude(&binding, &outcome, status, INTERVAL).await.unwrap();
                let requests = recorder.take();
                if let Some(status) = requests.first().and_then(|(_, patch)| patch.pointer("/1/value")) {
                    binding.status = serde_json::from_value(status.clone()).unwrap();
                }
                let told: Vec<&str> = requests
                    .iter()
                    .filter_map(|(_, body)| body["reason"].as_str())
                    .collect();
                assert_eq!(told, *expected, "{passes:?}");
            }
        }
    }
}
