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
use serde_json::json;
use tokio::time::Instant;

use super::{
    OPERATOR_NAMESPACE, Problem,
    operator::{free_address, http_get, operator_sibling},
    repository,
};

/// The webhook's ServiceAccount, its Service and its configuration.
pub const WEBHOOK: &str = "irsa-anywhere-webhook";
const CONFIGURATION: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/irsa-anywhere-webhook";
/// How long until it is ready.
const WITHIN: Duration = Duration::from_secs(60);

/// A running webhook. Dropping it kills it.
#[derive(Debug)]
pub struct Webhook {
    process: Process,
    address: SocketAddr,
    probes: SocketAddr,
}

impl Webhook {
    /// Applies `config/webhook`, starts one and waits until the API server asks it.
    ///
    /// # Errors
    /// Why it could not be started or is not ready.
    pub async fn install(cluster: &ControlPlane, directory: &Path) -> Result<Self, Problem> {
        cluster.apply_file(&repository().join("config/webhook"), true).await?;
        let webhook = Self::start(cluster, directory, &[]).await?;
        webhook.ask_this_one(cluster).await?;
        webhook.ready().await?;
        Ok(webhook)
    }

    /// Starts one as its own ServiceAccount, under exactly the rights of `config/webhook`. Nobody asks it yet.
    ///
    /// # Errors
    /// Why it could not be started; whether it gets anywhere is for the caller to see.
    pub async fn start(cluster: &ControlPlane, directory: &Path, arguments: &[&str]) -> Result<Self, Problem> {
        let token = cluster.api_token(OPERATOR_NAMESPACE, WEBHOOK).await?;
        let kubeconfig = cluster.kubeconfig_for_token(&token)?;
        let (address, probes) = (free_address()?, free_address()?);
        let mut all = vec![format!("--listen-addr={address}"), format!("--metrics-addr={probes}")];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let environment = [
            ("LOG_FORMAT".to_owned(), "text".to_owned()),
            ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            ("POD_NAMESPACE".to_owned(), OPERATOR_NAMESPACE.to_owned()),
        ];
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
        })
    }

    /// Leads the Service to this process, as endpoints would: an API server that is no pod goes where the name leads.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn ask_this_one(&self, cluster: &ControlPlane) -> Result<(), Problem> {
        let client = cluster.client()?;
        let service = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/{WEBHOOK}");
        let outside = json!({"spec": {
            "type": "ExternalName", "externalName": "localhost", "clusterIP": null, "clusterIPs": null,
        }});
        let port = json!([{
            "op": "replace", "path": "/webhooks/0/clientConfig/service/port", "value": self.address.port(),
        }]);
        for reply in [
            client.merge_patch(&service, &outside).await?,
            client.json_patch(CONFIGURATION, &port).await?,
        ] {
            if !reply.is_success() {
                return Err(reply.message().into());
            }
        }
        Ok(())
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
pub fn binary() -> Result<PathBuf, Problem> {
    operator_sibling(WEBHOOK)
}
