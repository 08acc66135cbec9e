//! The webhook as a process, and the API server's way to it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use irsa_testkit::controlplane::{
    ControlPlane,
    process::{Launch, Process},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Problem,
    operator::{free_address, http_get, operator_sibling},
};

/// The webhook's label, and the name of everything of it where no overlay renames it.
pub const WEBHOOK: &str = "irsa-anywhere-webhook";
/// How long until it is ready.
const WITHIN: Duration = Duration::from_mins(1);

/// A running webhook. Dropping it kills it.
#[derive(Debug)]
pub struct Webhook {
    process: Process,
    address: SocketAddr,
    probes: SocketAddr,
    deployed: Deployed,
}

/// What the Deployment in the cluster says of it.
#[derive(Debug, Clone)]
struct Deployed {
    namespace: String,
    account: String,
    /// Its variables that have a value.
    environment: Vec<(String, String)>,
}

impl Deployed {
    async fn find(cluster: &ControlPlane) -> Result<Self, Problem> {
        let path = format!("/apis/apps/v1/deployments?labelSelector=app.kubernetes.io/name={WEBHOOK}");
        let list = cluster.client()?.get(&path).await?.body;
        let at = |path: &str| list.pointer(&format!("/items/0{path}"));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let variables = at("/spec/template/spec/containers/0/env").and_then(Value::as_array);
        let variables = variables.into_iter().flatten();
        let variables =
            variables.filter_map(|variable| Some((text(variable.get("name"))?, text(variable.get("value"))?)));
        let found = || {
            Some(Self {
                namespace: text(at("/metadata/namespace"))?,
                account: text(at("/spec/template/spec/serviceAccountName"))?,
                environment: variables.collect(),
            })
        };
        found().ok_or_else(|| format!("no webhook is deployed: {list}").into())
    }

    fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(known, _)| known == name);
        found.map_or(WEBHOOK, |(_, value)| value)
    }
}

impl Webhook {
    /// Starts one as its Deployment in the cluster says, and waits until the API server asks it.
    ///
    /// # Errors
    /// Why it could not be started or is not ready.
    pub async fn install(cluster: &ControlPlane, directory: &Path) -> Result<Self, Problem> {
        let webhook = Self::start(cluster, directory, &[]).await?;
        webhook.ask_this_one(cluster).await?;
        webhook.ready().await?;
        Ok(webhook)
    }

    /// Starts one as its Deployment in the cluster says, as its own ServiceAccount and under exactly its rights. Nobody asks it yet.
    ///
    /// # Errors
    /// Why it could not be started; whether it gets anywhere is for the caller to see.
    pub async fn start(cluster: &ControlPlane, directory: &Path, arguments: &[&str]) -> Result<Self, Problem> {
        let deployed = Deployed::find(cluster).await?;
        let token = cluster.api_token(&deployed.namespace, &deployed.account).await?;
        let kubeconfig = cluster.kubeconfig_for_token(&token)?;
        let (address, probes) = (free_address()?, free_address()?);
        let mut all = vec![format!("--listen-addr={address}"), format!("--metrics-addr={probes}")];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let mut environment = deployed.environment.clone();
        environment.extend([
            ("LOG_FORMAT".to_owned(), "text".to_owned()),
            ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            ("POD_NAMESPACE".to_owned(), deployed.namespace.clone()),
        ]);
        let process = Process::spawn(&Launch {
            name: "webhook",
            directory,
            program: &binary()?,
            arguments: &all,
            environment: &environment,
        })?;
        Ok(Self {
            process,
            address,
            probes,
            deployed,
        })
    }

    /// Leads the Service to this process, as endpoints would: an API server that is no pod goes where the name leads.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn ask_this_one(&self, cluster: &ControlPlane) -> Result<(), Problem> {
        let client = cluster.client()?;
        let (namespace, service) = (&self.deployed.namespace, self.deployed.variable("SERVICE_NAME"));
        let service = format!("/api/v1/namespaces/{namespace}/services/{service}");
        let outside = json!({"spec": {
            "type": "ExternalName", "externalName": "localhost", "clusterIP": null, "clusterIPs": null,
        }});
        let port = json!([{
            "op": "replace", "path": "/webhooks/0/clientConfig/service/port", "value": self.address.port(),
        }]);
        for reply in [
            client.merge_patch(&service, &outside).await?,
            client.json_patch(&self.configuration(), &port).await?,
        ] {
            if !reply.is_success() {
                return Err(reply.message().into());
            }
        }
        Ok(())
    }

    /// A token of its ServiceAccount.
    ///
    /// # Errors
    /// When the API server gives none.
    pub async fn token(&self, cluster: &ControlPlane) -> Result<String, Problem> {
        Ok(cluster
            .api_token(&self.deployed.namespace, &self.deployed.account)
            .await?)
    }

    /// Path of its `MutatingWebhookConfiguration`.
    pub fn configuration(&self) -> String {
        let name = self.deployed.variable("WEBHOOK_CONFIGURATION");
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}")
    }

    /// Path of the Secret with its certificate.
    pub fn secret(&self) -> String {
        let name = self.deployed.variable("CERTIFICATE_SECRET");
        format!("/api/v1/namespaces/{}/secrets/{name}", self.deployed.namespace)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// What it waits for still, and the end of its log.
    pub async fn ready(&self) -> Result<(), Problem> {
        let started = Instant::now();
        loop {
            let answer = http_get(self.probes, "/readyz");
            if answer.as_ref().is_some_and(|(code, _)| *code == 200) {
                return Ok(());
            }
            if started.elapsed() > WITHIN {
                return Err(format!("the webhook is not ready: {answer:?}\n{}", self.process.tail()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where reviews are served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/livez`, `/readyz` and `/metrics` are.
    pub const fn probes(&self) -> SocketAddr {
        self.probes
    }

    /// Its process.
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

/// The webhook's binary, which lies beside the operator's.
///
/// # Errors
/// When it cannot be built.
fn binary() -> Result<PathBuf, Problem> {
    operator_sibling(WEBHOOK)
}
