//! What a proof is made with in the cluster: tokens, and whether a policy keeps the operator to those that it needs.

use std::time::Duration;

use irsa_core::{
    explain::SecretToken,
    proof::AccountName,
    refusal::ApiRefusal,
    vocabulary::{CANARY_LABEL_VALUE, Reason, VERIFY_LABEL},
};
use irsa_pipeline::{
    binding::verify::{TokenRefusal, TokenRequests, Told, check_guard, no_canary, not_listed},
    kube_errors::refusal,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client, ResourceExt, api::ListParams, core::PartialObjectMeta};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    memory::Locked,
    text_request::{TextError, request_token},
};

/// Longest that the look for the canary may take.
const LOOK: Duration = Duration::from_secs(10);
/// For how long it is known whether anything can be proven in this cluster.
const KNOWN_FOR: Duration = Duration::from_mins(1);

/// What proofs are made with.
pub(crate) struct Prover {
    /// Asks for tokens.
    pub(super) tokens: ApiTokens,
    /// The operator's own namespace, which the canary is in.
    namespace: String,
    /// When the process began.
    pub(super) started: Instant,
    /// The canary, or why nothing can be proven, when that was last found out.
    known: Locked<Option<(Instant, Result<AccountName, Obstruction>)>>,
}

/// Why nothing can be proven: reason and message of the condition.
type Obstruction = (Reason, String);

impl Prover {
    /// By this client; the canary is in the operator's own namespace.
    pub(crate) fn new(client: Client, namespace: String) -> Self {
        Self {
            tokens: ApiTokens(client),
            namespace,
            started: Instant::now(),
            known: Locked::default(),
        }
    }

    /// The ServiceAccount that nothing binds, where a policy keeps the operator from a token of it for the API server. It may nothing
    /// there, so it is tried first; and once a minute for all bindings.
    ///
    /// # Errors
    /// Why nothing can be proven in this cluster, or why that cannot be found out.
    pub(super) async fn canary(&self) -> Result<AccountName, Told> {
        let known = self.known.lock().clone();
        if let Some((at, found)) = known
            && at.elapsed() < KNOWN_FOR
        {
            return found.map_err(|(reason, message)| Told::CannotTell(reason, message));
        }
        let found = match self.find().await {
            Err(Told::CannotTell(reason, message)) => Err((reason, message)),
            found => Ok(found?),
        };
        *self.known.lock() = Some((Instant::now(), found.clone()));
        found.map_err(|(reason, message)| Told::CannotTell(reason, message))
    }

    async fn find(&self) -> Result<AccountName, Told> {
        let canary = AccountName {
            namespace: self.namespace.clone(),
            name: self.tokens.canary_of(&self.namespace).await?,
        };
        match check_guard(&self.tokens, &canary).await {
            Ok(()) => Ok(canary),
            Err(unproven) => Err(unproven.told(&canary)),
        }
    }
}

/// Tokens of the API server.
pub(crate) struct ApiTokens(Client);

impl ApiTokens {
    /// The name of the canary, by its label: an overlay may have renamed it.
    async fn canary_of(&self, namespace: &str) -> Result<String, Told> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.0.clone(), namespace);
        let labelled = ListParams::default().labels(&format!("{VERIFY_LABEL}={CANARY_LABEL_VALUE}"));
        let found = tokio::time::timeout(LOOK, accounts.list_metadata(&labelled)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(not_listed(&refusal(&error))),
            Err(_) => return Err(not_listed(&ApiRefusal::Unavailable)),
        };
        let is_canary = |account: &PartialObjectMeta<ServiceAccount>| {
            account.labels().get(VERIFY_LABEL).map(String::as_str) == Some(CANARY_LABEL_VALUE)
        };
        let names = found
            .items
            .iter()
            .filter(|account| is_canary(account))
            .map(ResourceExt::name_any);
        names.min().ok_or_else(|| no_canary(namespace))
    }

    async fn ask(&self, account: &AccountName, audience: Option<&str>) -> Result<Value, TokenRefusal> {
        let answer = request_token(&self.0, &account.namespace, &account.name, audience).await;
        let answer = answer.map_err(|error| match error {
            TextError::Refused(kube::Error::Api(status)) if status.code == 404 => TokenRefusal::NoAccount,
            TextError::Refused(error) => TokenRefusal::Refused(refusal(&error)),
            TextError::Late(_) | TextError::Unsent(_) => TokenRefusal::Refused(ApiRefusal::Unavailable),
        })?;
        serde_json::from_str(&answer).map_err(|_| TokenRefusal::Refused(ApiRefusal::Unavailable))
    }
}

impl TokenRequests for ApiTokens {
    async fn token(&self, account: &AccountName, audience: &str) -> Result<SecretToken, TokenRefusal> {
        let granted = self.ask(account, Some(audience)).await?;
        let token = granted.pointer("/status/token").and_then(Value::as_str);
        token
            .map(SecretToken::new)
            .ok_or(TokenRefusal::Refused(ApiRefusal::Unavailable))
    }

    async fn rehearse_api_token(&self, account: &AccountName) -> Result<(), TokenRefusal> {
        self.ask(account, None).await.map(drop)
    }
}
