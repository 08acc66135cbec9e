//! Undoing what a binding did to ServiceAccounts, and telling of those that the role does not let in.

use std::collections::BTreeSet;

use irsa_api::IamRoleBinding;
use irsa_aws::Connect;
use irsa_core::{plan::binding::AccountRemoval, vocabulary::EKS_ROLE_ARN};
use irsa_pipeline::{
    binding::{
        aws_errors::kubernetes_error,
        conclude::ShutOut,
        execute::{self, service_accounts::Target},
        observe::service_accounts,
        validate::conflicts::Conflicts,
    },
    spec::identity::bound_before,
    step_error::{StepError, first_of},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt};

use super::bindings::Bindings;
use crate::leadership::Leadership;

impl<C: Connect, L: Leadership> Bindings<C, L> {
    /// Undoes the ServiceAccounts that were bound before and are not any more. Returns those of which that failed, and the first
    /// trouble.
    pub(super) async fn unbind_former(
        &self,
        binding: &IamRoleBinding,
        api: &Api<ServiceAccount>,
        bound: &BTreeSet<String>,
        role_arn: &str,
    ) -> (BTreeSet<String>, Result<(), StepError>) {
        // What they were annotated with, which a change of spec.existingRole has left behind.
        let annotated_with = binding.status.as_ref().and_then(|status| status.role_arn.as_deref());
        let annotated_with = annotated_with.unwrap_or(role_arn);
        let (mut stuck, mut trouble) = (BTreeSet::new(), None);
        for name in bound_before(binding).difference(bound) {
            // With mode `None` it is named and not bound: nothing is done to it, so it is not deleted either.
            let named = binding
                .spec
                .service_accounts
                .iter()
                .any(|account| account.name == *name);
            let undone = self.unbind_account(binding, api, name, annotated_with, named).await;
            if undone.is_err() {
                stuck.insert(name.clone());
            }
            trouble = first_of(trouble, undone);
        }
        (stuck, trouble.map_or(Ok(()), Err))
    }

    /// Takes what this binding did off a ServiceAccount; one that it made goes, unless it is still `named`. What another binding
    /// has annotated with the same role is that one's.
    pub(super) async fn unbind_account(
        &self,
        binding: &IamRoleBinding,
        api: &Api<ServiceAccount>,
        name: &str,
        role_arn: &str,
        named: bool,
    ) -> Result<(), StepError> {
        let all = self.store.state();
        let conflicts = Conflicts::of(binding, all.iter().filter_map(|decoded| decoded.object()));
        if !conflicts.is_bound_by_another(name) {
            let namespace = binding.namespace().unwrap_or_default();
            self.memory.release_account(&namespace, name);
        }
        if conflicts.has_another_with(name, role_arn) {
            return Ok(());
        }
        let observed = service_accounts::read(api, name)
            .await
            .map_err(|error| kubernetes_error("read", name, error))?;
        let Some(account) = observed else { return Ok(()) };
        let (action, undone) = match account.removal(&binding.name_any(), role_arn, named) {
            AccountRemoval::Nothing => return Ok(()),
            AccountRemoval::Clear(left) => {
                let _permit = self.permit()?;
                let cleared = execute::service_accounts::apply(api, name, Target::Existing(&account), &left).await;
                ("change", cleared.map(|_| ()))
            }
            AccountRemoval::Strip => {
                let _permit = self.permit()?;
                ("change", execute::service_accounts::strip(api, name, &account).await)
            }
            AccountRemoval::Delete => {
                let _permit = self.permit()?;
                ("delete", execute::service_accounts::delete(api, name, &account).await)
            }
        };
        undone.map_err(|error| kubernetes_error(action, name, error))
    }

    /// Which of these ServiceAccounts, bound and not let in by the role, are annotated with it.
    pub(super) async fn shut_out<'a>(
        &self,
        api: &Api<ServiceAccount>,
        names: impl Iterator<Item = &'a String>,
        role_arn: &str,
    ) -> Result<ShutOut<'a>, StepError> {
        let mut shut_out = ShutOut::default();
        for name in names {
            let observed = service_accounts::read(api, name)
                .await
                .map_err(|error| kubernetes_error("read", name, error))?;
            let present = observed
                .as_ref()
                .and_then(|account| account.annotations.get(EKS_ROLE_ARN));
            let list = if present.is_some_and(|present| present == role_arn) {
                &mut shut_out.annotated
            } else {
                &mut shut_out.waiting
            };
            list.push(name);
        }
        Ok(shut_out)
    }
}
