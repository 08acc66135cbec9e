//! Evidence for [`irsa_core::explain`], as far as AWS and the public tell: read only, and what cannot be read is said to be unknown.

use irsa_aws::{AwsError, IdentityProviders, Kind, PublicRead, PublicReadError, PublicReader, Roles};
use irsa_core::{
    documents,
    explain::{Fact, FetchFailure, Fetched, ProviderFacts, RoleFacts, Unseen},
    issuer::IssuerUrl,
    text::shown,
};
use jiff::Timestamp;

/// Both documents of an issuer, as anybody gets them.
#[derive(Debug, Clone)]
pub struct FetchedDocuments {
    /// The discovery document.
    pub discovery: Fact<Fetched>,
    /// The keys, from where the discovery document says that they are.
    pub jwks: Fact<Fetched>,
}

/// Reads the documents as STS would: the discovery document of the issuer, then the keys at its `jwks_uri`. `now` is asked before and
/// after each.
///
/// **Guarantee.** Whoever writes the documents cannot choose what is asked from here: keys are read from the issuer's own host alone.
pub async fn published_documents(
    reader: &impl PublicReader,
    issuer: &IssuerUrl,
    now: &impl Fn() -> Timestamp,
) -> FetchedDocuments {
    let discovery = fetched(reader, &issuer.discovery_url(), now).await;
    let keys_at = match &discovery.outcome {
        Ok((bytes, _)) => documents::keys_url(bytes),
        Err(_) => None,
    };
    let own = format!("https://{}/", issuer.host());
    let jwks = match keys_at {
        Some(url) if url.starts_with(&own) => Ok(fetched(reader, &url, now).await),
        Some(url) => Err(Unseen::because(format!(
            "the keys are at {}, which is not on the issuer's host and is not asked from here",
            shown(&url)
        ))),
        None => Err(Unseen::because("no discovery document says where the keys are")),
    };
    FetchedDocuments {
        discovery: Ok(discovery),
        jwks,
    }
}

async fn fetched(reader: &impl PublicReader, url: &str, now: &impl Fn() -> Timestamp) -> Fetched {
    let began = now();
    let read = reader.read(url, None).await;
    let took = now().duration_since(began).as_millis();
    let outcome = match read {
        Ok(PublicRead::Document(document)) => Ok((document.bytes, document.content_type)),
        // Nothing was asked that 304 could answer.
        Ok(PublicRead::NotModified) => Err(FetchFailure::Status(304)),
        Err(error) => Err(failure(error)),
    };
    Fetched {
        url: url.to_owned(),
        outcome,
        took_ms: u64::try_from(took).unwrap_or_default(),
    }
}

fn failure(error: PublicReadError) -> FetchFailure {
    match error {
        PublicReadError::Status(status) => FetchFailure::Status(status),
        PublicReadError::KmsEncrypted => FetchFailure::KmsEncrypted,
        PublicReadError::Redirected { status } => FetchFailure::Redirected(status),
        PublicReadError::TimedOut(seconds) => FetchFailure::TimedOut(seconds),
        PublicReadError::Unreachable(why) => FetchFailure::Unreachable(why),
        error @ (PublicReadError::Encoded(_) | PublicReadError::TooLarge(_) | PublicReadError::NotHttps) => {
            FetchFailure::Unreadable(error.to_string())
        }
    }
}

/// The IAM OIDC provider of this ARN.
pub async fn provider(providers: &impl IdentityProviders, arn: &str) -> Fact<Option<ProviderFacts>> {
    let found = providers.provider(arn).await.map_err(|error| unseen(&error))?;
    Ok(found.map(|provider| ProviderFacts {
        url: provider.url,
        client_ids: provider.client_ids.into_iter().collect(),
    }))
}

/// The role of this ARN, with the names of its policies.
pub async fn role(roles: &impl Roles, arn: &str) -> Fact<Option<RoleFacts>> {
    let Some(role) = role_alone(roles, arn).await? else {
        return Ok(None);
    };
    Ok(Some(RoleFacts {
        policies: policies(roles, name_of(arn)).await,
        ..role
    }))
}

/// The role of this ARN by itself, in one read.
pub async fn role_alone(roles: &impl Roles, arn: &str) -> Fact<Option<RoleFacts>> {
    let found = roles.role(name_of(arn)).await.map_err(|error| unseen(&error))?;
    Ok(found.map(|role| RoleFacts {
        policies: Err(Unseen::because("its policies are not looked at")),
        arn: role.arn,
        trust: role.trust_policy,
        max_session_seconds: role.max_session_seconds,
        boundary: role.permissions_boundary,
    }))
}

/// IAM finds a role by its name alone.
fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

async fn policies(roles: &impl Roles, name: &str) -> Fact<Vec<String>> {
    let attached = roles.attached_policies(name).await.map_err(|error| unseen(&error))?;
    let inline = roles.inline_policies(name).await.map_err(|error| unseen(&error))?;
    Ok(attached.into_iter().chain(inline).collect())
}

/// Why AWS did not show something, whoever looks: the operator, or a person.
pub fn unseen(error: &AwsError) -> Unseen {
    Unseen::because(match error.kind() {
        Kind::AccessDenied => format!("AWS refused {error}; whoever looks needs {}", error.operation),
        Kind::NoCredentials => format!("there are no AWS credentials here: {error}"),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use irsa_aws::PublicDocument;

    use super::*;

    /// Serves one discovery document, and tells what it was asked for.
    #[derive(Clone)]
    struct Served {
        keys_at: &'static str,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl PublicReader for Served {
        async fn read(&self, url: &str, _: Option<&str>) -> Result<PublicRead, PublicReadError> {
            self.asked.lock().unwrap().push(url.to_owned());
            Ok(PublicRead::Document(PublicDocument {
                bytes: format!("{{\"jwks_uri\": \"{}\"}}", self.keys_at).into_bytes(),
                etag: None,
                content_type: None,
                date: None,
                age: None,
            }))
        }
    }

    #[tokio::test]
    async fn whoever_writes_the_documents_cannot_choose_which_host_is_asked_from_here() {
        let issuer = IssuerUrl::parse("https://issuer.example.com/a").unwrap();
        for (keys_at, is_asked) in [
            ("https://issuer.example.com/keys", true),
            ("https://issuer.example.com.other.example/keys", false),
            ("https://issuer.example.com@other.example/keys", false),
            ("https://issuer.example.com:8443/keys", false),
            ("https://192.0.2.1/keys", false),
            ("http://issuer.example.com/keys", false),
        ] {
            let served = Served {
                keys_at,
                asked: Arc::default(),
            };
            let found = published_documents(&served, &issuer, &|| Timestamp::UNIX_EPOCH).await;
            let asked = served.asked.lock().unwrap().clone();
            assert_eq!(asked.contains(&keys_at.to_owned()), is_asked, "{keys_at}");
            assert_eq!(
                (asked.len(), found.jwks.is_ok()),
                (1 + usize::from(is_asked), is_asked),
                "{keys_at}"
            );
        }
    }
}
