//! The manifest of a federation that is to be made for what is there.

use std::collections::{BTreeMap, BTreeSet};

use irsa_core::vocabulary::{DEFAULT_AUDIENCE, GROUP, VERSION};
use irsa_pipeline::binding::observe::role::IamRole;
use serde_json::{Value, json};

use super::{
    account::SeenAccount,
    found::Found,
    manifest::{Wanted, own_tags, set},
    report::ImportedFederation,
};

/// Roles of one namespace that a federation allows where it says nothing.
const DEFAULT_ROLES: usize = 20;
/// Namespaces that a selector of ours may name, as the CRD has it.
const MOST_VALUES: usize = 32;
/// Of namespaces where they are more.
const NAMESPACE_LABEL: &str = "irsa-anywhere.dev/federation";

/// The federation of an account, for these bindings.
pub(super) fn federation(account: &SeenAccount, wanted: &[&Wanted<'_>], found: &Found) -> ImportedFederation {
    let home = &account.home;
    let provider_arn = home.provider_arn();
    let mut federation = ImportedFederation {
        name: home.name.clone(),
        account: home.account.clone(),
        exists: home.is_there,
        manifest: None,
        remarks: Vec::new(),
        provider_arn,
    };
    let adopted = wanted.iter().filter(|one| one.adopted.is_ok());
    let adopted: BTreeSet<String> = adopted.map(|one| format!(" --adopt {}", one.candidate.role)).collect();
    let command = format!(
        "kubectl irsa iam-policy {}{}",
        home.name,
        adopted.into_iter().collect::<String>()
    );
    federation.remarks.push(format!(
        "Once all is applied, {command} prints what the operator needs in AWS to reach these roles."
    ));
    if home.is_there {
        return federation;
    }
    let Some(issuer) = &home.issuer else {
        let signs = found.issuer.as_deref().unwrap_or("an issuer that cannot be read");
        federation.remarks.push(format!(
            "The API server signs as {signs}, which AWS takes from nobody. Write an OidcFederation {} with an issuer of yours: \
             kubectl irsa flags says how the cluster gets it.",
            home.name
        ));
        return federation;
    };
    let provider = account.provider.as_ref().ok().and_then(Option::as_ref);
    let given = provider
        .map(|provider| provider.client_ids.as_slice())
        .unwrap_or_default();
    let asked = wanted.iter().filter(|one| one.is_let_in());
    let asked = asked.filter_map(|one| one.candidate.audience.as_ref());
    if wanted.iter().any(|one| one.adopted.is_ok()) {
        federation.remarks.push(
            "What its guard-rails allow for the roles that are taken over, each of its namespaces may ask for: see spec.bindings, and narrow \
             it by a permissionsBoundary or by a federation for each team."
                .to_owned(),
        );
    }
    let mut spec = json!({
        "issuer": issuer.as_str(),
        "publish": {"external": {}},
        "audiences": audiences(given, asked),
        "aws": {"accountId": home.account, "region": home.region},
        "bindings": rules(&home.name, wanted),
        // Pods have their region from elsewhere until now.
        "pods": {"region": "None"},
    });
    let namespaces = namespaces(wanted);
    if namespaces.len() > MOST_VALUES {
        let names: Vec<&str> = namespaces.into_iter().collect();
        federation.remarks.push(format!(
            "More than {MOST_VALUES} namespaces need it, so it allows those with a label: kubectl label namespace {} {NAMESPACE_LABEL}={}",
            names.join(" "),
            home.name
        ));
    }
    if let Some(only) = &found.only {
        federation.remarks.push(format!(
            "It allows the namespace {only} alone, which is the only one that was looked at. Import all namespaces in one go where more are to use it."
        ));
    }
    federation.remarks.push(
        "Its documents stay with whoever publishes them, and must be published again when the API servers' keys change.".to_owned(),
    );
    match &account.provider {
        Ok(Some(_)) => {
            set(&mut spec, "provider", json!({"management": "Existing"}));
            federation
                .remarks
                .push("Its identity provider stays with whoever made it.".to_owned());
        }
        Ok(None) => federation.remarks.push(format!(
            "The account {} has no identity provider for this issuer, so AWS takes no token of this cluster as it is: the operator will make one.",
            home.account
        )),
        Err(why) => {
            set(&mut spec, "provider", json!({"management": "Existing"}));
            federation.remarks.push(format!(
                "Whether the account {} has an identity provider for this issuer is not known: {why}.",
                home.account
            ));
        }
    }
    for setup in &found.setups {
        federation.remarks.push(format!(
            "irsa-manager made the issuer: set spec.cleanup of its IRSASetup {setup} to false before you delete that, or it deletes the documents and \
             the identity provider."
        ));
    }
    federation.manifest = Some(json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "OidcFederation",
        "metadata": {"name": home.name},
        "spec": spec,
    }));
    federation
}

/// All that the provider takes and tokens are asked for, the default first: it is that of bindings that name none.
fn audiences<'a>(given: &'a [String], asked: impl Iterator<Item = &'a String>) -> Vec<String> {
    let all: BTreeSet<&String> = given.iter().chain(asked).collect();
    let others = all
        .into_iter()
        .filter(|audience| *audience != DEFAULT_AUDIENCE)
        .cloned();
    let default = given.is_empty() || given.iter().any(|audience| audience == DEFAULT_AUDIENCE);
    default
        .then(|| DEFAULT_AUDIENCE.to_owned())
        .into_iter()
        .chain(others)
        .collect()
}

fn namespaces<'a>(wanted: &[&Wanted<'a>]) -> BTreeSet<&'a str> {
    wanted.iter().map(|one| one.candidate.namespace.as_str()).collect()
}

/// What these bindings need to be allowed, and no more.
fn rules(federation: &str, wanted: &[&Wanted<'_>]) -> Value {
    let namespaces = namespaces(wanted);
    let selector = if namespaces.len() > MOST_VALUES {
        json!({"matchLabels": {NAMESPACE_LABEL: federation}})
    } else {
        json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}]})
    };
    let mut rules = json!({"allowedNamespaces": {"from": "Selector", "selector": selector}});
    let adopted: Vec<&IamRole> = wanted.iter().filter_map(|one| one.adopted.as_ref().ok()).collect();
    if adopted.is_empty() {
        return rules;
    }
    set(&mut rules, "roleNames", json!("Any"));
    let managed: BTreeSet<String> = adopted
        .iter()
        .flat_map(|found| found.role.attached.iter().map(ToString::to_string))
        .collect();
    if !managed.is_empty() {
        set(&mut rules, "allowedManagedPolicies", json!(managed));
    }
    let tags: BTreeSet<String> = adopted
        .iter()
        .flat_map(|found| own_tags(&found.role.tags).into_keys())
        .collect();
    if !tags.is_empty() {
        set(&mut rules, "allowedTagKeys", json!(tags));
    }
    // All of them have the same one, or none.
    if let Some(boundary) = adopted.iter().find_map(|found| found.role.boundary.as_ref()) {
        set(&mut rules, "permissionsBoundary", json!(boundary));
        if adopted.iter().any(|found| !found.role.inline.is_empty()) {
            set(&mut rules, "inlinePolicies", json!("Allow"));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in wanted {
        *counts.entry(&one.candidate.namespace).or_default() += 1;
    }
    let most = counts.into_values().max().unwrap_or_default();
    if most > DEFAULT_ROLES {
        set(&mut rules, "maxRolesPerNamespace", json!(most));
    }
    rules
}
