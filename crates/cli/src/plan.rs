//! `plan`: what the operator would do for a binding, by its own steps, and without a write.

mod manifests;
mod observed;
mod report;

use irsa_aws::{Aws, Connect, SdkConnect};
use irsa_core::{
    plan::binding::{AccountField, AccountFields, BindingPlan, ObservedAccount},
    vocabulary::ConditionType,
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

pub(crate) use self::report::PlanReport;
use self::{observed::Surroundings, report::Made};
use crate::{aws, cluster::Cluster, failure::Failure};

/// Which binding is planned for.
pub(crate) enum Planned {
    /// The one of this name.
    Named(String),
    /// Those of a file, as if they were applied.
    File(std::path::PathBuf),
}

/// The plan for each binding that is meant.
///
/// # Errors
/// An object cannot be read; a file has no binding in it.
pub(crate) async fn plan(cluster: &Cluster, planned: &Planned) -> Result<Vec<PlanReport>, Failure> {
    let bindings = match planned {
        Planned::Named(name) => vec![observed::binding(cluster, &cluster.namespace, name).await?],
        Planned::File(file) => observed::as_applied(cluster, manifests::bindings(file, &cluster.namespace)?).await?,
    };
    let connect = aws::connect()?;
    let mut reports = Vec::new();
    for binding in bindings {
        let surroundings = observed::surroundings(cluster, &binding).await?;
        let made = Box::pin(of_one(cluster, &connect, &surroundings)).await;
        reports.push(PlanReport::of(&binding, made));
    }
    Ok(reports)
}

async fn of_one(cluster: &Cluster, connect: &SdkConnect, around: &Surroundings) -> Result<Made, StepError> {
    let binding = &around.binding;
    let context = around.context();
    let conflicts = Conflicts::of(binding, &around.others);
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
        let ours = |tags: &_| desired.may_take(tags);
        let found = role(&aws, desired.name.as_str(), ours, Depth::Documents)
            .await
            .map_err(connected)?;
        check_kept(&validated, found.as_ref(), &context)?;
        let plan = planning::make(binding, &validated, found.as_ref(), None)?;
        (role_arn(&aws, &validated, found.as_ref()), plan, found)
    };
    let accounts = Accounts {
        desired: validate::accounts(binding, &arn, usage, around.federation_ids())?,
        observed: observed::accounts(cluster, binding).await,
        annotated_with: around.annotated_with(&arn),
        removes: false,
    };
    for name in accounts.observed.names() {
        accounts.observed.get(name)?;
    }
    let plans = accounts.plan(binding, &NoHistory);
    Ok(Made {
        plan: plan.with_accounts(plans),
        found,
    })
}

fn role_arn(aws: &impl Aws, validated: &validate::ValidatedBinding, found: Option<&IamRole>) -> String {
    let (caller, role) = (aws.caller(), &validated.role);
    found.map_or_else(
        || role.name.arn(&caller.partition, &caller.account, &role.path),
        |found| found.arn.clone(),
    )
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
