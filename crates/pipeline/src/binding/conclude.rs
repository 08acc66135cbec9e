//! What came of a pass over a binding, in words.

use std::collections::BTreeSet;

use irsa_api::IamRoleBinding;
use irsa_core::{
    plan::binding::{AccountRefusal, BindingPlan, Kept, RoleStep},
    text::counted,
    vocabulary::{ConditionType, EKS_ROLE_ARN, Reason},
};

use super::{execute::accounts::AccountTrouble, plan::accounts::Accounts, validate::ValidatedBinding};
use crate::step_error::StepError;

/// What is true of a binding that is as it must be; `proven` where STS itself has said so.
pub fn conclusion(binding: &IamRoleBinding, role: &str, proven: bool) -> String {
    let names: Vec<&str> = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    let names = names.join(", ");
    if proven {
        return format!("{names} may assume the role {role}.");
    }
    format!("The role {role} is made for {names}, as far as IAM shows; STS was not asked (see the condition Verified).")
}

/// Inline policies that the role cannot have, because it has denials of these names.
pub fn names_taken(validated: &ValidatedBinding, plan: &BindingPlan) -> Option<StepError> {
    let message = format!(
        "The role {} has inline policies that only deny under names of spec.policies.inline ({}), and they are not overwritten; \
         choose other names there, or have the Deny taken off in AWS. Everything else is as asked for.",
        validated.role.name,
        plan.taken_names.join(", ")
    );
    let failure = StepError::new(ConditionType::PoliciesSynced, Reason::InlineNotAllowed, message);
    (!plan.taken_names.is_empty()).then_some(failure)
}

/// That somebody keeps changing these back, and that they were put right so many times.
pub fn contested_in_words<'a>(steps: impl Iterator<Item = &'a RoleStep>, rounds: u32) -> String {
    let what: Vec<String> = steps.map(ToString::to_string).collect();
    format!(
        "Somebody keeps changing this back on the role in AWS; it was put right {rounds} times and is put right less and less \
         often now, where nobody gains by that: {}. Find out who it is (CloudTrail), and have one of the two give way; tags can be left to him by the \
         federation's spec.bindings.ignoredTagKeys.",
        what.join("; ")
    )
}

/// A role to which not all was done that had to be.
pub struct Unfinished {
    /// Those of the wanted subjects that it lets in now.
    pub subjects: Vec<String>,
    /// What was refused first.
    pub failure: StepError,
}

/// What is true of a role that is as asked for, and what of others stays on it.
pub fn role_in_words(validated: &ValidatedBinding, kept: &[Kept]) -> String {
    let role = &validated.role.name;
    if kept.is_empty() {
        return format!("The role {role} is as asked for.");
    }
    let kept: Vec<String> = kept.iter().map(Kept::to_string).collect();
    format!(
        "The role {role} is as asked for. What was not asked for and only takes away stays until it is taken off in AWS: {}.",
        kept.join("; ")
    )
}

/// What is true of its policies.
pub fn policies_in_words(validated: &ValidatedBinding) -> String {
    let (managed, inline) = (validated.role.managed.len(), validated.role.inline.len());
    let inline = counted(inline, "inline policy", "inline policies");
    format!("The role has its {managed} managed and {inline}.")
}

/// ServiceAccounts that are bound and that the role's trust does not let in now.
#[derive(Debug, Default)]
pub struct ShutOut<'a> {
    /// Those that carry the role's annotation.
    pub annotated: Vec<&'a str>,
    /// Those that do not yet.
    pub waiting: Vec<&'a str>,
}

impl<'a> ShutOut<'a> {
    /// Of those whose subjects are not among these.
    ///
    /// # Errors
    /// One of them could not be read.
    pub fn of(accounts: &'a Accounts, let_in: &'a BTreeSet<&str>) -> Result<Self, StepError> {
        let mut shut_out = Self::default();
        for name in accounts.shut_out(let_in) {
            let observed = accounts.observed.get(name)?;
            let present = observed.and_then(|account| account.annotations.get(EKS_ROLE_ARN));
            let list = if present.is_some() && present == accounts.desired.get(name).map(|desired| &desired.role_arn) {
                &mut shut_out.annotated
            } else {
                &mut shut_out.waiting
            };
            list.push(name);
        }
        Ok(shut_out)
    }

    /// `None` when there are none.
    pub fn in_words(&self) -> Option<String> {
        let of = |what: &str, names: &[&str]| (!names.is_empty()).then(|| format!("{what}: {}.", names.join(", ")));
        let sentences = [
            of(
                "Not annotated yet, as the role's trust policy does not let them in",
                &self.waiting,
            ),
            of(
                "Annotated, but the role's trust policy does not let them in now",
                &self.annotated,
            ),
        ];
        let sentences: Vec<String> = sentences.into_iter().flatten().collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

/// Why a ServiceAccount is not as wanted, and what to do about it.
pub fn account_trouble(name: &str, trouble: &AccountTrouble) -> StepError {
    let refusal = match trouble {
        AccountTrouble::Failed(failure) => return failure.clone(),
        AccountTrouble::Refused(refusal) => refusal,
    };
    let message = match refusal {
        AccountRefusal::Missing => {
            format!("The ServiceAccount {name} does not exist; create it, or set spec.serviceAccountMode: Create.")
        }
        AccountRefusal::Conflict { field, manager } => format!(
            "The field manager {manager} keeps another value of {field} on ServiceAccount {name}; remove it there. It is not \
             overwritten."
        ),
        AccountRefusal::Undone(field) => format!(
            "The cluster's admission (a webhook or a MutatingAdmissionPolicy) does not let {field} on ServiceAccount {name} be what was \
             written; have it leave that field alone, or ask for what it sets. It is not written again until the ServiceAccount changes."
        ),
        AccountRefusal::PutBack => format!(
            "Somebody puts {EKS_ROLE_ARN} of a restored ServiceAccount back each time, on {name}; take it out of \
             what is applied there. It is not overwritten any more."
        ),
    };
    let reason = match refusal {
        AccountRefusal::Missing => Reason::ServiceAccountNotFound,
        AccountRefusal::Conflict { .. } | AccountRefusal::Undone(_) | AccountRefusal::PutBack => {
            Reason::AnnotationConflict
        }
    };
    StepError::new(ConditionType::ServiceAccountsSynced, reason, message)
}

/// That a ServiceAccount of another cluster has been taken over.
pub fn taken_over(name: &str, role: &str) -> String {
    format!("ServiceAccount {name} was restored with the role {role} of another cluster; it has this binding's now.")
}

/// What is true of ServiceAccounts that are as they must be.
pub fn accounts_in_words(accounts: &Accounts) -> String {
    let bound: Vec<&str> = accounts.desired.keys().map(String::as_str).collect();
    if bound.is_empty() {
        return "ServiceAccounts are left alone (spec.serviceAccountMode: None).".to_owned();
    }
    format!("Annotated: {}.", bound.join(", "))
}
