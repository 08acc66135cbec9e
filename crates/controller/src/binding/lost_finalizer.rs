//! Bindings that went without being let go: somebody took our finalizer off, and with the object went the only thing that
//! stood for its role.
//!
//! Whoever may write a binding may write its finalizers, so this is a way to keep a role beyond every guard-rail. The watch
//! still shows the object once more, which is enough to remove what it made. What goes while the operator does not run is
//! for the inventory of roles to find.

use std::{collections::BTreeSet, time::Duration};

use irsa_api::{IamRoleBinding, ServiceAccountMode};
use irsa_aws::Connect;
use irsa_core::vocabulary::EventReason;
use irsa_pipeline::{
    object::ObjectKey,
    report::Cleanup,
    spec::identity::{bound_before, role_name},
};
use kube::ResourceExt;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::bindings::Bindings;
use crate::{leadership::Leadership, reconciler::clean_up};

/// An object that is replaced by force is there again within this.
const GRACE: Duration = Duration::from_secs(2);
const CAP: Duration = Duration::from_mins(5);

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Looks after a binding that is gone: removes what it made if it was not let go, and forgets it.
    pub(super) async fn clean_up_after(&self, binding: &IamRoleBinding, at_a_time: &Semaphore) {
        // Who does not lead did not let it go either, and must not write.
        if !self.memory.is_released(&ObjectKey::of(binding)) && self.driver.permit().is_ok() {
            self.remove_what_is_left(binding, at_a_time).await;
        }
        self.forget(binding);
    }

    /// Nothing is remembered of a binding that is gone, nor of the ServiceAccounts that it has left as they are.
    fn forget(&self, binding: &IamRoleBinding) {
        let key = ObjectKey::of(binding);
        self.driver.forget::<IamRoleBinding>(&key);
        self.memory.forget(&key);
        let namespace = binding.namespace().unwrap_or_default();
        let in_spec = binding.spec.service_accounts.iter().map(|account| account.name.clone());
        let names = bound_before(binding).into_iter().chain(in_spec);
        let expected: Vec<String> = names
            .filter(|name| self.memory.expects_account(&namespace, name))
            .collect();
        if expected.is_empty() {
            return;
        }
        let all = self.store.state();
        // Also one that was made anew under its name.
        let others = all.iter().filter_map(|decoded| decoded.outline()).filter(|other| {
            other.uid() != binding.uid()
                && other.namespace() == binding.namespace()
                && other.spec.service_account_mode != ServiceAccountMode::None
        });
        let bound = others.flat_map(|other| &other.spec.service_accounts);
        let bound: BTreeSet<&str> = bound.map(|account| account.name.as_str()).collect();
        for name in expected.iter().filter(|name| !bound.contains(name.as_str())) {
            self.memory.release_account(&namespace, name);
        }
    }

    /// Tries until it is done.
    async fn remove_what_is_left(&self, binding: &IamRoleBinding, at_a_time: &Semaphore) {
        // Until it is removed it goes on taking its place in the namespace.
        self.note_left(binding);
        let mut delay = GRACE;
        loop {
            tokio::time::sleep(delay).await;
            if self.is_followed(binding) {
                return;
            }
            // Closed only when the operator ends.
            let Ok(_turn) = at_a_time.acquire().await else { return };
            match clean_up(self, binding).await {
                Cleanup::Finished => break,
                Cleanup::Unfinished(report) => {
                    debug!(
                        why = report.outcome.message,
                        "what a binding left cannot be removed yet"
                    );
                }
            }
            delay = delay.saturating_mul(2).min(CAP);
        }
        self.note_removed(binding);
        if binding.status.as_ref().is_none_or(|status| status.role_arn.is_none()) {
            return;
        }
        let (namespace, name) = (binding.namespace().unwrap_or_default(), binding.name_any());
        warn!(namespace, name, "a binding went without its finalizer");
        let note = format!(
            "IamRoleBinding {namespace}/{name} went without the operator having let it go (its finalizer was taken off); \
             what it made was looked after as after every deletion."
        );
        let about = self.federation_of(binding);
        self.driver.events.warning(&about, EventReason::Deleted, &note).await;
    }

    /// Whether another object stands for the same role.
    fn is_followed(&self, gone: &IamRoleBinding) -> bool {
        let itself = |other: &IamRoleBinding| (other.namespace(), other.name_any(), other.spec.federation_ref.clone());
        let known = self.federations.get(&gone.spec.federation_ref.name);
        let prefix = known.map(|known| known.usage.guardrails.role_name_prefix.clone());
        let role = |binding: &IamRoleBinding| role_name(binding, prefix.as_deref()?);
        let wanted = role(gone);
        let all = self.store.state();
        let mut others = all.iter().filter_map(|decoded| decoded.outline());
        others.any(|other| other.uid() != gone.uid() && itself(other) == itself(gone) && role(other) == wanted)
    }
}
