//! ServiceAccounts in Kubernetes: read with who owns which field, written by server-side apply of our fields only.

use std::collections::{BTreeMap, BTreeSet};

use irsa_core::{
    plan::binding::{AccountField, AccountFields, ObservedAccount},
    vocabulary::{
        CONFIRMED_FOR, EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL, OWNER_LABEL, POD_SETTINGS, RESTORED,
        SERVICE_ACCOUNT_FIELD_MANAGER,
    },
};
use k8s_openapi::{api::core::v1::ServiceAccount, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::{
    Api, Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Map, Value, json};

use crate::log;

/// The annotations that injection needs, beside [`POD_SETTINGS`].
const ANNOTATIONS: [&str; 4] = [EKS_ROLE_ARN, EKS_AUDIENCE, CONFIRMED_FOR, RESTORED];
/// The labels that it needs, and that says who made it.
const LABELS: [&str; 2] = [INJECT_LABEL, OWNER_LABEL];

/// A ServiceAccount in `irsa-core`'s terms.
fn whole_account_of(object: &ServiceAccount) -> ObservedAccount {
    ObservedAccount {
        automount: object.automount_service_account_token,
        ..account_of(object)
    }
}

/// A ServiceAccount's metadata in `irsa-core`'s terms.
pub(crate) fn account_of<K: Resource>(object: &K) -> ObservedAccount {
    let metadata = object.meta();
    let mut account = ObservedAccount {
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
        annotations: metadata.annotations.clone().unwrap_or_default(),
        labels: metadata.labels.clone().unwrap_or_default(),
        ..ObservedAccount::default()
    };
    for entry in metadata.managed_fields.iter().flatten() {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let fields = owned_fields(entry);
        // What was not applied is another manager's to server-side apply, whatever name it came under.
        if manager == SERVICE_ACCOUNT_FIELD_MANAGER && entry.operation.as_deref() == Some("Apply") {
            account.ours.extend(fields);
        } else {
            account.shared |= owns_anything(entry);
            for field in fields {
                account.theirs.entry(field).or_insert_with(|| manager.to_owned());
            }
        }
    }
    account
}

/// Those fields that a binding may write and an entry of `managedFields` owns.
fn owned_fields(entry: &ManagedFieldsEntry) -> BTreeSet<AccountField> {
    let Some(fields) = entry.fields_v1.as_ref().map(|fields| &fields.0) else {
        return BTreeSet::new();
    };
    let keys = |section: &str| {
        let section = fields.get("f:metadata").and_then(|metadata| metadata.get(section));
        let keys = section.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        // The map itself is there as `.`.
        keys.filter_map(|key| key.strip_prefix("f:")).map(str::to_owned)
    };
    let automount = fields.get("f:automountServiceAccountToken");
    keys("f:annotations")
        .map(AccountField::Annotation)
        .chain(keys("f:labels").map(AccountField::Label))
        .chain(automount.map(|_| AccountField::Automount))
        .collect()
}

fn owns_anything(entry: &ManagedFieldsEntry) -> bool {
    entry
        .fields_v1
        .as_ref()
        .and_then(|fields| fields.0.as_object())
        .is_some_and(|fields| !fields.is_empty())
}

/// Reads one, `None` when there is none.
pub(crate) async fn read(api: &Api<ServiceAccount>, name: &str) -> kube::Result<Option<ObservedAccount>> {
    Ok(api.get_opt(name).await?.as_ref().map(whole_account_of))
}

/// What an apply is tied to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// There is none yet.
    New,
    /// This object, whatever has become of it since.
    Existing(&'a ObservedAccount),
    /// Exactly this state of this object, whose keys others own: by force.
    Taken(&'a ObservedAccount),
}

/// Applies our fields; returns the ServiceAccount as it is then.
///
/// # Assumptions
/// A creation can meet an object that somebody made since it was found missing. If that has any field, ours is then not
/// the only field manager and the object is never deleted by us.
pub(crate) async fn apply(
    api: &Api<ServiceAccount>,
    name: &str,
    target: Target<'_>,
    fields: &AccountFields,
) -> kube::Result<ObservedAccount> {
    let (uid, version) = match target {
        Target::New => (None, None),
        Target::Existing(account) => (Some(&account.uid), None),
        Target::Taken(account) => (Some(&account.uid), Some(&account.resource_version)),
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
    log::changed(format_args!("ServiceAccount {name}"));
    Ok(whole_account_of(&applied))
}

/// Removes what injection needs from exactly this state of this object, whoever else owns them.
pub(crate) async fn strip(api: &Api<ServiceAccount>, name: &str, account: &ObservedAccount) -> kube::Result<()> {
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
    log::changed(format_args!("ServiceAccount {name}"));
    Ok(())
}

/// Deletes exactly this state of this object: one that changed meanwhile is a conflict.
pub(crate) async fn delete(api: &Api<ServiceAccount>, name: &str, account: &ObservedAccount) -> kube::Result<()> {
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
        result => result.map(|_| log::changed(format_args!("delete ServiceAccount {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(managed_fields: &Value) -> ObservedAccount {
        let object: ServiceAccount = serde_json::from_value(json!({
            "metadata": {
                "name": "app", "uid": "u", "resourceVersion": "7",
                "annotations": {EKS_ROLE_ARN: "arn", "other": "x"}, "labels": {INJECT_LABEL: "true"},
                "managedFields": managed_fields,
            },
        }))
        .unwrap();
        account_of(&object)
    }

    fn entry(manager: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn our_keys_are_told_from_theirs_by_field_manager() {
        let account = read_from(&json!([
            entry(
                SERVICE_ACCOUNT_FIELD_MANAGER,
                &json!({"f:metadata": {
                    "f:annotations": {"f:eks.amazonaws.com/role-arn": {}}, "f:labels": {"f:irsa-anywhere.dev/inject": {}},
                }, "f:automountServiceAccountToken": {}})
            ),
            entry(
                "helm",
                &json!({"f:metadata": {
                    "f:annotations": {".": {}, "f:eks.amazonaws.com/audience": {}, "f:other": {}},
                }})
            ),
        ]));
        let annotation = |key: &str| AccountField::Annotation(key.to_owned());
        let ours = [
            annotation(EKS_ROLE_ARN),
            AccountField::Label(INJECT_LABEL.to_owned()),
            AccountField::Automount,
        ];
        assert_eq!(account.ours, BTreeSet::from(ours));
        let theirs = [
            (annotation(EKS_AUDIENCE), "helm".to_owned()),
            (annotation("other"), "helm".to_owned()),
        ];
        assert_eq!(account.theirs, BTreeMap::from(theirs));
        assert!(account.shared);
        assert_eq!((account.uid.as_str(), account.resource_version.as_str()), ("u", "7"));
    }

    #[test]
    fn an_account_is_shared_with_anybody_who_owns_any_field() {
        let ours = entry(SERVICE_ACCOUNT_FIELD_MANAGER, &json!({"f:metadata": {}}));
        assert!(!read_from(&json!([ours])).shared);
        assert!(!read_from(&json!([ours, entry("kubectl-create", &json!({}))])).shared);
        assert!(read_from(&json!([ours, entry("kubelet", &json!({"f:imagePullSecrets": {}}))])).shared);
    }

    #[test]
    fn what_came_under_our_name_and_was_not_applied_is_somebody_elses() {
        let fields = json!({"f:metadata": {"f:labels": {"f:team": {}}}});
        let account = read_from(&json!([{
            "manager": SERVICE_ACCOUNT_FIELD_MANAGER, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields,
        }]));
        assert!(account.ours.is_empty() && account.shared);
        assert_eq!(
            account.theirs,
            BTreeMap::from([(
                AccountField::Label("team".to_owned()),
                SERVICE_ACCOUNT_FIELD_MANAGER.to_owned()
            )])
        );
    }
}
