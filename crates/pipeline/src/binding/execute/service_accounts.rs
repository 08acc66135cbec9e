//! Writes to ServiceAccounts: by server-side apply of our fields only, each tied to the object that was read.

use std::collections::BTreeMap;

use irsa_core::{
    plan::binding::{AccountFields, ObservedAccount},
    vocabulary::{
        CONFIRMED_FOR, EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, OWNER_LABEL, POD_SETTINGS, RESTORED,
        SERVICE_ACCOUNT_FIELD_MANAGER,
    },
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Map, Value, json};

use crate::{binding::observe::service_accounts::whole_account_of, stage::changed};

/// The annotations that injection needs, beside [`POD_SETTINGS`].
const ANNOTATIONS: [&str; 4] = [EKS_ROLE_ARN, EKS_AUDIENCE, CONFIRMED_FOR, RESTORED];
/// The labels that it needs, and that says who made it.
const LABELS: [&str; 2] = [INJECT_LABEL, OWNER_LABEL];

/// What an apply is tied to.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// There is none yet.
    New,
    /// This object, whatever has become of it since.
    Existing(&'a ObservedAccount),
    /// Exactly this state of this object: another binding, which applies under the same name, may have bound it meanwhile.
    Unchanged(&'a ObservedAccount),
    /// Exactly this state of this object, whose keys others own: by force.
    Taken(&'a ObservedAccount),
}

/// Applies our fields; returns the ServiceAccount as it is then.
///
/// # Assumptions
/// A creation can meet an object that somebody made since it was found missing. If that has any field, ours is then not
/// the only field manager and the object is never deleted by us.
pub async fn apply(
    api: &Api<ServiceAccount>,
    name: &str,
    target: Target<'_>,
    fields: &AccountFields,
) -> kube::Result<ObservedAccount> {
    let (uid, version) = match target {
        Target::New => (None, None),
        Target::Existing(account) => (Some(&account.uid), None),
        Target::Unchanged(account) | Target::Taken(account) => (Some(&account.uid), Some(&account.resource_version)),
    };
    // An empty map would own the map itself.
    let section = |keys: &BTreeMap<String, String>| (!keys.is_empty()).then(|| json!(keys));
    let members = [
        ("name", Some(json!(name))),
        ("uid", uid.map(|uid| json!(uid))),
        ("resourceVersion", version.map(|version| json!(version))),
        ("annotations", section(&fields.annotations)),
        ("labels", section(&fields.labels)),
    ];
    let metadata: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    let mut patch = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
    if let (Some(automount), Some(members)) = (fields.automount, patch.as_object_mut()) {
        members.insert("automountServiceAccountToken".to_owned(), json!(automount));
    }
    let parameters = PatchParams {
        force: matches!(target, Target::Taken(_)),
        ..PatchParams::apply(SERVICE_ACCOUNT_FIELD_MANAGER)
    };
    let applied = api.patch(name, &parameters, &Patch::Apply(patch)).await?;
    changed(format_args!("ServiceAccount {name}"));
    Ok(whole_account_of(&applied))
}

/// Removes what injection needs from exactly this state of this object, whoever else owns them.
pub async fn strip(api: &Api<ServiceAccount>, name: &str, account: &ObservedAccount) -> kube::Result<()> {
    let annotations: Vec<&str> = ANNOTATIONS.into_iter().chain(POD_SETTINGS).collect();
    let nothing = |keys: &[&str], present: &BTreeMap<String, String>| -> Map<String, Value> {
        let present = keys.iter().filter(|key| present.contains_key(**key));
        present.map(|key| ((*key).to_owned(), Value::Null)).collect()
    };
    let patch = json!({"metadata": {
        "uid": account.uid, "resourceVersion": account.resource_version,
        "annotations": nothing(&annotations, &account.annotations), "labels": nothing(&LABELS, &account.labels),
    }});
    let parameters = PatchParams {
        field_manager: Some(SERVICE_ACCOUNT_FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(name, &parameters, &Patch::Merge(patch)).await?;
    changed(format_args!("ServiceAccount {name}"));
    Ok(())
}

/// Deletes exactly this state of this object: one that changed meanwhile is a conflict.
pub async fn delete(api: &Api<ServiceAccount>, name: &str, account: &ObservedAccount) -> kube::Result<()> {
    let preconditions = Preconditions {
        uid: Some(account.uid.clone()),
        resource_version: Some(account.resource_version.clone()),
    };
    let parameters = DeleteParams {
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    match api.delete(name, &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map(|_| changed(format_args!("delete ServiceAccount {name}"))),
    }
}
