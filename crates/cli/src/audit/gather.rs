//! What the cluster and its accounts tell, each part known or not.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::{Aws, Connect as _, Connection};
use irsa_core::{
    audit::{AuditInput, AuditedBinding, AuditedFederation, AuditedRole, RolePower, Workload},
    issuer::IssuerUrl,
};
use irsa_pipeline::{
    evidence,
    spec::federation_view::{FederationView, connection},
};
use kube::ResourceExt;

use crate::{aws, cluster::Cluster, doctor, failure::Failure, plan::role_of};

/// What was seen, and what was not.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) input: AuditInput,
    /// Why something is not known, each a sentence.
    pub(super) unseen: Vec<String>,
}

/// Looks.
///
/// # Errors
/// Federations or bindings cannot be listed.
pub(super) async fn gathered(cluster: &Cluster) -> Result<Gathered, Failure> {
    let federations = cluster.federations().await;
    let federations = federations.map_err(|unseen| format!("the OidcFederations cannot be listed: {unseen}"))?;
    let bindings = cluster.all_bindings().await;
    let bindings = bindings.map_err(|unseen| format!("the IamRoleBindings cannot be listed: {unseen}"))?;
    let mut gathered = Gathered::default();
    let roles_of_bindings: BTreeSet<&str> = bindings.iter().filter_map(role_of).collect();
    let (workloads, accounts) = join(workloads(cluster), in_aws(&federations, &roles_of_bindings)).await;
    gathered.take_workloads(workloads);
    gathered.take_accounts(&federations, accounts);
    let bound = bindings.iter().filter_map(|binding| audited(binding, &federations));
    gathered.input.bindings = bound.collect();
    Ok(gathered)
}

fn audited(binding: &IamRoleBinding, federations: &[OidcFederation]) -> Option<AuditedBinding> {
    let spec = &binding.spec;
    let own = federations
        .iter()
        .find(|federation| federation.name_any() == spec.federation_ref.name);
    let default = own.and_then(|federation| federation.spec.audiences.first());
    let given: BTreeSet<String> = spec.audiences.iter().cloned().collect();
    Some(AuditedBinding {
        namespace: binding.namespace().unwrap_or_default(),
        name: binding.name_any(),
        role: role_of(binding)?.to_owned(),
        accounts: spec
            .service_accounts
            .iter()
            .map(|account| account.name.clone())
            .collect(),
        audiences: if given.is_empty() {
            default.cloned().into_iter().collect()
        } else {
            given
        },
    })
}

/// ServiceAccounts with the number of their pods, and what of it is not known.
async fn workloads(cluster: &Cluster) -> (Option<Vec<Workload>>, Vec<String>) {
    let (accounts, pods) = join(cluster.all_service_accounts(), cluster.pods_by_account()).await;
    let mut unseen = Vec::new();
    let pods = match pods {
        Ok(pods) => Some(pods),
        Err(why) => {
            unseen.push(format!("Pods cannot be listed: {why}."));
            None
        }
    };
    let workloads = match accounts {
        Ok(accounts) => {
            let workload = |(namespace, name): (String, String)| Workload {
                pods: pods
                    .as_ref()
                    .map(|pods| pods.get(&(namespace.clone(), name.clone())).copied().unwrap_or(0)),
                namespace,
                name,
            };
            Some(accounts.into_iter().map(workload).collect())
        }
        Err(why) => {
            unseen.push(format!("ServiceAccounts cannot be listed: {why}."));
            None
        }
    };
    (workloads, unseen)
}

/// What an account tells.
#[derive(Default)]
struct SeenAccount {
    roles: Vec<AuditedRole>,
    /// The client IDs of a provider, by its ARN, as far as they could be read.
    client_ids: BTreeMap<String, Vec<String>>,
    unseen: Vec<String>,
}

/// Each account is listed once, however many federations it has.
async fn in_aws(federations: &[OidcFederation], bound: &BTreeSet<&str>) -> Vec<SeenAccount> {
    let mut by_account: BTreeMap<Option<String>, Vec<&OidcFederation>> = BTreeMap::new();
    for federation in federations {
        by_account
            .entry(doctor::account(federation))
            .or_default()
            .push(federation);
    }
    let looking = by_account.into_iter().map(async |(account, of_account)| {
        let mut seen = SeenAccount::default();
        let named = account.clone().unwrap_or_else(|| "of your credentials".to_owned());
        if let Err(why) = Box::pin(look(&mut seen, account, &of_account, bound)).await {
            seen.unseen
                .push(format!("The roles of the account {named} cannot be read: {why}."));
        }
        seen
    });
    join_all(looking).await
}

async fn look(
    seen: &mut SeenAccount,
    account: Option<String>,
    federations: &[&OidcFederation],
    bound: &BTreeSet<&str>,
) -> Result<(), String> {
    let Some(first) = federations.first() else {
        return Ok(());
    };
    let reach = Connection {
        account_id: account,
        // The role that the operator takes is not the role of whoever asks.
        assume_role: None,
        ..connection(first)
    };
    let connect = aws::connect().map_err(|error| error.to_string())?;
    let aws = connect
        .connect(&reach)
        .await
        .map_err(|error| evidence::unseen(&error).to_string())?;
    for federation in federations {
        let Some(arn) = provider_of(federation) else { continue };
        match evidence::provider(&aws, &arn).await {
            Ok(provider) => {
                if provider.is_none() {
                    seen.unseen.push(format!(
                        "There is no provider {arn}: nobody gets in by it, and whom its roles would let in is not known."
                    ));
                }
                let ids = provider.map(|provider| provider.client_ids).unwrap_or_default();
                seen.client_ids.insert(arn, ids);
            }
            Err(why) => seen.unseen.push(format!(
                "The provider {arn} cannot be read, so the federation's audiences are taken for its own: {why}."
            )),
        }
    }
    roles(&aws, seen, bound).await
}

fn provider_of(federation: &OidcFederation) -> Option<String> {
    let issuer = IssuerUrl::parse(&federation.spec.issuer).ok()?;
    doctor::provider_arn(federation, &issuer, None)
}

/// Two listings: who may take each role, and what those may that matter here.
async fn roles(aws: &impl Aws, seen: &mut SeenAccount, bound: &BTreeSet<&str>) -> Result<(), String> {
    let mut found: BTreeMap<String, AuditedRole> = BTreeMap::new();
    let listing = aws.roles_under("/", |role| {
        // Of all others no web identity gets in.
        let may_matter = role.trust_policy.contains("Federated") || bound.contains(role.arn.as_str());
        if may_matter || role.trust_policy.contains("\"*\"") {
            let audited = AuditedRole {
                arn: role.arn,
                trust: role.trust_policy,
                power: None,
            };
            found.insert(role.name, audited);
        }
    });
    listing.await.map_err(|error| evidence::unseen(&error).to_string())?;
    let details = aws.detailed_roles(
        usize::MAX,
        |_, _| true,
        |role| {
            if let Some(audited) = found.get_mut(&role.name) {
                audited.power = Some(RolePower {
                    attached: role.attached,
                    inline: role.inline,
                    boundary: role.permissions_boundary,
                });
            }
        },
    );
    if let Err(error) = details.await {
        seen.unseen
            .push(format!("What roles may cannot be read: {}.", evidence::unseen(&error)));
    }
    seen.roles = found.into_values().collect();
    Ok(())
}

impl Gathered {
    fn take_workloads(&mut self, (workloads, unseen): (Option<Vec<Workload>>, Vec<String>)) {
        self.input.workloads = workloads;
        self.unseen.extend(unseen);
    }

    fn take_accounts(&mut self, federations: &[OidcFederation], accounts: Vec<SeenAccount>) {
        let mut client_ids = BTreeMap::new();
        for account in accounts {
            self.input.roles.extend(account.roles);
            self.unseen.extend(account.unseen);
            client_ids.extend(account.client_ids);
        }
        for federation in federations {
            let name = federation.name_any();
            let issuer = match IssuerUrl::parse(&federation.spec.issuer) {
                Ok(issuer) => issuer,
                Err(error) => {
                    self.unseen
                        .push(format!("The federation {name} is passed over: {error}."));
                    continue;
                }
            };
            let provider = provider_of(federation).unwrap_or_default();
            if provider.is_empty() {
                self.unseen.push(format!(
                    "Nothing says yet in which account the federation {name} is registered."
                ));
            }
            let given = federation.spec.audiences.clone();
            self.input.federations.push(AuditedFederation {
                client_ids: client_ids.get(&provider).cloned().unwrap_or(given),
                provider,
                issuer: issuer.without_scheme().to_owned(),
                guardrails: FederationView::of(federation, true).usage.guardrails,
                name,
            });
        }
        if federations.is_empty() {
            self.unseen
                .push("There is no OidcFederation in this cluster.".to_owned());
        }
    }
}
