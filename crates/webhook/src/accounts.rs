//! The bound ServiceAccounts of the cluster, as a watch shows them: what their pods get, and nothing else of them.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
};

use futures::StreamExt;
use irsa_core::{
    injection::InjectionSettings,
    vocabulary::{INJECT_LABEL, INJECT_LABEL_MANUAL, INJECT_LABEL_VALUE},
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt, watcher,
        watcher::{Config, Event},
    },
};
use tracing::{info, warn};

/// ServiceAccounts that one answer of the API server has at most: all that is in memory at a time beside the settings. Each may have
/// 256 KiB of annotations, which come along whatever they are.
const PAGE: u32 = 20;

type Settings = HashMap<Box<str>, HashMap<Box<str>, Arc<InjectionSettings>>>;

/// Settings by namespace and name.
///
/// **Guarantees.** A reader sees all of a listing or nothing of it, and waits for no request.
#[derive(Debug, Default)]
pub(crate) struct BoundAccounts(RwLock<Settings>);

impl BoundAccounts {
    /// The settings of a ServiceAccount; `None` for one that is not bound.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<InjectionSettings>> {
        let accounts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(namespace)?.get(name).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let accounts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        accounts.values().map(HashMap::len).sum()
    }

    pub(crate) fn put(&self, namespace: &str, name: &str, settings: Option<InjectionSettings>) {
        put(
            &mut self.0.write().unwrap_or_else(PoisonError::into_inner),
            namespace,
            name,
            settings,
        );
    }

    fn replace(&self, all: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

fn put(all: &mut Settings, namespace: &str, name: &str, settings: Option<InjectionSettings>) {
    if let Some(settings) = settings {
        all.entry(namespace.into())
            .or_default()
            .insert(name.into(), Arc::new(settings));
        return;
    }
    if let Some(left) = all.get_mut(namespace) {
        left.remove(name);
        if left.is_empty() {
            all.remove(namespace);
        }
    }
}

/// Follows the ServiceAccounts for ever; `listed` is called once all that there were are known.
pub(crate) async fn follow(client: Client, accounts: &BoundAccounts, mut listed: impl FnMut()) {
    let bound = format!("{INJECT_LABEL} in ({INJECT_LABEL_VALUE}, {INJECT_LABEL_MANUAL})");
    let config = Config::default().labels(&bound).page_size(PAGE);
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(client);
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listing = Settings::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listing = Settings::new(),
            Ok(Event::InitApply(account)) => {
                put(
                    &mut listing,
                    &namespace(&account),
                    &account.name_any(),
                    settings(&account),
                );
            }
            Ok(Event::InitDone) => {
                accounts.replace(std::mem::take(&mut listing));
                info!(bound = accounts.len(), "the bound ServiceAccounts are known");
                listed();
            }
            Ok(Event::Apply(account)) => accounts.put(&namespace(&account), &account.name_any(), settings(&account)),
            Ok(Event::Delete(account)) => accounts.put(&namespace(&account), &account.name_any(), None),
            Err(error) => warn!(%error, "cannot watch ServiceAccounts; pods get what was known before"),
        }
    }
}

fn namespace(account: &PartialObjectMeta<ServiceAccount>) -> String {
    account.namespace().unwrap_or_default()
}

fn settings(account: &PartialObjectMeta<ServiceAccount>) -> Option<InjectionSettings> {
    let uid = account.metadata.uid.as_deref().unwrap_or_default();
    InjectionSettings::of_service_account(uid, account.labels(), account.annotations())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use irsa_core::vocabulary::EKS_ROLE_ARN;

    use super::*;

    fn account(namespace: &str, name: &str, label: &str) -> PartialObjectMeta<ServiceAccount> {
        let text = |key: &str, value: &str| Some(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        let mut account = PartialObjectMeta::default();
        account.metadata.namespace = Some(namespace.to_owned());
        account.metadata.name = Some(name.to_owned());
        account.metadata.labels = text(INJECT_LABEL, label);
        account.metadata.annotations = text(EKS_ROLE_ARN, "arn:aws:iam::123456789012:role/app");
        account
    }

    #[test]
    fn settings_are_found_by_namespace_and_name_until_they_go() {
        let accounts = BoundAccounts::default();
        for (namespace, name) in [("a", "app"), ("b", "app"), ("b", "other")] {
            accounts.put(
                namespace,
                name,
                settings(&account(namespace, name, INJECT_LABEL_MANUAL)),
            );
        }
        let found = |namespace: &str, name: &str| accounts.get(namespace, name).is_some();
        assert!(found("a", "app") && found("b", "app") && !found("a", "other"));
        assert_eq!(accounts.len(), 3);
        // One that is not confirmed any more is as one that is gone.
        accounts.put("b", "app", settings(&account("b", "app", INJECT_LABEL_VALUE)));
        accounts.put("a", "app", None);
        assert!(!found("b", "app") && !found("a", "app") && found("b", "other"));
        accounts.put("b", "other", None);
        assert_eq!(accounts.0.read().unwrap().len(), 0, "no namespace is kept");
    }
}
