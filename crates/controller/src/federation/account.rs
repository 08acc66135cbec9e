//! The operator's own ServiceAccount, and what a token of it would be good for.

use std::collections::BTreeSet;

use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use irsa_pipeline::federation::observe::api_servers::AudienceReadError;

use crate::text_request::{TextError, post, request_token};

/// What the user name of a ServiceAccount begins with.
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    namespace: String,
    name: String,
}

/// A `TokenRequest` that was granted: of the token itself nothing is ever looked at.
#[derive(Deserialize)]
struct Granted {
    spec: GrantedSpec,
}

#[derive(Deserialize)]
struct GrantedSpec {
    audiences: BTreeSet<String>,
}

impl Account {
    /// The one that these credentials are of, as the API server knows it: no flag and no variable can name another. `None` for
    /// a user who is no ServiceAccount.
    pub(super) async fn of(client: &Client) -> Result<Option<Self>, AudienceReadError> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews").body(review);
        let answer = post(client, request).await.map_err(unanswered)?;
        let answer: Value = serde_json::from_str(&answer).map_err(|_| unreadable())?;
        let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
        Ok(Self::from_user(user.ok_or_else(unreadable)?))
    }

    fn from_user(user: &str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The audiences of a token for which none is asked for: those of the API server itself.
    ///
    /// A dry run, which needs the right to ask for a token; it is dropped unread.
    pub(super) async fn own_audiences(&self, client: &Client) -> Result<BTreeSet<String>, AudienceReadError> {
        let Self { namespace, name } = self;
        let answer = request_token(client, namespace, name, None).await;
        let answer = answer.map_err(unanswered)?;
        let granted: Granted = serde_json::from_str(&answer).map_err(|_| unreadable())?;
        Ok(granted.spec.audiences)
    }
}

fn unreadable() -> AudienceReadError {
    AudienceReadError::Unreachable("its answer cannot be read".to_owned())
}

fn unanswered(error: TextError) -> AudienceReadError {
    match error {
        TextError::Refused(kube::Error::Api(status)) if status.code == 403 || status.code == 401 => {
            AudienceReadError::Forbidden
        }
        TextError::Refused(kube::Error::Api(status)) => {
            AudienceReadError::Unreachable(format!("HTTP status {}", status.code))
        }
        TextError::Refused(error) => {
            debug!(%error, "an API server cannot be asked for its audiences");
            AudienceReadError::Unreachable("no connection".to_owned())
        }
        error @ (TextError::Late(_) | TextError::Unsent(_)) => AudienceReadError::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_told_by_its_user_name() {
        let account = Account::from_user("system:serviceaccount:platform:plat-irsa-anywhere").unwrap();
        assert_eq!(
            (account.namespace.as_str(), account.name.as_str()),
            ("platform", "plat-irsa-anywhere")
        );
        assert_eq!(Account::from_user("system:admin"), None);
    }
}
