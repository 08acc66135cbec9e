//! Making a binding true.

use std::collections::BTreeSet;

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{Connect, Roles};
use irsa_core::{
    admission::{Labels, Refusal},
    naming::Ownership,
    plan::binding::{BindingStep, Cause, Plan},
    vocabulary::{ConditionType, EventReason, Reason},
};
use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};

use super::{
    Bindings,
    aws_errors::halt,
    execute::execute,
    federation::{Provider, Usage},
    observe::{self, Depth, Found},
    siblings::Siblings,
    validate::{Wanted, usable, validate},
};
use crate::{
    halt::{Halt, Progress},
    leadership::Leadership,
    metrics::Kind as KindLabel,
    object::{Managed, ObjectKey},
};

/// What the cluster says around a binding.
struct Surroundings {
    usage: Usage,
    provider: Provider,
    labels: Labels,
    older_roles: u32,
}

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The five steps. Returns what is now true, in a sentence.
    pub(super) async fn make_true(
        &self,
        binding: &IamRoleBinding,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<String, Halt> {
        let around = self.observe(binding)?;
        progress.holds(ConditionType::FederationReady, "The federation can be used.");

        let wanted = validate(binding, &around.usage, &around.provider, &self.cluster, self.limits)?;
        self.check_claims(binding, &wanted, &around)?;
        if let Err(refusal) = wanted.admit(&around.usage.guardrails, &around.labels, around.older_roles) {
            return Err(self.refuse(binding, &wanted, &around, refusal).await);
        }
        progress.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        progress.status.role_name = Some(wanted.role.name.to_string());

        let aws = self.connect(&around).await?;
        let found = observe_role(&aws, &wanted, Depth::Documents).await?;
        let plan = self.plan(binding, &wanted, found.as_ref())?;
        self.execute_plan(binding, &aws, &wanted, plan, found, progress).await?;
        self.sync_accounts(binding, &around.usage, &wanted, progress).await?;
        Ok(conclusion(binding, &wanted))
    }

    /// What the watches know; no I/O.
    fn observe(&self, binding: &IamRoleBinding) -> Result<Surroundings, Halt> {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        let provider = usable(known.as_ref(), binding)?.clone();
        let namespace = binding.namespace().unwrap_or_default();
        let labels = self.namespaces.get(&ObjectRef::new(&namespace)).ok_or_else(|| {
            let message = format!("The namespace {namespace} has not been seen yet.");
            Halt::new(ConditionType::Admitted, Reason::ApiServerUnavailable, message)
        })?;
        let usage = known.map(|known| known.usage).ok_or_else(|| {
            let message = "The federation has just gone.";
            Halt::new(ConditionType::FederationReady, Reason::FederationNotFound, message)
        })?;
        Ok(Surroundings {
            usage,
            provider,
            labels: labels.labels().clone(),
            older_roles: Siblings::of(binding, &self.siblings).older_roles(),
        })
    }

    fn check_claims(&self, binding: &IamRoleBinding, wanted: &Wanted, around: &Surroundings) -> Result<(), Halt> {
        let siblings = Siblings::of(binding, &self.siblings);
        siblings.check_role_name(&wanted.role.name, &around.provider.account, &self.federations)?;
        siblings.check_service_accounts()
    }

    async fn connect(&self, around: &Surroundings) -> Result<C::Aws, Halt> {
        let connected = self.connect.connect(&around.usage.connection).await;
        let aws = connected.map_err(|error| halt(ConditionType::RoleSynced, &error))?;
        check_account(&aws, &around.provider)?;
        Ok(aws)
    }

    /// Guard-rails refuse the spec. A role that they allow as it is goes on; one that they do not is closed.
    async fn refuse(&self, binding: &IamRoleBinding, wanted: &Wanted, around: &Surroundings, refusal: Refusal) -> Halt {
        let sentence = refusal.to_string();
        match self.close_unless_allowed(binding, wanted, around, &sentence).await {
            Ok(false) => Halt::new(ConditionType::Admitted, refusal.reason(), sentence),
            Ok(true) => {
                let message = format!("{sentence} Until then nobody can assume the role: its trust policy is closed.");
                Halt::new(ConditionType::Admitted, refusal.reason(), message)
            }
            // Not yet known to be closed: the trouble decides when to try again.
            Err(trouble) => Halt::new(
                ConditionType::Admitted,
                trouble.reason,
                format!("{sentence} {}", trouble.message),
            ),
        }
    }

    /// Closes the role's trust unless the guard-rails allow the role as it is. Returns whether it is closed now.
    async fn close_unless_allowed(
        &self,
        binding: &IamRoleBinding,
        wanted: &Wanted,
        around: &Surroundings,
        because: &str,
    ) -> Result<bool, Halt> {
        let aws = self.connect(around).await?;
        let Some(found) = observe_role(&aws, wanted, Depth::Names).await? else {
            return Ok(false);
        };
        let trusted = binding
            .status
            .as_ref()
            .map(|status| status.audiences.iter().cloned().collect());
        let trusted: BTreeSet<String> = trusted.unwrap_or_default();
        let Usage { guardrails, .. } = &around.usage;
        if wanted
            .admit_in_place(&found.role, &trusted, guardrails, &around.labels, around.older_roles)
            .is_ok()
        {
            return Ok(false);
        }
        let steps = Plan::close(&wanted.role.owner, &found.role);
        execute(&aws, self.shell.leadership.as_ref(), &wanted.role.name, &steps, |_| ()).await?;
        self.memory.forget(&ObjectKey::of(binding));
        if !steps.is_empty() {
            let note = format!("Closed the trust policy of role {}: {because}", wanted.role.name);
            self.shell
                .events
                .warning(&binding.object_ref(&()), EventReason::Applied, &note)
                .await;
        }
        Ok(wanted.role.owner.of(&found.role.tags) == Ownership::Ours)
    }

    fn plan(&self, binding: &IamRoleBinding, wanted: &Wanted, found: Option<&Found>) -> Result<Plan, Halt> {
        let fingerprint = wanted.role.fingerprint();
        // A binding that was ready before this process started has been made what its spec says by an earlier one.
        let made_before = is_settled(binding).then_some(fingerprint);
        let applied = self.memory.applied(&ObjectKey::of(binding)).or(made_before);
        Plan::apply(&wanted.role, found.map(|found| &found.role), applied)
            .map_err(|refusal| Halt::new(ConditionType::RoleSynced, refusal.reason(), refusal.to_string()))
    }

    async fn execute_plan(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        wanted: &Wanted,
        plan: Plan,
        found: Option<Found>,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<(), Halt> {
        let key = ObjectKey::of(binding);
        let settling = self
            .memory
            .settles_in(&key)
            .filter(|_| plan.cause == Cause::Drift && !plan.steps.is_empty());
        progress.look_again = settling;
        let steps = if settling.is_some() { &[] } else { plan.steps.as_slice() };
        if let Some(Found { arn, id, .. }) = found {
            progress.status.role_arn = Some(arn);
            progress.status.role_id = Some(id);
        }
        let status = &mut progress.status;
        let executed = execute(aws, self.shell.leadership.as_ref(), &wanted.role.name, steps, |role| {
            status.role_arn = Some(role.arn);
            status.role_id = Some(role.id);
        })
        .await;
        if executed
            .as_ref()
            .is_err_and(|halt| halt.aspect == ConditionType::PoliciesSynced)
        {
            progress.holds(ConditionType::RoleSynced, role_in_words(wanted));
        }
        executed?;
        progress.status.audiences = wanted.audiences.iter().cloned().collect();
        progress.status.trust_policy_bytes = u32::try_from(wanted.trust_size).ok();
        progress.holds(ConditionType::RoleSynced, role_in_words(wanted));
        progress.holds(ConditionType::PoliciesSynced, policies_in_words(wanted));
        self.announce(binding, plan.cause, steps).await;
        self.memory.remember(key, wanted.role.fingerprint(), !steps.is_empty());
        Ok(())
    }

    async fn announce(&self, binding: &IamRoleBinding, cause: Cause, steps: &[BindingStep]) {
        if steps.is_empty() {
            return;
        }
        let about = binding.object_ref(&());
        let what = steps.iter().map(BindingStep::to_string).collect::<Vec<_>>().join("; ");
        match cause {
            Cause::Spec => {
                self.shell
                    .events
                    .normal(&about, EventReason::Applied, &format!("Applied to AWS: {what}"))
                    .await;
            }
            Cause::Drift => {
                self.shell.metrics.count_drift_repaired(KindLabel::Binding);
                let note = format!("Somebody changed this in AWS; it was put back: {what}");
                self.shell
                    .events
                    .warning(&about, EventReason::DriftRepaired, &note)
                    .await;
            }
        }
    }
}

async fn observe_role<A: Roles>(aws: &A, wanted: &Wanted, depth: Depth) -> Result<Option<Found>, Halt> {
    observe::role(aws, wanted.role.name.as_str(), &wanted.role.owner, depth)
        .await
        .map_err(|error| halt(ConditionType::RoleSynced, &error))
}

/// The role must be in the account of the provider that it trusts.
fn check_account<A: irsa_aws::CallerIdentity>(aws: &A, provider: &Provider) -> Result<(), Halt> {
    let ours = &aws.caller().account;
    if *ours == provider.account {
        return Ok(());
    }
    let message = format!(
        "The operator's credentials belong to account {ours} and the federation's provider to {}; correct one of them.",
        provider.account
    );
    Err(Halt::new(
        ConditionType::FederationReady,
        Reason::FederationNotReady,
        message,
    ))
}

fn is_settled(binding: &IamRoleBinding) -> bool {
    let ready = ConditionType::Ready.as_str();
    binding.conditions().iter().any(|condition| {
        condition.type_ == ready
            && condition.status == "True"
            && condition.observed_generation == Some(binding.generation())
    })
}

fn role_in_words(wanted: &Wanted) -> String {
    format!("The role {} is as asked for.", wanted.role.name)
}

fn policies_in_words(wanted: &Wanted) -> String {
    let (managed, inline) = (wanted.role.managed.len(), wanted.role.inline.len());
    format!("The role has its {managed} managed and {inline} inline policies.")
}

fn conclusion(binding: &IamRoleBinding, wanted: &Wanted) -> String {
    let names: Vec<&str> = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    format!("{} may assume the role {}.", names.join(", "), wanted.role.name)
}
