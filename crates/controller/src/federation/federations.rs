//! What a pass over a federation is made with: connections, memory, and what the watches show.

use std::time::Duration;

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    plan::{
        Cause, Step,
        federation::{FederationPlan, FederationStep},
    },
    vocabulary::ConditionType,
};
use irsa_pipeline::{
    federation::{
        conclude::{Comparison, made_before},
        execute::Executor,
        observe::{
            api_servers::ApiServers,
            cluster::{Records, StoredRecord},
        },
    },
    object::ObjectKey,
    spec::location::Location,
    step_error::StepError,
};
use kube::runtime::reflector::Store;

use super::memory::{FederationMemory, FederationRecord};
use crate::{
    binding::Inventories, instances::Instances, leadership::Leadership, memory::Propagation, reconciler::Driver,
    watch::Decoded,
};

/// How often the documents and the API servers' keys are looked at.
pub(super) const DOCUMENT_CHECK: Duration = Duration::from_mins(1);

/// Makes federations true.
pub struct Federations<C, P, A, L> {
    pub(super) driver: Driver<L>,
    pub(super) connect: C,
    pub(super) public: P,
    pub(super) servers: A,
    /// UID of the namespace kube-system.
    pub(super) cluster: String,
    /// The operator's own namespace.
    pub(super) namespace: String,
    /// All federations, this one included.
    pub(super) store: Store<Decoded<OidcFederation>>,
    /// All bindings of the cluster.
    pub(super) bindings: Store<Decoded<IamRoleBinding>>,
    pub(super) memory: FederationMemory,
    /// What the controller of bindings has found of their roles.
    pub(super) inventories: Inventories,
    pub(super) propagation: Propagation<FederationRecord>,
    pub(super) instances: Instances,
}

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    pub(super) fn plan(&self, federation: &OidcFederation, compared: &Comparison) -> Result<FederationPlan, StepError> {
        let Comparison { desired, found, .. } = compared;
        let key = ObjectKey::of(federation);
        let applied = self.memory.applied(&key).or_else(|| made_before(federation, desired));
        let mut plan = FederationPlan::apply(desired, found, applied)
            .map_err(|refusal| StepError::new(refusal.aspect(), refusal.reason(), refusal.to_string()))?;
        // What somebody else publishes decides whom the provider would let in: it is made only once that is right.
        if found.provider.is_none() && compared.external.as_ref().is_some_and(Result::is_err) {
            plan = plan.without_registration();
        }
        // Right after our own write IAM may still show what was before.
        if plan.cause == Cause::Drift && self.memory.settles_in(&key).is_some() {
            plan.steps.retain(|step| !is_about_provider(step));
        }
        Ok(plan)
    }

    pub(super) fn count_public_read(&self, federation: &OidcFederation) {
        let objects = &self.driver.metrics.objects;
        objects.read_publicly(ObjectKey::of(federation), self.driver.now());
    }

    /// Where the steps of a federation are done.
    pub(super) fn executor<'a>(
        &'a self,
        aws: &'a C::Aws,
        location: &'a Location,
        stored: &'a StoredRecord,
    ) -> Executor<'a, C::Aws, L> {
        Executor {
            aws,
            leadership: self.driver.leadership.as_ref(),
            records: Some(self.records()),
            stored,
            location,
        }
    }

    pub(super) fn records(&self) -> Records {
        Records::new(self.driver.client.clone(), &self.namespace)
    }
}

pub(super) fn is_about_provider(step: &FederationStep) -> bool {
    step.aspect() == ConditionType::ProviderRegistered
}
