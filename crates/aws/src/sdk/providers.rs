//! [`IdentityProviders`] over IAM.

use super::{
    SdkAws,
    call::{about, found, gone_is_fine},
    tags,
};
use crate::{
    error::AwsError,
    ports::{AwsTags, IdentityProviders, NewOidcProvider, OidcProvider},
};

impl IdentityProviders for SdkAws {
    async fn provider(&self, arn: &str) -> Result<Option<OidcProvider>, AwsError> {
        let answer = self
            .iam
            .get_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
            .await;
        let answer = found(answer.map_err(|error| about("iam:GetOpenIDConnectProvider", arn).failed(error)))?;
        Ok(answer.map(|answer| OidcProvider {
            url: answer.url.unwrap_or_default(),
            client_ids: answer.client_id_list.unwrap_or_default().into_iter().collect(),
            thumbprints: answer
                .thumbprint_list
                .unwrap_or_default()
                .into_iter()
                .map(|thumbprint| thumbprint.to_ascii_lowercase())
                .collect(),
            tags: tags::from_sdk(answer.tags.unwrap_or_default()),
        }))
    }

    async fn create_provider(&self, provider: &NewOidcProvider) -> Result<String, AwsError> {
        let thumbprints = (!provider.thumbprints.is_empty()).then(|| provider.thumbprints.clone());
        let arn = format!(
            "arn:{}:iam::{}:oidc-provider/{}",
            self.caller.partition,
            self.caller.account,
            provider.url.trim_start_matches("https://")
        );
        let about = about("iam:CreateOpenIDConnectProvider", &arn);
        let answer = self
            .iam
            .create_open_id_connect_provider()
            .url(&provider.url)
            .set_client_id_list(Some(provider.client_ids.iter().cloned().collect()))
            .set_thumbprint_list(thumbprints)
            .set_tags(Some(tags::to_sdk(&about, &provider.tags)?))
            .send()
            .await;
        let answer = answer.map_err(|error| about.failed(error))?;
        Ok(answer.open_id_connect_provider_arn.unwrap_or(arn))
    }

    async fn add_client_id(&self, arn: &str, client_id: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .add_client_id_to_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .client_id(client_id)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:AddClientIDToOpenIDConnectProvider", arn).failed(error))
    }

    async fn remove_client_id(&self, arn: &str, client_id: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .remove_client_id_from_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .client_id(client_id)
            .send()
            .await;
        gone_is_fine(
            answer
                .map(drop)
                .map_err(|error| about("iam:RemoveClientIDFromOpenIDConnectProvider", arn).failed(error)),
        )
    }

    async fn set_thumbprints(&self, arn: &str, thumbprints: &[String]) -> Result<(), AwsError> {
        let answer = self
            .iam
            .update_open_id_connect_provider_thumbprint()
            .open_id_connect_provider_arn(arn)
            .set_thumbprint_list(Some(thumbprints.to_vec()))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:UpdateOpenIDConnectProviderThumbprint", arn).failed(error))
    }

    async fn tag_provider(&self, arn: &str, tags: &AwsTags) -> Result<(), AwsError> {
        let about = about("iam:TagOpenIDConnectProvider", arn);
        let answer = self
            .iam
            .tag_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .set_tags(Some(tags::to_sdk(&about, tags)?))
            .send()
            .await;
        answer.map(drop).map_err(|error| about.failed(error))
    }

    async fn untag_provider(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        let answer = self
            .iam
            .untag_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .set_tag_keys(Some(keys.to_vec()))
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| about("iam:UntagOpenIDConnectProvider", arn).failed(error))
    }

    async fn delete_provider(&self, arn: &str) -> Result<(), AwsError> {
        let answer = self
            .iam
            .delete_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
            .await;
        gone_is_fine(
            answer
                .map(drop)
                .map_err(|error| about("iam:DeleteOpenIDConnectProvider", arn).failed(error)),
        )
    }
}
