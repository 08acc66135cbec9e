//! The cluster, as the person who asks may see it.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use futures::future::join;
use http::{Request, header};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::{
    admission::Labels,
    explain::{ApiServerFacts, Fact, SecretToken, Unseen},
    issuer_flags::Distribution,
    jwks,
    vocabulary::{GROUP, VERSION},
};
use irsa_pipeline::{
    federation::observe::{
        api_servers::{Answer, Reading, ServerError, ServerView, Shortfall},
        cluster::{Records, StoredRecord},
        injection::{self, UnseenAdmission},
    },
    step_error::StepError,
};
use irsa_process::kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ListParams, PartialObjectMeta},
    config::{KubeConfigOptions, Kubeconfig},
    core::response::reason,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{args::ClusterArgs, distribution::recognised, failure::Failure};

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The shortest lifetime of a token that an API server grants, in seconds.
const SHORTEST_TOKEN: i64 = 600;
/// The longest that is asked for, in seconds.
const LONGEST_TOKEN: i64 = 86_400;

/// Objects of which there may be many are listed so many at a time.
const PAGE: u32 = 500;

/// A connection to the API server.
pub(crate) struct Cluster {
    client: Client,
    /// The namespace that is meant where none is named.
    pub(crate) namespace: String,
}

/// What an API server says of how it signs.
pub(crate) struct Signing {
    pub(crate) issuer: Fact<String>,
    pub(crate) keys: Fact<jwks::KeySet>,
    /// What time it is there.
    pub(crate) clock: Fact<Timestamp>,
}

impl Signing {
    /// As evidence; `shares_audience` is what [`Cluster::takes`] said.
    pub(crate) fn facts(self, shares_audience: Fact<bool>) -> Fact<ApiServerFacts> {
        Ok(ApiServerFacts {
            issuer: self.issuer?,
            keys: self.keys?,
            shares_audience,
        })
    }
}

impl Cluster {
    /// Connects as the flags say; nothing is asked yet.
    ///
    /// # Errors
    /// Where there is no kubeconfig, or none that can be used, and where groups are to be impersonated without a user.
    pub(crate) async fn connect(args: &ClusterArgs) -> Result<Self, Failure> {
        let impersonated = args.impersonated()?;
        let options = KubeConfigOptions {
            context: args.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = match &args.kubeconfig {
            Some(file) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
            None => Config::from_kubeconfig(&options).await?,
        };
        let mut config = kubernetes::introduced(config);
        if let Some((user, groups)) = impersonated {
            // As kubectl does: who is named here stands for all that the kubeconfig says of it.
            config.auth_info.impersonate = Some(user.to_owned());
            config.auth_info.impersonate_groups = (!groups.is_empty()).then(|| groups.to_vec());
        }
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        config.write_timeout = Some(PATIENCE);
        let namespace = args
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        Ok(Self {
            client: Client::try_from(config)?,
            namespace,
        })
    }

    /// An object of the core API as JSON; `None` where there is none.
    pub(crate) async fn object(&self, path: &str) -> Fact<Option<Value>> {
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|error| Unseen::because(error.to_string()))?;
        match self.client.request::<Value>(request).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(unseen(&error)),
        }
    }

    /// Whether the cluster has our kinds: their CRDs are installed.
    pub(crate) async fn has_our_kinds(&self) -> Fact<bool> {
        Ok(self.object(&format!("/apis/{GROUP}/{VERSION}")).await?.is_some())
    }

    /// The bindings of a namespace, the oldest first.
    pub(crate) async fn bindings(&self, namespace: &str) -> Fact<Vec<IamRoleBinding>> {
        let mut bindings = items(Api::<IamRoleBinding>::namespaced(self.client.clone(), namespace)).await?;
        bindings.sort_by_key(|binding| binding.metadata.creation_timestamp.clone());
        Ok(bindings)
    }

    /// A federation; `None` where there is none.
    pub(crate) async fn federation(&self, name: &str) -> Fact<Option<OidcFederation>> {
        let federations = Api::<OidcFederation>::all(self.client.clone());
        federations.get_opt(name).await.map_err(|error| unseen(&error))
    }

    /// All bindings.
    pub(crate) async fn all_bindings(&self) -> Fact<Vec<IamRoleBinding>> {
        items(Api::all(self.client.clone())).await
    }

    /// All federations.
    pub(crate) async fn federations(&self) -> Fact<Vec<OidcFederation>> {
        items(Api::all(self.client.clone())).await
    }

    /// The labels of each namespace.
    pub(crate) async fn namespace_labels(&self) -> Fact<BTreeMap<String, Labels>> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let list = namespaces
            .list_metadata(&ListParams::default())
            .await
            .map_err(|error| unseen(&error))?;
        let labels = |namespace: PartialObjectMeta<Namespace>| (namespace.name_any(), namespace.labels().clone());
        Ok(list.items.into_iter().map(labels).collect())
    }

    /// The ServiceAccounts of a namespace.
    pub(crate) fn service_accounts(&self, namespace: &str) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// What each ServiceAccount says of itself, in one namespace or in all.
    pub(crate) async fn service_account_metadata(
        &self,
        namespace: Option<&str>,
    ) -> Fact<Vec<PartialObjectMeta<ServiceAccount>>> {
        let accounts = match namespace {
            Some(namespace) => self.service_accounts(namespace),
            None => Api::all(self.client.clone()),
        };
        let mut all = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = accounts.list_metadata(&page).await.map_err(|error| unseen(&error))?;
            all.extend(list.items);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// Namespace and name of each ServiceAccount.
    pub(crate) async fn all_service_accounts(&self) -> Fact<Vec<(String, String)>> {
        let all = self.service_account_metadata(None).await?;
        let name =
            |account: PartialObjectMeta<ServiceAccount>| (account.namespace().unwrap_or_default(), account.name_any());
        Ok(all.into_iter().map(name).collect())
    }

    /// How many pods that have not ended run as each ServiceAccount, by its namespace and name.
    pub(crate) async fn pods_by_account(&self) -> Fact<BTreeMap<(String, String), usize>> {
        let pods = Api::<Pod>::all(self.client.clone());
        let mut counts = BTreeMap::new();
        let mut page = ListParams::default()
            .limit(PAGE)
            .fields("status.phase!=Succeeded,status.phase!=Failed");
        loop {
            let list = pods.list(&page).await.map_err(|error| unseen(&error))?;
            for pod in list.items {
                let namespace = pod.namespace().unwrap_or_default();
                let account = pod.spec.and_then(|spec| spec.service_account_name).unwrap_or_default();
                *counts.entry((namespace, account)).or_default() += 1;
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(counts),
            }
        }
    }

    /// What injects pods, in words, or why nothing does.
    pub(crate) async fn carrier(&self) -> Fact<Result<String, String>> {
        match injection::admission(&self.client).await {
            Ok(found) => Ok(found.in_words().map_err(|nothing| nothing.to_string())),
            Err(UnseenAdmission::Forbidden(kind)) => Err(Unseen::because(format!("you may not list {kind}"))),
            Err(UnseenAdmission::Unreachable(kind)) => {
                Err(Unseen::because(format!("the API server did not list {kind}")))
            }
        }
    }

    /// A token of a ServiceAccount, which is good for ten minutes by a clock that is so many seconds ahead of the API server's.
    pub(crate) async fn token(&self, namespace: &str, account: &str, audience: &str, ahead: i64) -> Fact<SecretToken> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let seconds = SHORTEST_TOKEN.saturating_add(ahead.max(0)).min(LONGEST_TOKEN);
        let wanted = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": seconds},
        });
        let granted = self.post(&path, &wanted).await?;
        let token = granted.pointer("/status/token").and_then(Value::as_str);
        token
            .map(SecretToken::new)
            .ok_or_else(|| Unseen::because("the API server granted no token"))
    }

    /// Whether the API server takes a token for its own, for whichever audience it was made.
    pub(crate) async fn takes(&self, token: &SecretToken) -> Fact<bool> {
        let review =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token.expose()}});
        let answer = self
            .post("/apis/authentication.k8s.io/v1/tokenreviews", &review)
            .await?;
        let taken = answer.pointer("/status/authenticated").and_then(Value::as_bool);
        Ok(taken.unwrap_or(false))
    }

    /// How the API server signs.
    pub(crate) async fn signing(&self) -> Signing {
        let (discovery, keys) = join(self.discovery(), self.keys()).await;
        let (issuer, clock) = match discovery {
            Ok((issuer, clock)) => (Ok(issuer), clock),
            Err(unseen) => (Err(unseen.clone()), Err(unseen)),
        };
        Signing { issuer, keys, clock }
    }

    /// What an API server serves, as the operator would have it of one of several: through the normal connection one answers, and nothing
    /// says whether it speaks for all.
    pub(crate) async fn reading(&self) -> Reading {
        let (discovery, keys) = join(self.discovery(), self.served_keys()).await;
        let view = match (discovery, keys) {
            (Ok((issuer, _)), Ok(jwks)) => Ok(ServerView {
                issuer,
                jwks: jwks.into_bytes(),
            }),
            (Err(why), _) | (_, Err(why)) => Err(ServerError::Unreachable(why.to_string())),
        };
        Reading {
            answers: vec![Answer {
                server: "that was asked".to_owned(),
                view,
            }],
            shortfall: Some(Shortfall::Unread),
        }
    }

    /// The operator's record of keys.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn key_record(&self, namespace: &str, name: &str) -> Result<StoredRecord, StepError> {
        Records::new(self.client.clone(), namespace).load(name).await
    }

    async fn discovery(&self) -> Fact<(String, Fact<Timestamp>)> {
        let request = Request::get("/.well-known/openid-configuration").body(Vec::new());
        let request = request.map_err(|error| Unseen::because(error.to_string()))?;
        let answer = self
            .client
            .send(request.map(Into::into))
            .await
            .map_err(|error| unseen(&error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(Unseen::because(format!(
                "the API server answers HTTP status {status} to who asks for its discovery document; \
                 the ClusterRole system:service-account-issuer-discovery allows it"
            )));
        }
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let clock = http_date(date);
        let body = answer
            .into_body()
            .collect_bytes()
            .await
            .map_err(|error| unseen(&error))?;
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let issuer = document.get("issuer").and_then(Value::as_str);
        let issuer = issuer.ok_or_else(|| Unseen::because("the API server's discovery document names no issuer"))?;
        Ok((issuer.to_owned(), clock))
    }

    async fn keys(&self) -> Fact<jwks::KeySet> {
        let text = self.served_keys().await?;
        jwks::parse(text.as_bytes())
            .map_err(|error| Unseen::because(format!("the API server's keys cannot be used: {error}")))
    }

    async fn served_keys(&self) -> Fact<String> {
        let request = Request::get("/openid/v1/jwks").body(Vec::new());
        let request = request.map_err(|error| Unseen::because(error.to_string()))?;
        self.client.request_text(request).await.map_err(|error| unseen(&error))
    }

    /// The distribution that the cluster looks like.
    pub(crate) async fn distribution(&self) -> Option<Distribution> {
        let (version, nodes) = join(self.object("/version"), self.object("/api/v1/nodes?limit=1")).await;
        let nodes = nodes.ok().flatten();
        recognised(
            &version.ok().flatten().unwrap_or_default(),
            nodes.as_ref().and_then(|nodes| nodes.pointer("/items/0")),
        )
    }

    /// What the API server answers, read as text first: kube would log an answer that it cannot read, and this may hold a token.
    async fn post(&self, path: &str, body: &Value) -> Fact<Value> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes())
            .map_err(|error| Unseen::because(error.to_string()))?;
        let text = self
            .client
            .request_text(request)
            .await
            .map_err(|error| unseen(&error))?;
        serde_json::from_str(&text).map_err(|_| Unseen::because("the API server's answer cannot be read"))
    }
}

/// All objects of a kind.
async fn items<K: Clone + DeserializeOwned + Debug>(api: Api<K>) -> Fact<Vec<K>> {
    let list = api.list(&ListParams::default()).await;
    Ok(list.map_err(|error| unseen(&error))?.items)
}

/// The time of a `Date` header.
pub(crate) fn http_date(date: Option<&str>) -> Fact<Timestamp> {
    let date = date.ok_or_else(|| Unseen::because("the answer has no Date"))?;
    let time = jiff::fmt::rfc2822::parse(date).map_err(|_| Unseen::because("the answer's Date cannot be read"))?;
    Ok(time.timestamp())
}

/// Why something of the cluster is not known.
fn unseen(error: &kube::Error) -> Unseen {
    match error {
        // The path itself is unknown, which no Status tells of.
        kube::Error::Api(status) if status.code == 404 && status.reason != reason::NOT_FOUND => {
            Unseen::because("the API server has no such kind: are the CRDs of irsa-anywhere installed?")
        }
        kube::Error::Api(status) if !status.message.is_empty() => Unseen::because(status.message.trim_end_matches('.')),
        kube::Error::Api(status) => Unseen::because(format!("the API server answers HTTP status {}", status.code)),
        other => Unseen::because(format!("the API server cannot be asked: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        let time = http_date(Some("Mon, 30 Nov 2026 20:04:40 GMT")).unwrap();
        assert_eq!(time, "2026-11-30T20:04:40Z".parse().unwrap());
        assert!(http_date(Some("yesterday")).is_err() && http_date(None).is_err());
    }
}
