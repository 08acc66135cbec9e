//! Where the certificate is kept, and where API servers read whom to trust: a Secret and the webhook's configuration.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use irsa_core::vocabulary::WEBHOOK_FIELD_MANAGER;
use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{held::Texts, issue::Issued};

const AUTHORITIES: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const LEAF: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";
/// The last line of a certificate in PEM.
const END: &str = "-----END CERTIFICATE-----";

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

/// Whether the Secret is still the one that was seen, by the API server's newest.
///
/// # Errors
/// When it cannot be asked.
pub(super) async fn is_current(client: &Client, secret: &Secret) -> kube::Result<bool> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &secret.namespace().unwrap_or_default());
    // Without a version an answer is never older than the question (kubernetes.io/docs/reference/using-api/api-concepts, "Resource versions").
    let newest = ListParams::default().fields(&format!("metadata.name={}", secret.name_any()));
    let found = api.list(&newest).await?;
    let version = |secret: &Secret| (secret.metadata.uid.clone(), secret.metadata.resource_version.clone());
    Ok(found.items.iter().any(|found| version(found) == version(secret)))
}

/// Whom API servers trust, beside whom they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Exactly these.
    Exact,
    /// These and others, who are to be forgotten.
    More,
    /// Not all of these.
    Lacking,
}

/// Whether API servers trust these authorities.
pub(super) fn trust_in(configuration: &MutatingWebhookConfiguration, authorities: &str) -> Trust {
    let wanted = certificates(authorities);
    let bundles = configuration.webhooks.iter().flatten().map(|webhook| {
        let bundle = webhook.client_config.ca_bundle.as_ref();
        bundle.map_or("", |bundle| std::str::from_utf8(&bundle.0).unwrap_or_default())
    });
    let mut trust = Trust::Lacking;
    for bundle in bundles {
        if !certificates(bundle).is_superset(&wanted) {
            return Trust::Lacking;
        }
        trust = match trust {
            Trust::More => Trust::More,
            _ if bundle == authorities => Trust::Exact,
            _ => Trust::More,
        };
    }
    trust
}

/// Each certificate of a text, without the space around it.
fn certificates(pem: &str) -> BTreeSet<&str> {
    let all = pem.split_inclusive(END).map(str::trim);
    all.filter(|certificate| certificate.ends_with(END)).collect()
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::MutatingWebhook;

    use super::*;

    fn trusting(bundles: &[&str]) -> MutatingWebhookConfiguration {
        let webhooks = bundles.iter().map(|bundle| {
            let mut webhook = MutatingWebhook::default();
            webhook.client_config.ca_bundle = Some(ByteString(bundle.as_bytes().to_vec()));
            webhook
        });
        MutatingWebhookConfiguration {
            webhooks: Some(webhooks.collect()),
            ..MutatingWebhookConfiguration::default()
        }
    }

    #[test]
    fn who_is_trusted_is_told_by_certificate_and_for_each_webhook() {
        let one = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let other = "-----BEGIN CERTIFICATE-----\nBB==\n-----END CERTIFICATE-----\n";
        let both = format!("{one}{other}");
        for (bundles, wanted, trust) in [
            (vec![one], one, Trust::Exact),
            (vec![both.as_str()], both.as_str(), Trust::Exact),
            (vec![both.as_str()], other, Trust::More),
            (vec![both.as_str(), one], one, Trust::More),
            (vec![one, both.as_str()], one, Trust::More),
            (vec![one], both.as_str(), Trust::Lacking),
            (vec![both.as_str(), other], one, Trust::Lacking),
            (vec![""], one, Trust::Lacking),
            (vec![], one, Trust::Lacking),
        ] {
            assert_eq!(trust_in(&trusting(&bundles), wanted), trust, "{bundles:?} {wanted}");
        }
        assert_eq!(trust_in(&MutatingWebhookConfiguration::default(), one), Trust::Lacking);
    }
}
