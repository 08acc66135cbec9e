//! A ServiceAccount as the API server shows it, with who owns which field.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use irsa_core::{
    plan::binding::{AccountField, ObservedAccount},
    vocabulary::SERVICE_ACCOUNT_FIELD_MANAGER,
};
use k8s_openapi::{api::core::v1::ServiceAccount, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::{Api, Resource};
use serde_json::{Map, Value};

use crate::{binding::aws_errors::kubernetes_error, step_error::StepError};

/// Reads of one binding that are under way at a time.
const AT_A_TIME: usize = 8;

/// A ServiceAccount in `irsa-core`'s terms.
pub fn whole_account_of(object: &ServiceAccount) -> ObservedAccount {
    ObservedAccount {
        automount: object.automount_service_account_token,
        ..account_of(object)
    }
}

/// A ServiceAccount's metadata in `irsa-core`'s terms.
pub fn account_of<K: Resource>(object: &K) -> ObservedAccount {
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
pub async fn read(api: &Api<ServiceAccount>, name: &str) -> kube::Result<Option<ObservedAccount>> {
    Ok(api.get_opt(name).await?.as_ref().map(whole_account_of))
}

/// ServiceAccounts as they were read, by name.
#[derive(Debug, Default)]
pub struct ObservedAccounts(BTreeMap<String, Result<Option<ObservedAccount>, StepError>>);

impl ObservedAccounts {
    /// Reads them beside each other, for as long as `limit` is not over. That one cannot be read is no reason not to know the
    /// others; of those that were not read in time, `late` says so.
    pub async fn read(
        api: &Api<ServiceAccount>,
        names: BTreeSet<String>,
        limit: impl Future<Output = ()>,
        late: &StepError,
    ) -> Self {
        let unread = names.iter().map(|name| (name.clone(), Err(late.clone())));
        let mut observed: BTreeMap<_, _> = unread.collect();
        let reading = stream::iter(names).map(async |name| {
            let observed = read(api, &name).await;
            let observed = observed.map_err(|error| kubernetes_error("read", &name, error));
            (name, observed)
        });
        let reading = reading.buffer_unordered(AT_A_TIME).take_until(limit);
        let read: Vec<_> = reading.collect().await;
        observed.extend(read);
        Self(observed)
    }

    /// What another look found counts.
    pub fn replace(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// One of them, `None` when there is none of the name.
    ///
    /// # Errors
    /// It could not be read.
    pub fn get(&self, name: &str) -> Result<Option<&ObservedAccount>, StepError> {
        match self.0.get(name) {
            Some(Ok(observed)) => Ok(observed.as_ref()),
            Some(Err(failure)) => Err(failure.clone()),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use irsa_core::vocabulary::{EKS_AUDIENCE, EKS_ROLE_ARN, INJECT_LABEL};
    use serde_json::json;

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
