//! Removing what a federation made: provider, documents, statement, record; in this order.

use irsa_api::{DeletionPolicy, FederationRef, IamRoleBinding, OidcFederation, OidcFederationStatus};
use irsa_aws::{CallerIdentity, Connect, PublicReader};
use irsa_core::{
    history::KeyRecord,
    outcome::Outcome,
    plan::federation::{FederationPlan, FederationStep, ObservedFederation},
    refusal::ApiRequest,
    text::listed,
    vocabulary::{CLAIM, ConditionType, EventReason, Reason},
};
use irsa_pipeline::{
    federation::{
        aws_errors::step_error,
        execute::Done,
        observe::{api_servers::ApiServers, aws, cluster::StoredRecord, facts::PublishFacts},
    },
    kube_errors::{self, CLUSTER_ROLE},
    object::ObjectKey,
    report::Cleanup,
    spec::{
        location::{Location, locate},
        partial::Lenient,
    },
    step_error::{Draft, StepError},
};
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, ListParams},
    core::{NotUsed, Object},
};
use serde::Deserialize;
use tracing::warn;

use super::{federations::Federations, instance::check_mark};
use crate::leadership::Leadership;

/// A binding as far as it matters here: of the rest nothing needs to be readable.
type User = Object<Uses, NotUsed>;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Uses {
    #[serde(default)]
    federation_ref: Lenient<FederationRef>,
}

/// Bindings that a condition names before it says "and more".
const MAX_NAMED: usize = 5;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    pub(super) async fn remove_all(&self, federation: &OidcFederation) -> Cleanup<OidcFederationStatus> {
        let unfinished = |failure| {
            let mut draft = Draft::of(federation);
            draft.look_again = self.propagation.hidden_for(&ObjectKey::of(federation));
            Cleanup::Unfinished(draft.report(Err(failure)))
        };
        if let Err(failure) = self.check_bindings(federation).await {
            return unfinished(failure);
        }
        let removed = self.remove(federation).await;
        match removed {
            Ok(()) => {
                self.memory.let_go(ObjectKey::of(federation));
                Cleanup::Finished
            }
            Err(failure) => unfinished(failure),
        }
    }

    /// Roles that trust the provider would be cut off, and their bindings could no longer reach AWS to clean up.
    ///
    /// The watch's memory answers first, as it wakes this federation when the last binding goes. It may lag, and it lacks
    /// what cannot be read, so the API server has the last word.
    async fn check_bindings(&self, federation: &OidcFederation) -> Result<(), StepError> {
        let mut users = self.known_users(&federation.name_any());
        if users.is_empty() {
            users = self.listed_users(&federation.name_any()).await?;
        }
        if users.is_empty() {
            return Ok(());
        }
        users.sort();
        let message = format!(
            "IamRoleBindings still refer to this federation: {}. It is deleted once they are.",
            listed(users, MAX_NAMED)
        );
        Err(StepError::new(
            ConditionType::ProviderRegistered,
            Reason::BindingsRemain,
            message,
        ))
    }

    fn known_users(&self, federation: &str) -> Vec<String> {
        let bindings = self.bindings.state();
        let readable = bindings.iter().filter_map(|decoded| decoded.outline());
        readable
            .filter(|binding| binding.spec.federation_ref.name == federation)
            .map(|binding| format!("{}/{}", binding.namespace().unwrap_or_default(), binding.name_any()))
            .collect()
    }

    async fn listed_users(&self, federation: &str) -> Result<Vec<String>, StepError> {
        let kind = ApiResource::erase::<IamRoleBinding>(&());
        let api: Api<User> = Api::all_with(self.driver.client.clone(), &kind);
        let listed = match api.list(&ListParams::default()).await {
            Ok(listed) => listed.items,
            // Without the CRD there are none.
            Err(kube::Error::Api(status)) if status.is_not_found() => Vec::new(),
            Err(error) => {
                let request = ApiRequest {
                    action: "list",
                    object: "the IamRoleBindings of the cluster",
                    role: CLUSTER_ROLE,
                    remedy: None,
                };
                return Err(kube_errors::step_error(
                    ConditionType::ProviderRegistered,
                    &request,
                    error,
                ));
            }
        };
        let refers = |binding: &&User| {
            let named = binding.spec.federation_ref.0.as_ref();
            named.is_some_and(|named| named.name == federation)
        };
        Ok(listed
            .iter()
            .filter(refers)
            .map(|binding| format!("{}/{}", binding.namespace().unwrap_or_default(), binding.name_any()))
            .collect())
    }

    async fn remove(&self, federation: &OidcFederation) -> Result<(), StepError> {
        if federation.spec.deletion_policy == DeletionPolicy::Retain {
            return Ok(());
        }
        // With a spec that was never valid nothing was ever made.
        let Ok(location) = locate(federation, &self.cluster) else {
            return Ok(());
        };
        let account = federation
            .status
            .as_ref()
            .is_some_and(|status| status.account_id.is_some());
        // The record is written before anything in AWS: without it and without an account nothing was made.
        let record = self.records().load(&location.record_name).await?.text;
        if account || record.is_some() {
            let claim = federation.annotations().get(CLAIM);
            self.instances
                .check(&federation.name_any(), claim.map(String::as_str))
                .await?;
            // One that cannot be read says nothing of a bucket, which then stays.
            let record = record.and_then(|text| KeyRecord::from_json(&text).ok());
            self.remove_from_aws(federation, &location, record.as_ref()).await?;
        }
        let _permit = self
            .driver
            .permit()
            .map_err(|error| StepError::not_leader(ConditionType::KeysObserved, error))?;
        self.records().delete(&location.record_name).await
    }

    async fn remove_from_aws(
        &self,
        federation: &OidcFederation,
        location: &Location,
        record: Option<&KeyRecord>,
    ) -> Result<(), StepError> {
        let status = federation.status.as_ref();
        let account = status.and_then(|status| status.account_id.as_deref());
        let connected = self.connect.connect(&location.connection).await;
        let aws = connected.map_err(|error| step_error(ConditionType::ProviderRegistered, &error))?;
        let ours = &aws.caller().account;
        if let Some(account) = account.filter(|account| account != ours) {
            let message = format!(
                "The provider is in account {account} and the operator's credentials belong to {ours}; correct spec.aws or \
                 the credentials."
            );
            return Err(StepError::new(
                ConditionType::ProviderRegistered,
                Reason::WrongAccount,
                message,
            ));
        }
        let known = PublishFacts {
            established: true,
            made_bucket: location.target.is_made_by(record),
            may_miss_bucket: true,
        };
        let mut found = aws::read(&aws, location, known).await?;
        if self.propagation.is_removed(&ObjectKey::of(federation)) {
            found.provider = None;
        }
        check_mark(federation, record, &location.owner, &found)?;
        let removable = location.removable(status);
        if removable.provider && found.provider.is_none() {
            self.check_gone(federation, &found)?;
        }
        let steps = FederationPlan::remove(&removable, &found)
            .map_err(|refusal| StepError::new(refusal.aspect(), refusal.reason(), refusal.to_string()))?;
        let stored = StoredRecord::default();
        let mut done = Done::default();
        let executed = self.executor(&aws, location, &stored).execute(&steps, &mut done).await;
        if done.steps.contains(&FederationStep::DeleteProvider) {
            self.propagation.removed(&ObjectKey::of(federation));
        }
        executed
    }

    /// A provider that IAM does not show is gone, unless it may have been made a moment ago. Where a document that was
    /// published is gone, an earlier pass has come that far, and the provider went before.
    fn check_gone(&self, federation: &OidcFederation, found: &ObservedFederation) -> Result<(), StepError> {
        let published = federation
            .status
            .as_ref()
            .is_some_and(|status| status.published.is_some());
        let begun = published && (found.jwks.is_none() || found.discovery.is_none());
        if begun || self.propagation.hidden_for(&ObjectKey::of(federation)).is_none() {
            return Ok(());
        }
        let message = "IAM shows no OIDC provider, but may have made it a moment ago and not show it yet; it is looked for \
                       again.";
        Err(StepError::new(
            ConditionType::ProviderRegistered,
            Reason::Propagating,
            message,
        ))
    }

    pub(super) async fn record_abandoned(&self, federation: &OidcFederation, why: &Outcome) {
        let provider = federation
            .status
            .as_ref()
            .and_then(|status| status.provider_arn.clone())
            .unwrap_or_else(|| "no provider".to_owned());
        warn!(
            name = federation.name_any(),
            provider,
            reason = why.reason.as_str(),
            "a federation was deleted by force"
        );
        let note = format!(
            "Deleted by force; {provider} and the documents may still be in AWS: {}",
            why.message
        );
        self.driver
            .events
            .warning(&federation.object_ref(&()), EventReason::Abandoned, &note)
            .await;
    }
}
