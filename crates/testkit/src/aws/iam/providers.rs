//! OIDC providers.

use std::sync::Arc;

use super::{
    errors::{already_exists, constraint, invalid_input, no_such_entity, quota, validation},
    exchange::{Answer, Exchange},
    limits::length,
    provider_url,
    state::Provider,
    tags::{Tags, with_request_tags, with_resource_tags},
    versioned::View,
    xml::Xml,
};
use crate::aws::{policy::Context, wire::AwsError};

impl Exchange<'_> {
    pub(super) fn create_open_id_connect_provider(&mut self) -> Answer {
        let request = self.request;
        let url = provider_url::check(request.required("Url")?)?;
        let client_ids = unique(request.list("ClientIDList"));
        client_ids.iter().try_for_each(|id| check_client_id(id))?;
        let thumbprints = thumbprints(request.list("ThumbprintList"))?;
        let tags = Tags::of(request)?;
        let arn = self.arn(&format!("oidc-provider/{url}"));
        let context = with_request_tags(request.context(), &tags);
        request.authorize("CreateOpenIDConnectProvider", &arn, &context)?;
        if !tags.is_empty() {
            request.authorize("TagOpenIDConnectProvider", &arn, &context)?;
        }
        // The URL is the identity, case-sensitive [IAMUG-2023 id_roles_providers_create_oidc].
        if self.account.providers.get(&arn, View::Newest).is_some() {
            return Err(already_exists(format!(
                "Provider with url https://{url} already exists."
            )));
        }
        let quotas = &self.account.quotas;
        if self.account.providers.len() >= quotas.providers {
            return Err(quota("OpenIdConnectProvidersPerAccount", quotas.providers));
        }
        if client_ids.len() > quotas.client_ids {
            return Err(quota("ClientIdsPerOpenIdConnectProvider", quotas.client_ids));
        }
        tags.check_quota(quotas.tags)?;
        let provider = Provider {
            // Without thumbprints IAM dials the host and fills in the top intermediate's [IAM-model].
            thumbprints: if thumbprints.is_empty() {
                vec![self.settings.thumbprint_of(url)?]
            } else {
                thumbprints
            },
            arn,
            url: url.to_owned(),
            client_ids,
            created: request.now,
            tags,
        };
        let mut xml = Xml::new();
        xml.text("OpenIDConnectProviderArn", &provider.arn);
        provider.tags.write(&mut xml);
        self.account.update_provider(provider, request.now);
        Ok(Some(xml))
    }

    /// `Url` comes back without `https://` [GS oidc.go, VGW].
    pub(super) fn get_open_id_connect_provider(&self) -> Answer {
        let provider = self.readable_provider("GetOpenIDConnectProvider")?;
        let mut xml = Xml::new();
        xml.text("Url", &provider.url)
            .texts("ClientIDList", &provider.client_ids)
            .texts("ThumbprintList", &provider.thumbprints)
            .time("CreateDate", provider.created);
        provider.tags.write(&mut xml);
        Ok(Some(xml))
    }

    /// ARNs only, never paged [IAM-model ListOpenIDConnectProviders].
    pub(super) fn list_open_id_connect_providers(&self) -> Answer {
        let context = self.request.context();
        self.request
            .authorize("ListOpenIDConnectProviders", &self.arn("oidc-provider/*"), &context)?;
        let providers = self.account.providers.iter(self.view());
        let mut xml = Xml::new();
        xml.list("OpenIDConnectProviderList", providers, |xml, provider| {
            xml.text("Arn", &provider.arn);
        });
        Ok(Some(xml))
    }

    /// Idempotent; roles that trust it are left as they are [IAM-model DeleteOpenIDConnectProvider].
    pub(super) fn delete_open_id_connect_provider(&mut self) -> Answer {
        let arn = self.authorize_provider("DeleteOpenIDConnectProvider", View::Newest, |context| context)?;
        let instant = self.account.instant(self.request.now);
        self.account.providers.remove(&arn, instant);
        Ok(None)
    }

    /// Idempotent [IAM-model].
    pub(super) fn add_client_id(&mut self) -> Answer {
        let id = self.request.required("ClientID")?;
        check_client_id(id)?;
        let mut provider = self.writable_provider("AddClientIDToOpenIDConnectProvider", |context| context)?;
        if provider.client_ids.iter().any(|present| present == id) {
            return Ok(None);
        }
        let limit = self.account.quotas.client_ids;
        if provider.client_ids.len() >= limit {
            return Err(quota("ClientIdsPerOpenIdConnectProvider", limit));
        }
        provider.client_ids.push(id.to_owned());
        self.account.update_provider(provider, self.request.now);
        Ok(None)
    }

    /// Idempotent [IAM-model]. The last one may go too: that the console wants one is the console's rule.
    pub(super) fn remove_client_id(&mut self) -> Answer {
        let id = self.request.required("ClientID")?;
        check_client_id(id)?;
        let mut provider = self.writable_provider("RemoveClientIDFromOpenIDConnectProvider", |context| context)?;
        provider.client_ids.retain(|present| present != id);
        self.account.update_provider(provider, self.request.now);
        Ok(None)
    }

    /// Replaces the whole list, which must not be empty [IAM-model, VGW oidc.go].
    pub(super) fn update_thumbprint(&mut self) -> Answer {
        let thumbprints = thumbprints(self.request.list("ThumbprintList"))?;
        if thumbprints.is_empty() {
            return Err(constraint("thumbprintList", "Member must not be null"));
        }
        let mut provider = self.writable_provider("UpdateOpenIDConnectProviderThumbprint", |context| context)?;
        provider.thumbprints = thumbprints;
        self.account.update_provider(provider, self.request.now);
        Ok(None)
    }

    pub(super) fn tag_open_id_connect_provider(&mut self) -> Answer {
        let tags = Tags::of(self.request)?;
        if tags.is_empty() {
            return Err(constraint("tags", "Member must not be null"));
        }
        let with = |context| with_request_tags(context, &tags);
        let mut provider = self.writable_provider("TagOpenIDConnectProvider", with)?;
        provider.tags.merge(tags, self.account.quotas.tags)?;
        self.account.update_provider(provider, self.request.now);
        Ok(None)
    }

    pub(super) fn untag_open_id_connect_provider(&mut self) -> Answer {
        let keys = Tags::keys_of(self.request)?;
        let mut provider = self.writable_provider("UntagOpenIDConnectProvider", |mut context| {
            context.insert("aws:TagKeys", &keys);
            context
        })?;
        provider.tags.remove(&keys);
        self.account.update_provider(provider, self.request.now);
        Ok(None)
    }

    pub(super) fn list_open_id_connect_provider_tags(&self) -> Answer {
        let cursor = self.cursor()?;
        let provider = self.readable_provider("ListOpenIDConnectProviderTags")?;
        Ok(Some(provider.tags.write_page(&cursor)))
    }

    fn readable_provider(&self, action: &str) -> Result<Arc<Provider>, AwsError> {
        let view = self.view();
        let arn = self.authorize_provider(action, view, |context| context)?;
        self.account
            .providers
            .get(&arn, view)
            .cloned()
            .ok_or_else(|| no_such_provider(&arn))
    }

    fn writable_provider(&self, action: &str, with: impl FnOnce(Context) -> Context) -> Result<Provider, AwsError> {
        let arn = self.authorize_provider(action, View::Newest, with)?;
        let provider = self.account.providers.get(&arn, View::Newest);
        provider
            .map(|provider| Provider::clone(provider))
            .ok_or_else(|| no_such_provider(&arn))
    }

    /// The ARN of the request, once the caller may do `action` on it.
    fn authorize_provider(
        &self,
        action: &str,
        view: View,
        with: impl FnOnce(Context) -> Context,
    ) -> Result<String, AwsError> {
        let arn = self.request.arn("OpenIDConnectProviderArn")?;
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        // Wording [VGW oidc.go].
        if !resource.starts_with("oidc-provider/") {
            return Err(validation("Invalid resource type in ARN"));
        }
        let mut context = self.request.context();
        if let Some(provider) = self.account.providers.get(arn, view) {
            context = with_resource_tags(context, &provider.tags);
        }
        self.request.authorize(action, arn, &with(context))?;
        // Another account's ARN is refused even where the policy allows it [VGW oidc.go].
        if arn != self.arn(resource) {
            let message = format!("User is not authorized to perform: iam:{action} on resource: {arn}");
            return Err(AwsError::new(403, "AccessDenied", message));
        }
        Ok(arn.to_owned())
    }
}

/// 1..255 characters [IAM-model clientIDType].
fn check_client_id(id: &str) -> Result<(), AwsError> {
    length("clientID", id, 1, 255)
}

/// At most five of exactly 40 hex digits, kept in lower case [IAM-model thumbprintListType, GS].
///
/// That other characters than hex digits are refused is UNSOURCED: the model gives the length only, VGW takes any 40.
fn thumbprints(list: Vec<String>) -> Result<Vec<String>, AwsError> {
    if list.len() > 5 {
        return Err(invalid_input("Thumbprint list must contain fewer than 5 entries."));
    }
    for thumbprint in &list {
        if thumbprint.chars().count() != 40 {
            return Err(invalid_input("Thumbprint must be exactly 40 characters."));
        }
        if !thumbprint.chars().all(|character| character.is_ascii_hexdigit()) {
            return Err(invalid_input("Thumbprint must be hexadecimal."));
        }
    }
    Ok(list
        .into_iter()
        .map(|thumbprint| thumbprint.to_ascii_lowercase())
        .collect())
}

fn unique(list: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(list.len());
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Wording UNSOURCED (as users quote it).
fn no_such_provider(arn: &str) -> AwsError {
    no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
}
