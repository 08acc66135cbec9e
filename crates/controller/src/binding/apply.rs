//! Making a binding true.

use irsa_api::{IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::Connect;
use irsa_core::{
    plan::binding::Plan,
    vocabulary::{ConditionType, Reason},
};

use super::{
    Bindings,
    aws_errors::halt,
    federation::Provider,
    home::check_home,
    observe::{self, Depth, Found},
    siblings::Siblings,
    surroundings::Surroundings,
    validate::{Wanted, usable, validate},
    work::Unfinished,
};
use crate::{
    halt::{Halt, Progress},
    leadership::Leadership,
    log::Step,
    object::{Managed, ObjectKey},
};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// The five steps. Returns what is now true, in a sentence.
    pub(super) async fn make_true(
        &self,
        binding: &IamRoleBinding,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<String, Halt> {
        let around = Step::Observe.of(|| self.observe(binding))?;
        if let Some(role) = &binding.spec.existing_role {
            return self.use_existing(binding, role, &around, progress).await;
        }
        let (provider, wanted) = match Step::Validate.of(|| self.admit(binding, &around, progress)) {
            Ok(admitted) => admitted,
            Err(halt) => return Err(Step::Execute.run(self.withhold(binding, &around, halt)).await),
        };
        progress.status.role_name = Some(wanted.role.name.to_string());

        let looking = self.connect_and_observe(binding, &around, &provider, &wanted);
        let (aws, found) = Step::Observe.run(looking).await?;
        if let Err(halt) = Step::Validate.of(|| check_kept(&wanted, found.as_ref(), &around)) {
            return Err(Step::Execute.run(self.withhold(binding, &around, halt)).await);
        }
        let plan = Step::Plan.of(|| self.plan(binding, &wanted, found.as_ref()))?;
        let working = self.execute_plan(binding, &aws, &around, &wanted, plan, found, progress);
        let unfinished = Step::Execute.run(working).await?;
        if let (None, Some(Unfinished { halt, .. })) = (&progress.status.role_arn, &unfinished) {
            return Err(halt.clone());
        }
        let subjects = unfinished.as_ref().map_or(&wanted.subjects, |left| &left.subjects);
        let syncing = self.sync_accounts(binding, &around.known.usage, subjects, progress);
        let synced = Step::Execute.run(syncing).await;
        if let Some(Unfinished { halt, .. }) = unfinished {
            if let Err(trouble) = synced {
                progress.note(&trouble);
            }
            return Err(halt);
        }
        synced?;
        Ok(conclusion(binding, wanted.role.name.as_str()))
    }

    async fn connect_and_observe(
        &self,
        binding: &IamRoleBinding,
        around: &Surroundings,
        provider: &Provider,
        wanted: &Wanted,
    ) -> Result<(C::Aws, Option<Found>), Halt> {
        let aws = self.connect(around, provider).await?;
        let found = self.observe_role(binding, &aws, around, wanted).await?;
        Ok((aws, found))
    }

    /// Whether the binding may have what it asks for, and what that is; no I/O.
    fn admit(
        &self,
        binding: &IamRoleBinding,
        around: &Surroundings,
        progress: &mut Progress<IamRoleBindingStatus>,
    ) -> Result<(Provider, Wanted), Halt> {
        let usage = &around.known.usage;
        let provider = usable(&usage.state, binding)?.clone();
        progress.holds(ConditionType::FederationReady, "The federation can be used.");
        check_home(binding, &provider.account)?;
        let wanted = validate(binding, usage, &provider, &self.cluster, self.limits)?;
        let siblings = Siblings::of(binding, &self.siblings);
        let labels = |namespace: &str| self.labels(namespace);
        siblings.check_role_name(&wanted.role.name, &provider.account, &self.federations, labels)?;
        siblings.check_service_accounts()?;
        wanted
            .admit(&usage.guardrails, &around.labels, around.roles_before())
            .map_err(|refusal| Halt::new(ConditionType::Admitted, refusal.reason(), refusal.to_string()))?;
        progress.holds(
            ConditionType::Admitted,
            "The federation's guard-rails allow what is asked for.",
        );
        Ok((provider, wanted))
    }

    pub(super) async fn connect(&self, around: &Surroundings, provider: &Provider) -> Result<C::Aws, Halt> {
        let connected = self.connect.connect(&around.known.usage.connection).await;
        let aws = connected.map_err(|error| halt(ConditionType::RoleSynced, &error))?;
        check_account(&aws, provider)?;
        Ok(aws)
    }

    /// The role: as the inventory shows it if that is as it must be, or else read by itself, for what is written next
    /// must not rest on a listing.
    async fn observe_role(
        &self,
        binding: &IamRoleBinding,
        aws: &C::Aws,
        around: &Surroundings,
        wanted: &Wanted,
    ) -> Result<Option<Found>, Halt> {
        let (usage, role) = (&around.known.usage, &wanted.role);
        let key = ObjectKey::of(binding);
        if is_settled(binding) && self.may_rely_on_listings(binding) {
            let listed = self.look_up(aws, usage, &role.name, around.known.interval, None).await;
            let good = |found: &Found| {
                self.plan(binding, wanted, Some(found))
                    .is_ok_and(|plan| plan.steps.is_empty())
            };
            if let Some(found) = listed.filter(good) {
                return Ok(Some(found));
            }
        }
        self.memory.will_look(&key);
        let read = observe::role(aws, role.name.as_str(), |tags| role.may_take(tags), Depth::Documents).await;
        let found = read.map_err(|error| halt(ConditionType::RoleSynced, &error))?;
        self.memory.has_looked(&key);
        if let Some(found) = found.as_ref().filter(|found| role.owner.owns(&found.role.tags)) {
            self.was_read(usage, &role.name, found);
        }
        Ok(found)
    }

    /// Whether an inventory may answer for the binding's role: not where somebody asks for a look by the annotation, and not
    /// before a look that failed was made up for.
    pub(super) fn may_rely_on_listings(&self, binding: &IamRoleBinding) -> bool {
        let status = binding.status.as_ref();
        let handled = status.and_then(|status| status.last_handled_reconcile_at.as_deref());
        let requested = binding.requested_at().is_some_and(|at| Some(at) != handled);
        !requested && !self.memory.owes_a_look(&ObjectKey::of(binding))
    }

    fn plan(&self, binding: &IamRoleBinding, wanted: &Wanted, found: Option<&Found>) -> Result<Plan, Halt> {
        let fingerprint = wanted.role.fingerprint();
        // A binding that was ready before this process started has been made what its spec says by an earlier one.
        let made_before = is_settled(binding).then_some(fingerprint);
        let applied = self.memory.applied(&ObjectKey::of(binding)).or(made_before);
        Plan::apply(&wanted.role, found.map(|found| &found.role), applied)
            .map_err(|refusal| Halt::new(ConditionType::RoleSynced, refusal.reason(), refusal.to_string()))
    }
}

/// With `exclusive: false` the role keeps what is attached to it, by whomever: that must be allowed too.
fn check_kept(wanted: &Wanted, found: Option<&Found>, around: &Surroundings) -> Result<(), Halt> {
    let Some(found) = found else {
        return Ok(());
    };
    let guardrails = &around.known.usage.guardrails;
    wanted
        .admit_kept(&found.role, guardrails, &around.labels, around.roles_before())
        .map_err(|refusal| {
            let message = format!(
                "With spec.policies.exclusive: false the role {} keeps policies that are attached to it, and the \
                 guard-rails do not allow them all: {refusal}",
                wanted.role.name
            );
            Halt::new(ConditionType::Admitted, refusal.reason(), message)
        })
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

pub(super) fn conclusion(binding: &IamRoleBinding, role: &str) -> String {
    let names: Vec<&str> = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    format!("{} may assume the role {role}.", names.join(", "))
}
