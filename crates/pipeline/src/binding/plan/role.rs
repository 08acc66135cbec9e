//! What has to be done to a binding's role.

use irsa_api::IamRoleBinding;
use irsa_aws::Caller;
use irsa_core::{
    admission::{AdmissionRefusal, Guardrails, InPlace},
    naming::{Owner, RoleName},
    plan::{
        Fingerprint,
        binding::{BindingPlan, RoleStep},
    },
    vocabulary::ConditionType,
};

use crate::{
    binding::{
        observe::{
            context::Context,
            role::{Depth, IamRole},
        },
        validate::ValidatedBinding,
    },
    object::Managed,
    step_error::StepError,
};

/// Why tags go although the role goes on.
const NOT_ALLOWED: &str = "The federation's spec.bindings.allowedTagKeys does not allow it.";

/// The ARN that a role has, or will have once it is made.
pub fn role_arn(caller: &Caller, validated: &ValidatedBinding, found: Option<&IamRole>) -> String {
    let role = &validated.role;
    let made = || role.name.arn(&caller.partition, &caller.account, &role.path);
    found.map_or_else(made, |found| found.arn.clone())
}

/// The steps that make a role what its binding asks for. `applied` is what a pass of this process last made of it in full.
///
/// # Errors
/// A role of that name is not the binding's.
pub fn make(
    binding: &IamRoleBinding,
    validated: &ValidatedBinding,
    found: Option<&IamRole>,
    applied: Option<Fingerprint>,
) -> Result<BindingPlan, StepError> {
    // A binding that was ready before this process started has been made what its spec says by an earlier one.
    let made_before = binding.is_ready().then(|| validated.role.fingerprint());
    BindingPlan::apply(&validated.role, found.map(|found| &found.role), applied.or(made_before))
        .map_err(|refusal| StepError::new(ConditionType::RoleSynced, refusal.reason(), refusal.to_string()))
}

/// What became of a role whose binding cannot have what it asks for.
pub enum Enforcement {
    /// It goes on, or there is none of ours.
    Untouched,
    /// Its trust is closed, for this reason if one is known.
    Closed(Option<AdmissionRefusal>),
}

/// How much of a role is read to be judged: where inline policies are not allowed, one that only denies is told from others by
/// its text.
pub const fn depth(guardrails: &Guardrails) -> Depth {
    if guardrails.inline_policies && guardrails.permissions_boundary.is_some() {
        Depth::Names
    } else {
        Depth::Documents
    }
}

/// What must become of a role in place.
pub struct JudgedRole {
    /// Why it may not go on.
    refusal: Option<AdmissionRefusal>,
    /// It is closed already.
    already: bool,
    /// What takes from it what it may not have.
    pub steps: Vec<RoleStep>,
}

impl JudgedRole {
    /// What must become of the role as it is; `None` where it is not this binding's.
    pub fn of(
        binding: &IamRoleBinding,
        context: &Context,
        owner: &Owner,
        name: &RoleName,
        found: &IamRole,
    ) -> Option<Self> {
        if !owner.owns(&found.role.tags) {
            return None;
        }
        let usage = &context.federation.usage;
        let place = InPlace {
            namespace: &owner.namespace,
            namespace_labels: &context.labels,
            given_name: binding.spec.role.name.is_some().then_some(name),
            role: &found.role,
            federation_tags: &usage.tags,
            older_roles: context.older_roles,
        };
        let refusal = usage.guardrails.admit_in_place(&place).err();
        let closing = BindingPlan::close(owner, &found.role);
        let already = closing.is_empty();
        let keys = place.unlisted_tags(&usage.guardrails);
        let untag = (!keys.is_empty()).then_some(RoleStep::Untag { keys });
        let steps = closing.into_iter().filter(|_| refusal.is_some()).chain(untag).collect();
        Some(Self {
            refusal,
            already,
            steps,
        })
    }

    /// What is so once the steps are done.
    pub fn verdict(self) -> Enforcement {
        if self.refusal.is_some() || self.already {
            Enforcement::Closed(self.refusal)
        } else {
            Enforcement::Untouched
        }
    }

    /// What is taken, and why, for an event.
    pub fn in_words(&self, role: &RoleName) -> String {
        let what: Vec<String> = self.steps.iter().map(RoleStep::to_string).collect();
        let because = self.refusal.as_ref().map(AdmissionRefusal::to_string);
        format!(
            "Taken from role {role}: {}. {}",
            what.join("; "),
            because.as_deref().unwrap_or(NOT_ALLOWED)
        )
    }
}
