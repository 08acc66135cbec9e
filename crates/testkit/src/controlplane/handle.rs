//! The running control plane: its processes, and what it needs in order to be usable.

use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ApiClient, ApiProxy, ApiServer, ControlPlaneError, PublicKey, SigningKey,
    assets::Assets,
    files::{self, Pki},
    ports::free_port,
    process::{Launch, Process},
    server::{Keys, ServerSettings, start_etcd},
};

/// The controllers that tests have a use for; each of the others costs watches and start-up time.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
    root-ca-certificate-publisher-controller,deployment-controller,replicaset-controller,\
    clusterrole-aggregation-controller,disruption-controller";

pub(super) struct Parts {
    pub(super) assets: Assets,
    pub(super) settings: ServerSettings,
    pub(super) keys: Keys,
    pub(super) default_service_accounts: bool,
    /// The data of an etcd to begin with.
    pub(super) data: Option<PathBuf>,
}

/// A running kube-apiserver (or several) and etcd. Dropping it stops everything and removes its files.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: clients of a server before the server, files last.
    controller_manager: Option<Process>,
    pub(super) servers: Vec<ApiServer>,
    etcd: Process,
    etcd_url: String,
    pub(super) settings: ServerSettings,
    pub(super) assets: Assets,
    pki: Pki,
    pub(super) default_service_accounts: bool,
    pub(super) directory: TempDir,
}

impl ControlPlane {
    pub(super) async fn launch(parts: Parts) -> Result<Self, ControlPlaneError> {
        let Parts {
            assets,
            settings,
            keys,
            default_service_accounts,
            data,
        } = parts;
        let directory = tempfile::Builder::new()
            .prefix("control-plane-")
            .tempdir()
            .map_err(ControlPlaneError::io("creating a temporary directory"))?;
        let pki = Pki::generate()?;
        if let Some(data) = data {
            files::copy_tree(&data, &etcd_data(directory.path()))?;
        }
        let (etcd, etcd_url) = start_etcd(&assets.etcd, &directory.path().join("etcd")).await?;
        let first = directory.path().join("apiserver-0");
        let server = ApiServer::create(first, &settings, &pki, &etcd_url, keys).await?;
        let mut plane = Self {
            controller_manager: None,
            servers: vec![server],
            etcd,
            etcd_url,
            settings,
            assets,
            pki,
            default_service_accounts,
            directory,
        };
        files::write(&plane.ca_file(), &plane.pki.ca)?;
        plane.write_kubeconfig(&plane.kubeconfig(), &plane.settings.admin_token)?;
        plane.start_controller_manager()?;
        plane.ensure_default_service_accounts().await?;
        Ok(plane)
    }

    /// `https://127.0.0.1:<port>` of the first API server.
    pub fn url(&self) -> String {
        self.first().map(ApiServer::url).unwrap_or_default()
    }

    /// The issuer that tokens carry.
    pub fn issuer(&self) -> &str {
        self.settings.issuers.first().map_or("", String::as_str)
    }

    /// All API servers, the first included, in the order in which they were added.
    pub fn api_servers(&self) -> &[ApiServer] {
        &self.servers
    }

    /// Path of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("admin.kubeconfig")
    }

    /// The certificate authority of the API servers.
    pub fn ca_pem(&self) -> &str {
        &self.pki.ca
    }

    /// Path of a file with [`Self::ca_pem`].
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Bearer token of a member of `system:masters`.
    pub fn admin_token(&self) -> &str {
        &self.settings.admin_token
    }

    /// A directory of this control plane, gone when it is dropped.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Pids of all servers that run.
    pub fn pids(&self) -> Vec<u32> {
        let servers = self.servers.iter().filter_map(ApiServer::pid);
        let others = [Some(&self.etcd), self.controller_manager.as_ref()];
        servers
            .chain(others.into_iter().flatten().filter_map(Process::pid))
            .collect()
    }

    /// The end of the first API server's log, for messages of failed tests.
    pub fn log_tail(&self) -> String {
        self.servers.first().map(ApiServer::log_tail).unwrap_or_default()
    }

    /// The first API server as the administrator.
    pub fn client(&self) -> Result<&ApiClient, ControlPlaneError> {
        self.first().map(ApiServer::client)
    }

    /// Restarts the first API server with other keys on the same etcd and address.
    pub async fn restart_with_keys(
        &mut self,
        signing: SigningKey,
        accepted: impl IntoIterator<Item = PublicKey>,
    ) -> Result<(), ControlPlaneError> {
        self.restart_api_server(0, Some((signing, accepted.into_iter().collect())))
            .await
    }

    /// Restarts the first API server.
    pub async fn restart(&mut self) -> Result<(), ControlPlaneError> {
        self.restart_api_server(0, None).await
    }

    /// Restarts one API server, with other keys if given.
    pub async fn restart_api_server(
        &mut self,
        index: usize,
        keys: Option<(SigningKey, Vec<PublicKey>)>,
    ) -> Result<(), ControlPlaneError> {
        self.stop_api_server(index).await?;
        if let Some((signing, accepted)) = keys {
            self.server_mut(index)?.set_keys(Keys { signing, accepted });
        }
        self.start_api_server(index).await
    }

    /// Restarts one API server with other issuers: the first signs and is served, the others are accepted. Those that are
    /// restarted later for another reason take them up too.
    pub async fn restart_with_issuers(&mut self, index: usize, issuers: &[&str]) -> Result<(), ControlPlaneError> {
        self.settings.issuers = issuers.iter().map(|issuer| (*issuer).to_owned()).collect();
        self.restart_api_server(index, None).await
    }

    /// Stops one API server; etcd goes on.
    pub async fn stop_api_server(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        self.server_mut(index)?.stop().await;
        Ok(())
    }

    /// Kills one API server, as a crash would.
    pub async fn kill_api_server(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        self.server_mut(index)?.kill().await;
        Ok(())
    }

    /// Starts an API server that was stopped, on its old address.
    pub async fn start_api_server(&mut self, index: usize) -> Result<(), ControlPlaneError> {
        let server = self
            .servers
            .get_mut(index)
            .ok_or(ControlPlaneError::NoSuchServer(index))?;
        server.start(&self.settings, &self.etcd_url).await
    }

    /// Starts one more API server on the same etcd and returns its index.
    ///
    /// With other keys this is a control plane in the middle of a key rotation: each replica serves its own JWKS.
    pub async fn add_api_server(
        &mut self,
        signing: SigningKey,
        accepted: impl IntoIterator<Item = PublicKey>,
    ) -> Result<usize, ControlPlaneError> {
        let index = self.servers.len();
        let directory = self.directory.path().join(format!("apiserver-{index}"));
        let keys = Keys {
            signing,
            accepted: accepted.into_iter().collect(),
        };
        let server = ApiServer::create(directory, &self.settings, &self.pki, &self.etcd_url, keys).await?;
        self.servers.push(server);
        Ok(index)
    }

    /// Another control plane on a copy of this one's etcd, with the same keys and API servers of its own, as one gets from a
    /// snapshot of machines. The API servers are stopped meanwhile, so that nothing is written.
    pub async fn copy(&mut self) -> Result<Self, ControlPlaneError> {
        for server in &mut self.servers {
            server.stop().await;
        }
        let keys = self.first()?.keys().clone();
        let copied = Self::launch(Parts {
            assets: self.assets.clone(),
            settings: self.settings.clone(),
            keys,
            default_service_accounts: self.default_service_accounts,
            data: Some(etcd_data(self.directory.path())),
        })
        .await;
        for server in &mut self.servers {
            server.start(&self.settings, &self.etcd_url).await?;
        }
        copied
    }

    /// A proxy in front of one API server, to see its calls and to make them fail.
    pub async fn proxy(&self, index: usize) -> Result<ApiProxy, ControlPlaneError> {
        let server = self.servers.get(index).ok_or(ControlPlaneError::NoSuchServer(index))?;
        ApiProxy::start(&self.pki, server.port()).await
    }

    /// Stops everything in order. Dropping does the same at once.
    pub async fn stop(mut self) {
        if let Some(process) = self.controller_manager.take() {
            process.stop().await;
        }
        for server in &mut self.servers {
            server.stop().await;
        }
    }

    /// Creates a ServiceAccount unless it exists.
    pub async fn ensure_service_account(&self, namespace: &str, name: &str) -> Result<(), ControlPlaneError> {
        const EXISTS: u16 = 409;
        let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        match self.client()?.expect(Method::POST, &path, Some(&body)).await {
            Ok(_) | Err(ControlPlaneError::Refused { status: EXISTS, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the ServiceAccount controller would do: pods without a ServiceAccount of their own need it.
    pub(super) async fn ensure_default_service_accounts(&self) -> Result<(), ControlPlaneError> {
        if !self.default_service_accounts {
            return Ok(());
        }
        let list = self.client()?.expect(Method::GET, "/api/v1/namespaces", None).await?;
        let items = list
            .get("items")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        for namespace in items {
            let terminating = namespace.pointer("/metadata/deletionTimestamp").is_some();
            let name = namespace.pointer("/metadata/name").and_then(Value::as_str);
            if let (Some(name), false) = (name, terminating) {
                self.ensure_service_account(name, "default").await?;
            }
        }
        Ok(())
    }

    fn first(&self) -> Result<&ApiServer, ControlPlaneError> {
        self.servers.first().ok_or(ControlPlaneError::NoSuchServer(0))
    }

    fn server_mut(&mut self, index: usize) -> Result<&mut ApiServer, ControlPlaneError> {
        self.servers
            .get_mut(index)
            .ok_or(ControlPlaneError::NoSuchServer(index))
    }

    pub(super) fn write_kubeconfig(&self, path: &Path, token: &str) -> Result<(), ControlPlaneError> {
        files::write(path, &files::kubeconfig(&self.url(), &self.pki.ca, token))
    }

    fn start_controller_manager(&mut self) -> Result<(), ControlPlaneError> {
        let Some(binary) = &self.assets.controller_manager else {
            return Ok(());
        };
        let directory = self.directory.path();
        let arguments = [
            format!("--kubeconfig={}", self.kubeconfig().display()),
            format!("--root-ca-file={}", self.ca_file().display()),
            format!("--controllers={CONTROLLERS}"),
            format!("--secure-port={}", free_port()?),
            format!("--cert-dir={}", directory.join("controller-manager").display()),
            "--bind-address=127.0.0.1".to_owned(),
            "--use-service-account-credentials=true".to_owned(),
            "--leader-elect=false".to_owned(),
        ];
        let process = Process::spawn(&Launch {
            name: "kube-controller-manager",
            directory,
            program: binary,
            arguments: &arguments,
            environment: &[],
        })?;
        self.controller_manager = Some(process);
        Ok(())
    }
}

fn etcd_data(directory: &Path) -> PathBuf {
    directory.join("etcd").join("data")
}
