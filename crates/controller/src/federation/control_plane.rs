//! The API servers over the network.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::future::{join_all, try_join};
use http::Request;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client, Config, api::ListParams};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tracing::{debug, warn};

use irsa_pipeline::{
    federation::observe::api_servers::{
        Answer, ApiServers, AudienceReadError, OwnAudiences, Reading, ServerError, ServerView, Shortfall,
    },
    stage::chain,
};

use super::account::Account;
use crate::memory::Locked;

/// A name that every API server's certificate has, whatever its address.
const TLS_NAME: &str = "kubernetes.default.svc";
/// The EndpointSlice that the API servers keep of themselves.
const SLICE: &str = "kubernetes";
/// Longest that one API server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A set of 200 RSA keys has less than 100 KB.
const MAX_BYTES: usize = 1024 * 1024;

/// Every API server by its own address.
///
/// Addresses are those given to [`Self::new`]; without any, those of the EndpointSlice `default/kubernetes`, which
/// the API servers keep themselves; without those, or where none of them can be reached from here, the normal
/// connection, which is then known not to speak for all.
pub struct ControlPlane {
    config: Config,
    client: Client,
    given: Vec<String>,
    connections: Locked<HashMap<String, Client>>,
    /// Those that were last read.
    asked: Locked<Vec<(String, Client)>>,
    /// The operator's own ServiceAccount.
    account: OnceCell<Option<Account>>,
    /// Whether it was told that no address can be reached: it stays so, and is looked at each minute.
    told: AtomicBool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

impl ControlPlane {
    /// The control plane behind `config`; `given` are addresses as `host:port`.
    pub fn new(config: Config, client: Client, given: Vec<String>) -> Self {
        Self {
            config,
            client,
            given,
            connections: Locked::default(),
            asked: Locked::default(),
            account: OnceCell::new(),
            told: AtomicBool::new(false),
        }
    }

    async fn addresses(&self) -> Result<Vec<String>, Shortfall> {
        if !self.given.is_empty() {
            return Ok(self.given.clone());
        }
        server_addresses(&self.client).await
    }

    /// A client with a connection pool of its own.
    fn connection(&self, address: &str) -> Result<Client, ServerError> {
        let unusable = |error: &dyn std::error::Error| ServerError::Unreachable(error.to_string());
        let mut connections = self.connections.lock();
        if let Some(client) = connections.get(address) {
            return Ok(client.clone());
        }
        let mut config = self.config.clone();
        config.cluster_url = format!("https://{address}").parse().map_err(|error| unusable(&error))?;
        config.tls_server_name = Some(TLS_NAME.to_owned());
        config.proxy_url = None;
        let client = Client::try_from(config).map_err(|error| unusable(&error))?;
        connections.insert(address.to_owned(), client.clone());
        Ok(client)
    }

    async fn ask(&self, address: String) -> Answer {
        let view = match self.connection(&address) {
            Ok(client) => view(&client).await,
            Err(error) => Err(error),
        };
        Answer { server: address, view }
    }

    /// The answer of each; an error where these are not given and none can be reached.
    async fn ask_all(&self, addresses: Vec<String>) -> Result<Vec<Answer>, Shortfall> {
        let answers = join_all(addresses.into_iter().map(|address| self.ask(address))).await;
        let unreachable = |answer: &Answer| matches!(answer.view, Err(ServerError::Unreachable(_)));
        if let Some(first) = answers
            .first()
            .filter(|_| self.given.is_empty() && answers.iter().all(unreachable))
        {
            return Err(Shortfall::Unreachable(first.server.clone()));
        }
        let connected = |answer: &Answer| Some((answer.server.clone(), self.connection(&answer.server).ok()?));
        self.remember(answers.iter().filter_map(connected).collect());
        Ok(answers)
    }

    fn remember(&self, asked: Vec<(String, Client)>) {
        *self.asked.lock() = asked;
    }
}

impl ApiServers for ControlPlane {
    async fn read(&self) -> Reading {
        let shortfall = match self.addresses().await {
            Ok(addresses) => match self.ask_all(addresses).await {
                Ok(answers) => {
                    return Reading {
                        answers,
                        shortfall: None,
                    };
                }
                Err(shortfall) => shortfall,
            },
            Err(shortfall) => shortfall,
        };
        if !self.told.swap(true, Ordering::Relaxed) {
            warn!(why = %shortfall, "only the API server behind the normal connection is asked for its keys");
        }
        let server = "the API server".to_owned();
        self.remember(vec![(server.clone(), self.client.clone())]);
        let view = view(&self.client).await;
        Reading {
            answers: vec![Answer { server, view }],
            shortfall: Some(shortfall),
        }
    }

    async fn audiences(&self) -> Vec<OwnAudiences> {
        let asked = self.asked.lock().clone();
        let account = self.account.get_or_try_init(|| Account::of(&self.client)).await;
        let answers = asked.into_iter().map(|(server, client)| {
            let account = account.clone();
            async move {
                let audiences = match account {
                    Ok(Some(account)) => account.own_audiences(&client).await,
                    Ok(None) => Err(AudienceReadError::NoServiceAccount),
                    Err(error) => Err(error),
                };
                OwnAudiences { server, audiences }
            }
        });
        join_all(answers).await
    }
}

/// The addresses of the API servers, as they keep them themselves.
pub(crate) async fn server_addresses(client: &Client) -> Result<Vec<String>, Shortfall> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), "default");
    // The API servers keep one of this name; where something else keeps them, the label finds them, if that is permitted.
    let found = match slices.get_opt(SLICE).await {
        Ok(Some(slice)) => Ok(vec![slice]),
        Ok(None) => {
            let of_the_api = ListParams::default().labels("kubernetes.io/service-name=kubernetes");
            slices.list(&of_the_api).await.map(|slices| slices.items)
        }
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| {
        debug!(
            error = chain(&error),
            "cannot read the EndpointSlice of the API servers"
        );
        match error {
            kube::Error::Api(status) if status.is_forbidden() => Shortfall::Forbidden,
            kube::Error::Api(status) if status.is_not_found() => Shortfall::NoAddress,
            _ => Shortfall::Unread,
        }
    })?;
    let addresses: Vec<String> = found.iter().flat_map(addresses_of).collect();
    if addresses.is_empty() {
        return Err(Shortfall::NoAddress);
    }
    Ok(addresses)
}

async fn view(client: &Client) -> Result<ServerView, ServerError> {
    let both = try_join(
        get(client, "/.well-known/openid-configuration"),
        get(client, "/openid/v1/jwks"),
    );
    let (discovery, jwks) = tokio::time::timeout(PATIENCE, both)
        .await
        .map_err(|_| ServerError::Unreachable(format!("no answer within {} s", PATIENCE.as_secs())))??;
    let discovery: Discovery = serde_json::from_str(&discovery)
        .map_err(|_| ServerError::Unreachable("its discovery document has no issuer".to_owned()))?;
    Ok(ServerView {
        issuer: discovery.issuer,
        jwks: jwks.into_bytes(),
    })
}

async fn get(client: &Client, path: &str) -> Result<String, ServerError> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(|error| ServerError::Unreachable(error.to_string()))?;
    match client.request_text(request).await {
        Ok(text) if text.len() > MAX_BYTES => Err(ServerError::Unreachable(format!("{path} is too long"))),
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) if status.code == 403 || status.code == 401 => Err(ServerError::Forbidden),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(ServerError::NotServed),
        Err(kube::Error::Api(status)) => Err(ServerError::Unreachable(format!("HTTP status {}", status.code))),
        Err(error) => {
            debug!(error = chain(&error), path, "an API server cannot be read");
            Err(ServerError::Unreachable("no connection".to_owned()))
        }
    }
}

/// The addresses that serve the API, ready or not: one that is not serves its keys all the same once it can be reached.
fn addresses_of(slice: &EndpointSlice) -> Vec<String> {
    let port = slice
        .ports
        .iter()
        .flatten()
        .find(|port| port.name.as_deref().is_none_or(|name| name == "https"))
        .and_then(|port| port.port)
        .unwrap_or(443);
    let host = |address: &String| match slice.address_type.as_str() {
        "IPv6" => format!("[{address}]:{port}"),
        _ => format!("{address}:{port}"),
    };
    slice
        .endpoints
        .iter()
        .flat_map(|endpoint| endpoint.addresses.iter().map(host))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

    /// What the normal connection answers about EndpointSlices: of the one, and of the list.
    #[derive(Clone, Copy)]
    struct Slices {
        one: u16,
        list: u16,
    }

    /// The normal connection: an API server that knows these addresses of API servers.
    fn normal(addresses: &[&str], slices: Slices) -> Client {
        let endpoints: Vec<Value> = addresses
            .iter()
            .map(|address| json!({"addresses": [address]}))
            .collect();
        let slice = json!({
            "metadata": {"name": "kubernetes"}, "addressType": "IPv4", "ports": [{"name": "https", "port": 1}],
            "endpoints": endpoints,
        });
        let service = tower::service_fn(move |request: Request<Body>| {
            let (status, answer) = match request.uri().path() {
                SLICES => (
                    slices.list,
                    json!({"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {}, "items": [slice]}),
                ),
                path if path.starts_with(SLICES) => (slices.one, slice.clone()),
                "/.well-known/openid-configuration" => (200, json!({"issuer": "https://i.example"})),
                path => (200, json!({ "served": path })),
            };
            let answer = match status {
                200 => answer,
                code => json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                               "reason": if code == 403 { "Forbidden" } else { "NotFound" }}),
            };
            let response = Response::builder().status(status);
            let response = response.body(Body::from(answer.to_string().into_bytes())).unwrap();
            async move { Ok::<_, Infallible>(response) }
        });
        Client::new(service, "default")
    }

    fn control_plane(addresses: &[&str], given: &[&str]) -> ControlPlane {
        behind(normal(addresses, Slices { one: 200, list: 403 }), given)
    }

    fn behind(normal: Client, given: &[&str]) -> ControlPlane {
        let config = Config::new("https://127.0.0.1:1".parse().unwrap());
        let given = given.iter().map(|address| (*address).to_owned()).collect();
        ControlPlane::new(config, normal, given)
    }

    #[tokio::test]
    async fn what_keeps_it_from_asking_every_api_server_is_said() {
        for (slices, expected) in [
            (Slices { one: 403, list: 200 }, Shortfall::Forbidden),
            (Slices { one: 404, list: 403 }, Shortfall::Forbidden),
            (Slices { one: 404, list: 404 }, Shortfall::NoAddress),
            // Found under another name, and nobody listens there.
            (
                Slices { one: 404, list: 200 },
                Shortfall::Unreachable("127.0.0.1:1".to_owned()),
            ),
            (
                Slices { one: 200, list: 403 },
                Shortfall::Unreachable("127.0.0.1:1".to_owned()),
            ),
        ] {
            let reading = behind(normal(&["127.0.0.1"], slices), &[]).read().await;
            assert_eq!(reading.shortfall, Some(expected));
            assert!(!reading.all_answered());
        }
        let empty = control_plane(&[], &[]).read().await;
        assert_eq!(empty.shortfall, Some(Shortfall::NoAddress));
    }

    #[tokio::test]
    async fn without_any_address_that_can_be_reached_the_normal_connection_speaks_but_not_for_all() {
        // Nobody listens on port 1.
        for addresses in [&[][..], &["127.0.0.1", "127.0.0.2"]] {
            let reading = control_plane(addresses, &[]).read().await;
            assert!(reading.shortfall.is_some());
            let views: Vec<_> = reading.views().collect();
            assert_eq!(views.len(), 1);
            assert_eq!(views[0].issuer, "https://i.example");
            assert_eq!(views[0].jwks, br#"{"served":"/openid/v1/jwks"}"#);
        }
    }

    #[tokio::test]
    async fn an_address_that_was_given_is_not_given_up_for_another() {
        let reading = control_plane(&[], &["127.0.0.1:1"]).read().await;
        assert!(reading.shortfall.is_none() && !reading.all_answered());
        let (server, error) = reading.failure().unwrap();
        assert_eq!(server, "127.0.0.1:1");
        assert_eq!(*error, ServerError::Unreachable("no connection".to_owned()));
    }

    #[test]
    fn every_endpoint_of_a_slice_is_an_api_server() {
        let slice = |kind: &str, addresses: [&str; 2]| {
            let slice = json!({
                "addressType": kind, "ports": [{"name": "https", "port": 6443}],
                "endpoints": [{"addresses": [addresses[0]]}, {"addresses": [addresses[1]]}],
            });
            addresses_of(&serde_json::from_value(slice).unwrap())
        };
        assert_eq!(
            slice("IPv4", ["10.0.0.1", "10.0.0.2"]),
            ["10.0.0.1:6443", "10.0.0.2:6443"]
        );
        assert_eq!(
            slice("IPv6", ["fd00::1", "fd00::2"]),
            ["[fd00::1]:6443", "[fd00::2]:6443"]
        );
    }
}
