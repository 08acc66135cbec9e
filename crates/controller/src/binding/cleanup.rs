//! Removing what a binding made: from its status and the tags in AWS, whatever has become of its spec.

use std::collections::BTreeSet;

use irsa_api::{DeletionPolicy, IamRoleBinding, IamRoleBindingStatus};
use irsa_aws::{CallerIdentity, Connect};
use irsa_core::{
    naming::RoleName,
    plan::binding::Plan,
    vocabulary::{ConditionType, EventReason, FORCE_DELETE, Reason},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Resource, ResourceExt};
use tracing::warn;

use super::{
    Bindings,
    aws_errors::halt,
    bind::bound_before,
    execute::execute,
    federation::Known,
    home::{check_home, role_in_place},
    observe::{self, Depth},
    validate::owner,
};
use crate::{
    halt::{Halt, Progress},
    leadership::Leadership,
    object::ObjectKey,
    shell::{Cleanup, is_abandoned},
};

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Annotations, trust, policies, role; in this order, so that no new pod gets a role that is on its way out, and a
    /// role that cannot be removed is at least closed.
    pub(super) async fn clean_up(&self, binding: &IamRoleBinding) -> Cleanup<IamRoleBindingStatus> {
        let known = self.federations.get(&binding.spec.federation_ref.name);
        let removed = if retains(binding, known.as_ref()) {
            Ok(())
        } else {
            self.remove(binding, known.as_ref()).await
        };
        let key = ObjectKey::of(binding);
        self.memory.forget(&key);
        match removed {
            Ok(()) => {
                self.births.forget(&key);
                Cleanup::Finished
            }
            Err(halt) if is_abandoned(binding, halt.reason, self.shell.now()) => {
                self.abandon(binding, known.as_ref(), &halt).await;
                Cleanup::Finished
            }
            Err(halt) => Cleanup::Unfinished(Progress::of(binding).report(Err(halt))),
        }
    }

    /// The role is removed also where an annotation could not be: nobody keeps a role by standing in the way there.
    async fn remove(&self, binding: &IamRoleBinding, known: Option<&Known>) -> Result<(), Halt> {
        let unbound = self.unbind_accounts(binding).await;
        self.remove_role(binding, known).await.and(unbound)
    }

    async fn remove_role(&self, binding: &IamRoleBinding, known: Option<&Known>) -> Result<(), Halt> {
        let Some(name) = role_in_place(binding, known) else {
            return Ok(());
        };
        let key = ObjectKey::of(binding);
        if self.births.is_removed(&key) {
            return Ok(());
        }
        let Some(known) = known else {
            return without_federation(binding, &name);
        };
        let role = ConditionType::RoleSynced;
        let aws = self
            .connect
            .connect(&known.usage.connection)
            .await
            .map_err(|error| halt(role, &error))?;
        check_home(binding, &aws.caller().account)?;
        let owner = owner(binding, &self.cluster);
        let found = observe::role(&aws, name.as_str(), |tags| owner.owns(tags), Depth::Names)
            .await
            .map_err(|error| halt(role, &error))?;
        let Some(found) = found else {
            return self.check_gone(binding, &name);
        };
        let steps = Plan::remove(&owner, &found.role);
        execute(&aws, self.shell.leadership.as_ref(), &name, &steps, |_| ()).await?;
        self.births.removed(&key);
        Ok(())
    }

    /// A role that IAM does not show is gone, unless it may have been made a moment ago.
    fn check_gone(&self, binding: &IamRoleBinding, role: &RoleName) -> Result<(), Halt> {
        if self.births.hidden_for(&ObjectKey::of(binding)).is_none() {
            return Ok(());
        }
        let message = format!(
            "IAM shows no role {role}, but may have made it a moment ago and not show it yet; it is looked for again."
        );
        Err(Halt::new(ConditionType::RoleSynced, Reason::Propagating, message))
    }

    async fn unbind_accounts(&self, binding: &IamRoleBinding) -> Result<(), Halt> {
        let Some(role_arn) = binding.status.as_ref().and_then(|status| status.role_arn.clone()) else {
            return Ok(());
        };
        let api: Api<ServiceAccount> =
            Api::namespaced(self.shell.client.clone(), &binding.namespace().unwrap_or_default());
        let in_spec = binding.spec.service_accounts.iter().map(|account| account.name.clone());
        let names: BTreeSet<String> = bound_before(binding).into_iter().chain(in_spec).collect();
        for name in names {
            self.unbind_account(binding, &api, &name, &role_arn).await?;
        }
        Ok(())
    }

    /// Gives up on request. Recorded on the federation: a namespace on its way out takes no events.
    async fn abandon(&self, binding: &IamRoleBinding, known: Option<&Known>, halt: &Halt) {
        let (namespace, name) = (binding.namespace().unwrap_or_default(), binding.name_any());
        let role = role_in_place(binding, known).map_or_else(|| "no role".to_owned(), |role| format!("role {role}"));
        let note = format!(
            "IamRoleBinding {namespace}/{name} was deleted by force and left {role}: {}",
            halt.message
        );
        warn!(
            namespace,
            name,
            reason = halt.reason.as_str(),
            "a binding was deleted by force"
        );
        let about = known.map_or_else(|| binding.object_ref(&()), |known| known.reference.clone());
        self.shell.events.warning(&about, EventReason::Abandoned, &note).await;
    }
}

/// Whether everything stays: the role, and the annotations without which its pods would lose it.
///
/// A federation that no longer allows this is obeyed; one that is gone cannot object.
fn retains(binding: &IamRoleBinding, known: Option<&Known>) -> bool {
    binding.spec.deletion_policy == DeletionPolicy::Retain
        && known.is_none_or(|known| known.usage.guardrails.allow_retain)
}

/// Without a federation nobody says how to reach AWS; a binding that never got a role does not need to.
fn without_federation(binding: &IamRoleBinding, role: &RoleName) -> Result<(), Halt> {
    if binding.status.as_ref().is_none_or(|status| status.role_arn.is_none()) {
        return Ok(());
    }
    let federation = &binding.spec.federation_ref.name;
    let message = format!(
        "The OidcFederation {federation}, which says how to reach AWS, is gone, and the role {role} may still exist; \
         create the federation again, or remove the role by hand and set the annotation {FORCE_DELETE}."
    );
    Err(Halt::new(
        ConditionType::RoleSynced,
        Reason::FederationNotFound,
        message,
    ))
}
