//! Where the certificate is kept, and where API servers read whom to trust: a Secret and the webhook's configuration.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use irsa_core::vocabulary::WEBHOOK_FIELD_MANAGER;
use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{held::Texts, issue::Issued};

const AUTHORITIES: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const LEAF: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";

/// What is written to the Secret; what is `None` stays.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// All authorities, the newest first, in PEM.
    pub(super) authorities: Option<String>,
    pub(super) authority_key: Option<String>,
    pub(super) leaf: Option<Issued>,
}

/// What the Secret holds; an entry that is missing or no text is empty.
pub(super) fn texts(secret: &Secret) -> Texts<'_> {
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        bytes.map_or("", |bytes| std::str::from_utf8(&bytes.0).unwrap_or_default())
    };
    Texts {
        authorities: text(AUTHORITIES),
        authority_key: text(AUTHORITY_KEY),
        leaf: text(LEAF),
        leaf_key: text(LEAF_KEY),
    }
}

/// Writes the change, if the Secret is still the one that was read.
///
/// # Errors
/// 409 when another replica was faster.
pub(super) async fn write(client: &Client, secret: &Secret, change: Change) -> kube::Result<()> {
    let mut data = BTreeMap::new();
    let mut put = |key: &str, text: Option<String>| {
        if let Some(text) = text {
            data.insert(key.to_owned(), ByteString(text.into_bytes()));
        }
    };
    put(AUTHORITIES, change.authorities);
    put(AUTHORITY_KEY, change.authority_key);
    let (leaf, leaf_key) = change.leaf.map(|leaf| (leaf.certificate, leaf.key)).unzip();
    put(LEAF, leaf);
    put(LEAF_KEY, leaf_key);
    let patch = json!({
        "metadata": {"uid": secret.metadata.uid, "resourceVersion": secret.metadata.resource_version},
        "data": data,
    });
    let api: Api<Secret> = Api::namespaced(client.clone(), &secret.namespace().unwrap_or_default());
    let params = PatchParams {
        field_manager: Some(WEBHOOK_FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(&secret.name_any(), &params, &Patch::Merge(patch))
        .await
        .map(drop)
}

/// Whether API servers trust exactly these authorities.
pub(super) fn trusts(configuration: &MutatingWebhookConfiguration, authorities: &str) -> bool {
    let mut webhooks = configuration.webhooks.iter().flatten().peekable();
    webhooks.peek().is_some()
        && webhooks.all(|webhook| {
            let bundle = webhook.client_config.ca_bundle.as_ref();
            bundle.is_some_and(|bundle| bundle.0 == authorities.as_bytes())
        })
}

/// Makes API servers trust these authorities, and changes nothing else of the configuration.
///
/// # Errors
/// 409 when another manager set the bundle: it is not taken from him.
pub(super) async fn trust(
    client: &Client,
    configuration: &MutatingWebhookConfiguration,
    authorities: &str,
) -> kube::Result<()> {
    let bundle = STANDARD.encode(authorities);
    let webhooks = configuration.webhooks.iter().flatten();
    let webhooks: Vec<_> = webhooks
        .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": bundle}}))
        .collect();
    let patch = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        // With its UID an apply makes none that is gone.
        "metadata": {"name": configuration.name_any(), "uid": configuration.metadata.uid},
        "webhooks": webhooks,
    });
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let params = PatchParams::apply(WEBHOOK_FIELD_MANAGER);
    api.patch(&configuration.name_any(), &params, &Patch::Apply(patch))
        .await
        .map(drop)
}
