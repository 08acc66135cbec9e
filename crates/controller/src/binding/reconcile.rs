//! A binding's side of a pass, for the driver.

use std::time::Duration;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::outcome::Outcome;
use irsa_pipeline::{
    object::ObjectKey,
    report::{Cleanup, Report},
    step_error::Draft,
};
use kube::runtime::reflector::Store;

use super::{bindings::Bindings, verify::forget_proof};
use crate::{
    leadership::Leadership,
    reconciler::{Driver, Reconciler},
    watch::Decoded,
};

/// How often a binding is checked whose federation is unknown; the interval of others is their federation's.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(10);

impl<C: Connect, L: Leadership> Reconciler for Bindings<C, L> {
    type Kind = IamRoleBinding;
    type Leadership = L;

    fn driver(&self) -> &Driver<L> {
        &self.driver
    }

    fn store(&self) -> &Store<Decoded<IamRoleBinding>> {
        &self.store
    }

    fn interval(&self, binding: &IamRoleBinding) -> Duration {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        known.map_or(DEFAULT_INTERVAL, |federation| federation.interval)
    }

    async fn apply(&self, binding: &IamRoleBinding) -> Report<IamRoleBindingStatus> {
        let mut draft = Draft::of(binding);
        self.note_request(binding);
        // Large, and held by whoever waits for a pass.
        let ended = Box::pin(self.make_true(binding, &mut draft)).await;
        if let Err(failure) = &ended {
            forget_proof(&mut draft.status, failure);
        }
        draft.report(ended)
    }

    async fn suspended(&self, binding: &IamRoleBinding) -> Option<Report<IamRoleBindingStatus>> {
        self.watch_suspended(binding).await
    }

    async fn cleanup(&self, binding: &IamRoleBinding) -> Cleanup<IamRoleBindingStatus> {
        self.remove_or_leave(binding).await
    }

    async fn unreadable(&self, binding: &IamRoleBinding, error: &str) -> Option<Report<IamRoleBindingStatus>> {
        Some(self.judge_unreadable(binding, error).await)
    }

    fn has_released(&self, binding: &IamRoleBinding) -> bool {
        self.memory.is_released(&ObjectKey::of(binding))
    }

    async fn is_in_doubt(&self, binding: &IamRoleBinding) -> bool {
        self.check_instance(binding).await.is_err()
    }

    async fn abandon(&self, binding: &IamRoleBinding, why: &Outcome) {
        self.record_abandoned(binding, why).await;
    }
}
