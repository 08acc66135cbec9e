//! The operator's own plan for a binding, without a write.

use irsa_aws::{CallerIdentity as _, Connect, SdkConnect};
use irsa_core::{
    plan::{
        Step as _,
        binding::{AccountField, AccountFields, BindingPlan, BindingStep, ObservedAccount, RoleStep},
    },
    vocabulary::{ConditionType, TAG_ADOPT},
};
use irsa_pipeline::{
    binding::{
        aws_errors::step_error,
        observe::{
            existing_role::existing_role,
            role::{Depth, IamRole, role},
        },
        plan::{
            accounts::{AccountHistory, Accounts},
            role as planning,
        },
        validate::{
            self, Limits,
            admit::{AdmissionChain, check_kept, check_trust},
            conflicts::Conflicts,
        },
    },
    step_error::{Draft, StepError},
};

use super::{
    report::{Made, ShownStep},
    surroundings::{self, Surroundings},
};
use crate::cluster::Cluster;

/// Whether a role counts as handed over to its binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// As its tags say.
    AsTagged,
    /// As if an AWS administrator had tagged it.
    Imagined,
}

/// The steps for a binding.
///
/// # Errors
/// Why there are none, as the operator would say it.
pub(super) async fn of_binding(
    cluster: &Cluster,
    connect: &SdkConnect,
    around: &Surroundings,
    offer: Offer,
) -> Result<Made, StepError> {
    let binding = &around.binding;
    let context = around.context();
    let conflicts = Conflicts::of(binding, around.others.iter());
    let federation = |name: &str| around.federation_of(name);
    let labels = |namespace: &str| around.labels_of(namespace);
    let chain = AdmissionChain {
        cluster: &around.cluster,
        limits: Limits::default(),
        context: &context,
        conflicts: &conflicts,
        federation: &federation,
        labels: &labels,
    };
    let usage = &context.federation.usage;
    let mut draft = Draft::of(binding);
    let connected = |error| step_error(ConditionType::RoleSynced, &error);
    let (arn, plan, found) = if let Some(existing) = &binding.spec.existing_role {
        let (_, trust) = chain.admit_existing(binding, existing, &mut draft)?;
        let aws = connect.connect(&around.connection).await.map_err(connected)?;
        let found = existing_role(&aws, existing).await?;
        check_trust(&found, &trust)?;
        (found.arn, BindingPlan::nothing(), None)
    } else {
        let (_, validated) = chain.admit(binding, &mut draft)?;
        let aws = connect.connect(&around.connection).await.map_err(connected)?;
        let desired = &validated.role;
        let ours = |tags: &_| offer == Offer::Imagined || desired.may_take(tags);
        let mut found = role(&aws, desired.name.as_str(), ours, Depth::Documents)
            .await
            .map_err(connected)?;
        if let (Offer::Imagined, Some(found)) = (offer, &mut found) {
            found.role.tags.insert(TAG_ADOPT.to_owned(), desired.owner.adoption());
        }
        check_kept(&validated, found.as_ref(), &context)?;
        let plan = planning::make(binding, &validated, found.as_ref(), None)?;
        (
            planning::role_arn(aws.caller(), &validated, found.as_ref()),
            plan,
            found,
        )
    };
    let accounts = Accounts {
        desired: validate::accounts(binding, &arn, usage, around.federation_ids())?,
        observed: surroundings::accounts(cluster, binding).await,
        annotated_with: around.annotated_with(&arn),
        removes: false,
    };
    for name in accounts.observed.names() {
        accounts.observed.get(name)?;
    }
    let plans = accounts.plan(binding, &NoHistory);
    Ok(shown(&plan.with_accounts(plans), found.as_ref()))
}

fn shown(plan: &BindingPlan, found: Option<&IamRole>) -> Made {
    let refusals = plan.accounts.iter().filter_map(|account| {
        let refusal = account.refusal.as_ref()?;
        Some(format!("ServiceAccount {}: {refusal}", account.account))
    });
    let taken = plan.taken_names.iter();
    let taken = taken.map(|name| format!("inline policy {name}: the role has one of that name that only denies"));
    Made {
        steps: plan.steps().map(|step| shown_step(step, found)).collect(),
        kept: plan.kept.iter().map(ToString::to_string).collect(),
        refused: refusals.chain(taken).collect(),
    }
}

/// A step, with what it writes, and what is there now.
fn shown_step(step: BindingStep<'_>, found: Option<&IamRole>) -> ShownStep {
    let parsed = |text: &str| serde_json::from_str(text).ok();
    let role = found.map(|found| &found.role);
    let (after, before) = match step {
        BindingStep::Role(RoleStep::CreateRole { trust, .. }) => (parsed(trust), None),
        BindingStep::Role(RoleStep::UpdateTrust { trust }) => {
            (parsed(trust), role.and_then(|role| parsed(&role.trust)))
        }
        BindingStep::Role(RoleStep::PutInline { name, document }) => {
            let before = role.and_then(|role| role.inline.get(name));
            (parsed(document), before.and_then(|before| parsed(before)))
        }
        BindingStep::Role(RoleStep::DeleteInline { name }) => {
            let before = role.and_then(|role| role.inline.get(name));
            (None, before.and_then(|before| parsed(before)))
        }
        BindingStep::Role(_) | BindingStep::Account { .. } => (None, None),
    };
    ShownStep {
        what: format!("{} {step}", step.action()),
        after,
        before,
    }
}

/// Nobody has tried before.
struct NoHistory;

impl AccountHistory for NoHistory {
    fn undone(&self, _: &ObservedAccount, _: &AccountFields) -> Option<AccountField> {
        None
    }

    fn is_put_back(&self, _: &str) -> bool {
        false
    }
}
