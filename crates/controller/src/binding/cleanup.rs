//! Removing what a binding made: from the tags in AWS, whatever has become of its spec and its status.

use irsa_api::{DeletionPolicy, IamRoleBinding, IamRoleBindingStatus, OidcFederation};
use irsa_aws::{CallerIdentity, Connect};
use irsa_core::{
    naming::RoleName,
    outcome::Outcome,
    plan::binding::BindingPlan,
    vocabulary::{ConditionType, EventReason, FORCE_DELETE, Reason},
};
use irsa_pipeline::{
    binding::{
        aws_errors::step_error,
        execute::role::RoleWork,
        observe::role::{Depth, RoleInPlace, role_in_place},
        validate::account::check_role_account,
    },
    object::ObjectKey,
    report::Cleanup,
    spec::{
        federation_view::FederationView,
        identity::{owner, roles_in_place},
    },
    step_error::{Draft, StepError},
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource, ResourceExt};
use tracing::warn;

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Annotations, trust, policies, role; in this order, so that no new pod gets a role that is on its way out, and a
    /// role that cannot be removed is at least closed.
    pub(super) async fn remove_or_leave(&self, binding: &IamRoleBinding) -> Cleanup<IamRoleBindingStatus> {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        let removed = if retains(binding, known.as_deref()) {
            self.leave(binding).await
        } else {
            self.remove(binding, known.as_deref()).await
        };
        let key = ObjectKey::of(binding);
        self.memory.doubt(&key);
        match removed {
            Ok(()) => {
                self.memory.let_go(key);
                Cleanup::Finished
            }
            Err(failure) => {
                let mut draft = Draft::of(binding);
                draft.look_again = self.propagation.hidden_for(&key);
                Cleanup::Unfinished(draft.report(Err(failure)))
            }
        }
    }

    /// Everything stays: the role, and the annotations without which its pods would lose it. Nobody looks after the role
    /// from now on, so it is judged once more: one that the guard-rails do not allow is left closed.
    async fn leave(&self, binding: &IamRoleBinding) -> Result<(), StepError> {
        let context = self.observe(binding)?;
        self.close_unless_allowed(binding, &context).await?;
        if let Some(role) = roles_in_place(binding, Some(&context.federation)).first() {
            self.check_shown(binding, role)?;
        }
        self.note_left(binding);
        Ok(())
    }

    /// The role is removed also where an annotation could not be: nobody keeps a role by standing in the way there.
    async fn remove(&self, binding: &IamRoleBinding, known: Option<&FederationView>) -> Result<(), StepError> {
        let unbound = self.unbind_accounts(binding).await;
        self.remove_roles(binding, known).await.and(unbound)
    }

    async fn remove_roles(&self, binding: &IamRoleBinding, known: Option<&FederationView>) -> Result<(), StepError> {
        let names = roles_in_place(binding, known);
        let key = ObjectKey::of(binding);
        if self.propagation.is_removed(&key) {
            return Ok(());
        }
        let Some(known) = known else {
            return names.first().map_or(Ok(()), |name| without_federation(binding, name));
        };
        if names.is_empty() {
            return Ok(());
        }
        let role = ConditionType::RoleSynced;
        let connected = self.connect.connect(&known.usage.connection).await;
        let aws = connected.map_err(|error| step_error(role, &error))?;
        let owner = owner(binding, &self.cluster);
        let mut unseen = None;
        for name in &names {
            match role_in_place(&aws, binding, known, &owner, name, Depth::Documents).await? {
                // Neither is proof: a role that was just made is not there yet, one that was just taken over not ours yet.
                RoleInPlace::Missing | RoleInPlace::NotOurs => unseen = Some(name),
                RoleInPlace::Ours(found) => {
                    let plan = BindingPlan::remove(&owner, &found.role);
                    let work = RoleWork {
                        steps: &plan.role.steps,
                        order: &plan.order,
                        put_off: &[],
                    };
                    let removing = self.write_role(binding, &known.usage, &aws, name, work, |_| ());
                    removing.await?.result(&plan.role.steps)?;
                }
            }
        }
        check_role_account(binding, &aws.caller().account)?;
        if let Some(name) = unseen {
            self.check_shown(binding, name)?;
        }
        self.propagation.removed(&key);
        Ok(())
    }

    /// What IAM shows of a role counts once the last change to it must be shown.
    fn check_shown(&self, binding: &IamRoleBinding, role: &RoleName) -> Result<(), StepError> {
        if self.propagation.hidden_for(&ObjectKey::of(binding)).is_none() {
            return Ok(());
        }
        let message = format!(
            "IAM may not show yet what was last made of the role {role}; it is looked for again before the binding goes."
        );
        Err(StepError::new(ConditionType::RoleSynced, Reason::Propagating, message))
    }

    /// Gives up on request. Recorded on the federation, also on one that is gone: a namespace on its way out takes no
    /// events.
    pub(super) async fn record_abandoned(&self, binding: &IamRoleBinding, why: &Outcome) {
        let (namespace, name) = (binding.namespace().unwrap_or_default(), binding.name_any());
        let known = self.federations.get(&binding.spec.federation_ref.name);
        let roles = roles_in_place(binding, known.as_deref());
        let roles: Vec<String> = roles.iter().map(|role| format!("role {role}")).collect();
        let roles = if roles.is_empty() {
            "no role".to_owned()
        } else {
            roles.join(", ")
        };
        let note = format!(
            "IamRoleBinding {namespace}/{name} was deleted by force and may have left {roles}: {}",
            why.message
        );
        warn!(
            namespace,
            name,
            roles,
            reason = why.reason.as_str(),
            "a binding was deleted by force"
        );
        self.memory.released(ObjectKey::of(binding));
        let about = self.federation_of(binding);
        self.driver.events.warning(&about, EventReason::Abandoned, &note).await;
    }

    /// The federation of a binding, whether it is there or not.
    pub(super) fn federation_of(&self, binding: &IamRoleBinding) -> ObjectReference {
        let name = &binding.spec.federation_ref.name;
        let gone = || ObjectReference {
            api_version: Some(OidcFederation::api_version(&()).into_owned()),
            kind: Some(OidcFederation::kind(&()).into_owned()),
            name: Some(name.clone()),
            ..ObjectReference::default()
        };
        self.federations
            .get(name)
            .map_or_else(gone, |known| known.reference.clone())
    }
}

/// Whether the binding asks for everything to stay and its federation allows it. A federation that is gone allows nothing:
/// what is absent is refused.
fn retains(binding: &IamRoleBinding, known: Option<&FederationView>) -> bool {
    binding.spec.deletion_policy == DeletionPolicy::Retain
        && known.is_some_and(|known| known.usage.guardrails.allow_retain)
}

/// Without a federation nobody says how to reach AWS; a binding that never got a role does not need to.
fn without_federation(binding: &IamRoleBinding, role: &RoleName) -> Result<(), StepError> {
    if binding.status.as_ref().is_none_or(|status| status.role_arn.is_none()) {
        return Ok(());
    }
    let federation = &binding.spec.federation_ref.name;
    let message = format!(
        "The OidcFederation {federation}, which says how to reach AWS, is gone, and the role {role} may still exist; \
         create the federation again, or remove the role by hand and set the annotation {FORCE_DELETE}."
    );
    Err(StepError::new(
        ConditionType::RoleSynced,
        Reason::FederationNotFound,
        message,
    ))
}
