//! What the cluster has.

use std::collections::BTreeSet;

use irsa_core::{
    explain::{Fact, Unseen},
    import::{AnnotatedAccount, Candidate, ImportInput, IrsaManagerObject, TrustedAccount},
    naming::is_role_arn,
    proof::AccountName,
    text::shown,
    trust::Audience,
    vocabulary::{CONFIRMED_FOR, DEFAULT_AUDIENCE, EKS_AUDIENCE, EKS_ROLE_ARN},
};
use irsa_pipeline::evidence;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{ResourceExt as _, api::PartialObjectMeta};
use serde_json::Value;

use crate::{cluster::Cluster, plan::Live};

/// The API groups that irsa-manager has had.
const IRSA_MANAGER_GROUPS: [&str; 2] = ["irsa-manager.kkb0318.github.io", "irsa.kkb0318.github.io"];

/// What was seen in the cluster, and what was not.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) input: ImportInput,
    /// All ServiceAccounts that were seen.
    pub(super) accounts: BTreeSet<AccountName>,
    /// The only namespace that was looked at, where it is one.
    pub(super) only: Option<String>,
    /// Whether bindings could be listed.
    knows_bindings: bool,
    /// What the API server signs as.
    pub(super) issuer: Option<String>,
    /// Objects of irsa-manager whose deletion would delete the bucket and the provider.
    pub(super) setups: Vec<String>,
    /// What is there and in no manifest, each a sentence.
    pub(super) passed_over: Vec<String>,
    /// What could not be seen, each a sentence.
    pub(super) unseen: Vec<String>,
}

impl Found {
    /// Looks, in one namespace or in all.
    pub(super) async fn look(&mut self, cluster: &Cluster, live: Option<&Live>, namespace: Option<&str>) {
        self.only = namespace.map(str::to_owned);
        self.knows_bindings = live.is_some();
        self.input.bindings = live.map(Live::binding_names).unwrap_or_default();
        self.input.bound = live.map(Live::bound).unwrap_or_default();
        match cluster.signing().await.issuer {
            Ok(issuer) => self.issuer = Some(issuer),
            Err(why) => self
                .unseen
                .push(format!("The API server's issuer cannot be read: {why}.")),
        }
        match cluster.service_account_metadata(namespace).await {
            Ok(accounts) => accounts.iter().for_each(|account| self.take(account)),
            Err(why) => self.unseen.push(format!(
                "The ServiceAccounts cannot be listed: {why}.{}",
                if namespace.is_none() {
                    " With --namespace only those of one are."
                } else {
                    ""
                }
            )),
        }
        for group in IRSA_MANAGER_GROUPS {
            self.look_for_irsa_manager(cluster, group).await;
        }
    }

    fn take(&mut self, metadata: &PartialObjectMeta<ServiceAccount>) {
        let account = AccountName {
            namespace: metadata.namespace().unwrap_or_default(),
            name: metadata.name_any(),
        };
        self.accounts.insert(account.clone());
        let annotations = metadata.annotations();
        // The operator's own mark: a binding has it, whether that can be seen or not.
        if !self.knows_bindings && annotations.contains_key(CONFIRMED_FOR) {
            return;
        }
        let Some(role) = annotations.get(EKS_ROLE_ARN).filter(|role| !role.is_empty()) else {
            return;
        };
        if !is_role_arn(role) {
            self.passed_over.push(format!(
                "ServiceAccount {account}: its annotation {EKS_ROLE_ARN} is {}, which is no role's ARN.",
                shown(role)
            ));
            return;
        }
        let audience = annotations
            .get(EKS_AUDIENCE)
            .filter(|audience| !audience.is_empty() && *audience != DEFAULT_AUDIENCE);
        if let Some(other) = audience.filter(|audience| Audience::new(audience.as_str()).is_err()) {
            self.passed_over.push(format!(
                "ServiceAccount {account}: its annotation {EKS_AUDIENCE} is {}, which is no audience.",
                shown(other)
            ));
            return;
        }
        self.input.annotated.push(AnnotatedAccount {
            account,
            role: role.clone(),
            audience: audience.cloned(),
        });
    }

    async fn look_for_irsa_manager(&mut self, cluster: &Cluster, group: &str) {
        // Everybody may ask which groups there are; only of a kind that is there is it told who may list it.
        if let Ok(None) = cluster.object(&format!("/apis/{group}")).await {
            return;
        }
        let objects = listed(cluster, group, "irsas").await;
        let setups = listed(cluster, group, "irsasetups").await;
        for unseen in [&objects, &setups]
            .into_iter()
            .filter_map(|listed| listed.as_ref().err())
        {
            self.unseen
                .push(format!("The objects of irsa-manager cannot be listed: {unseen}."));
        }
        let objects = objects.unwrap_or_default();
        self.input.irsa_manager.extend(objects.iter().map(irsa_manager_object));
        let setups = setups.unwrap_or_default();
        self.setups
            .extend(setups.iter().filter(|setup| cleans_up(setup)).map(name_of));
    }

    /// ServiceAccounts of the cluster that a trust policy names, and what else it lets in.
    pub(super) fn take_trusted(&mut self, role: &str, accounts: Vec<AccountName>, others: &[String]) {
        for account in accounts {
            if self.accounts.contains(&account) {
                self.input.trusted.push(TrustedAccount {
                    account,
                    role: role.to_owned(),
                });
            }
        }
        let concerns = |other: &&str| self.only.as_deref().is_none_or(|only| may_be_of(other, only));
        let others: Vec<&str> = others.iter().map(String::as_str).filter(concerns).collect();
        if !others.is_empty() {
            self.passed_over.push(format!(
                "Role {role}: its trust policy lets in {}, which is no ServiceAccount by its name. Name those that are meant in a binding.",
                others.join(", ")
            ));
        }
    }

    /// A role of an account that no federation here can stand for.
    pub(super) fn pass_over(&mut self, candidate: &Candidate) {
        let accounts: Vec<&str> = candidate.accounts.iter().map(String::as_str).collect();
        self.passed_over.push(format!(
            "ServiceAccount {} of namespace {}: its role {} is in another account than the federation.",
            accounts.join(", "),
            candidate.namespace,
            candidate.role
        ));
    }

    /// What somebody wishes for beside roles that are taken over.
    pub(super) fn only_wished(&mut self, candidate: &Candidate) {
        let accounts: Vec<&str> = candidate.accounts.iter().map(String::as_str).collect();
        self.passed_over.push(format!(
            "ServiceAccount {} of namespace {}: the trust policy of {} does not let it in today, and a new federation would let its \
             namespace ask for what the roles have that are taken over. Let it in first, or write a binding by hand.",
            accounts.join(", "),
            candidate.namespace,
            candidate.role
        ));
    }

    /// An account could not be looked at.
    pub(super) fn unseen_account(&mut self, account: &str, error: &irsa_aws::AwsError) {
        self.unseen.push(format!(
            "The account {account} cannot be looked at: {}.",
            evidence::unseen(error)
        ));
    }
}

/// Whether somebody of this namespace may fit what a trust policy has for a `sub`: all but patterns of another namespace's names.
fn may_be_of(pattern: &str, namespace: &str) -> bool {
    let of = pattern
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    of.is_none_or(|(of, _)| of == namespace || of.contains(['*', '?', '$']))
}

/// The objects of a kind; none where there is no such kind.
async fn listed(cluster: &Cluster, group: &str, kind: &str) -> Fact<Vec<Value>> {
    let list = cluster.object(&format!("/apis/{group}/v1alpha1/{kind}")).await?;
    let items = list
        .as_ref()
        .and_then(|list| list.get("items"))
        .and_then(Value::as_array);
    match (&list, items) {
        (None, _) => Ok(Vec::new()),
        (Some(_), Some(items)) => Ok(items.clone()),
        (Some(_), None) => Err(Unseen::because("the API server's answer is no list")),
    }
}

fn irsa_manager_object(object: &Value) -> IrsaManagerObject {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/spec/serviceAccount/name");
    let namespaces = object
        .pointer("/spec/serviceAccount/namespaces")
        .and_then(Value::as_array);
    let namespaces = namespaces.into_iter().flatten().filter_map(Value::as_str);
    IrsaManagerObject {
        object: name_of(object),
        accounts: namespaces
            .map(|namespace| AccountName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
            .collect(),
        role_name: text("/spec/iamRole/name").to_owned(),
        cleans_up: cleans_up(object),
    }
}

fn cleans_up(object: &Value) -> bool {
    object
        .pointer("/spec/cleanup")
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

fn name_of(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_another_namespace_are_nothing_to_one() {
        let subject = |rest: &str| format!("system:serviceaccount:{rest}");
        for fits in ["team:*", "*:app", "te?m:*", "${aws:PrincipalTag/ns}:app", "*"] {
            assert!(may_be_of(&subject(fits), "team"), "{fits}");
        }
        assert!(may_be_of("whoever has a token of the issuer", "team"));
        assert!(!may_be_of(&subject("other:*"), "team"));
    }
}
