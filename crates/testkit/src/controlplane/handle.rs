//! The running control plane.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ApiClient, ApiServer, AuditLog, AuditMark, ControlPlaneBuilder, ControlPlaneError, KubectlOutput, PublicKey,
    SigningKey,
    assets::Assets,
    files::{self, Pki},
    kubectl,
    ports::free_port,
    process::{Launch, Process},
    server::{Keys, ServerSettings, start_etcd},
};

/// The controllers that tests have a use for; each of the others costs watches and start-up time.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
    root-ca-certificate-publisher-controller,deployment-controller,replicaset-controller,\
    clusterrole-aggregation-controller";
/// How long the audit log may lag behind an answer before we look anyway.
const AUDIT_LAG: Duration = Duration::from_secs(2);
const ONE_DAY: u32 = 86_400;

pub(super) struct Parts {
    pub(super) assets: Assets,
    pub(super) settings: ServerSettings,
    pub(super) keys: Keys,
    pub(super) default_service_accounts: bool,
}

/// A running kube-apiserver (or several) and etcd. Dropping it stops everything and removes its files.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: clients of a server before the server, files last.
    controller_manager: Option<Process>,
    servers: Vec<ApiServer>,
    etcd: Process,
    etcd_url: String,
    settings: ServerSettings,
    assets: Assets,
    pki: Pki,
    default_service_accounts: bool,
    directory: TempDir,
}

impl ControlPlane {
    /// Says what kind of control plane; [`ControlPlaneBuilder::start`] starts it.
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }

    pub(super) async fn launch(parts: Parts) -> Result<Self, ControlPlaneError> {
        let Parts {
            assets,
            settings,
            keys,
            default_service_accounts,
        } = parts;
        let directory = tempfile::Builder::new()
            .prefix("control-plane-")
            .tempdir()
            .map_err(ControlPlaneError::io("creating a temporary directory"))?;
        let pki = Pki::generate()?;
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

    // Identities

    /// Writes a kubeconfig for a bearer token and returns its path.
    pub fn kubeconfig_for_token(&self, token: &str) -> Result<PathBuf, ControlPlaneError> {
        let path = self
            .directory
            .path()
            .join(format!("{:016x}.kubeconfig", rand::random::<u64>()));
        self.write_kubeconfig(&path, token)?;
        Ok(path)
    }

    /// A kubeconfig with a one-day token of a ServiceAccount for the API's own audience.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, ControlPlaneError> {
        let token = self.request_token(namespace, name, &[], ONE_DAY).await?;
        self.kubeconfig_for_token(&token)
    }

    /// A ServiceAccount token by TokenRequest, as the kubelet asks for one. `seconds` is at least 600.
    pub async fn token(
        &self,
        namespace: &str,
        service_account: &str,
        audience: &str,
        seconds: u32,
    ) -> Result<String, ControlPlaneError> {
        self.request_token(namespace, service_account, &[audience], seconds)
            .await
    }

    async fn request_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[&str],
        seconds: u32,
    ) -> Result<String, ControlPlaneError> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": audiences, "expirationSeconds": seconds},
        });
        let answer = self.client()?.expect(Method::POST, &path, Some(&body)).await?;
        Ok(answer
            .pointer("/status/token")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned())
    }

    // Objects

    /// Creates a namespace, with its `default` ServiceAccount if the launcher makes those.
    pub async fn create_namespace(&self, name: &str) -> Result<(), ControlPlaneError> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.client()?
            .expect(Method::POST, "/api/v1/namespaces", Some(&body))
            .await?;
        if self.default_service_accounts {
            self.ensure_service_account(name, "default").await?;
        }
        Ok(())
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

    /// Runs kubectl as the administrator; an exit code other than 0 is in the output, not an error.
    pub async fn kubectl<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<KubectlOutput, ControlPlaneError> {
        self.kubectl_as(&self.kubeconfig(), arguments, None).await
    }

    /// Runs kubectl with another kubeconfig and, if given, text on its standard input.
    pub async fn kubectl_as<A: AsRef<OsStr>>(
        &self,
        kubeconfig: &Path,
        arguments: &[A],
        input: Option<&str>,
    ) -> Result<KubectlOutput, ControlPlaneError> {
        let cache = self.directory.path().join("kubectl");
        kubectl::run(&self.assets.kubectl, kubeconfig, &cache, arguments, input).await
    }

    /// `kubectl apply --server-side` of a file or, with `kustomize` true, of a kustomization directory.
    pub async fn apply_file(&self, path: &Path, kustomize: bool) -> Result<String, ControlPlaneError> {
        let option = if kustomize { "-k" } else { "-f" };
        self.apply(&[option, &path.display().to_string()], None).await
    }

    /// `kubectl apply --server-side` of YAML or JSON text.
    pub async fn apply_yaml(&self, yaml: &str) -> Result<String, ControlPlaneError> {
        self.apply(&["-f", "-"], Some(yaml)).await
    }

    async fn apply(&self, source: &[&str], input: Option<&str>) -> Result<String, ControlPlaneError> {
        let arguments: Vec<_> = ["apply", "--server-side", "--force-conflicts"]
            .iter()
            .chain(source)
            .copied()
            .collect();
        let output = self.kubectl_as(&self.kubeconfig(), &arguments, input).await?;
        if !output.success {
            return Err(ControlPlaneError::Kubectl {
                arguments: arguments.join(" "),
                stderr: output.stderr,
            });
        }
        self.ensure_default_service_accounts().await?;
        Ok(output.stdout)
    }

    // Servers

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

    /// Stops everything in order. Dropping does the same at once.
    pub async fn stop(mut self) {
        if let Some(process) = self.controller_manager.take() {
            process.stop().await;
        }
        for server in &mut self.servers {
            server.stop().await;
        }
    }

    // Audit

    /// Everything that the API servers have logged so far.
    pub async fn audit(&self) -> Result<AuditLog, ControlPlaneError> {
        self.audit_since(&AuditMark::default()).await
    }

    /// What the API servers have logged since `mark`.
    ///
    /// # Guarantees
    /// Requests answered before the call are in it: the log is written after the answer is sent, so a request of our
    /// own is made first and waited for in the log of every running server.
    pub async fn audit_since(&self, mark: &AuditMark) -> Result<AuditLog, ControlPlaneError> {
        self.settle_audit_logs().await?;
        let paths: Vec<_> = self.servers.iter().map(ApiServer::audit_log).collect();
        let log = AuditLog::read(paths.iter().map(PathBuf::as_path), mark)?;
        Ok(log.filter(|entry| !entry.uri.contains(SENTINEL)))
    }

    /// The present end of the audit logs.
    pub async fn mark(&self) -> Result<AuditMark, ControlPlaneError> {
        self.settle_audit_logs().await?;
        let ends = self.servers.iter().map(|server| {
            let path = server.audit_log();
            let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            (path, length)
        });
        Ok(AuditMark(ends.collect()))
    }

    async fn settle_audit_logs(&self) -> Result<(), ControlPlaneError> {
        if !self.settings.audit {
            return Ok(());
        }
        for server in self.servers.iter().filter(|server| server.is_running()) {
            let sentinel = format!("/version?{SENTINEL}={:016x}", rand::random::<u64>());
            server.client().get(&sentinel).await?;
            let path = server.audit_log();
            let started = Instant::now();
            let reading = || ControlPlaneError::io(format!("reading {}", path.display()));
            while !fs::read_to_string(&path).map_err(reading())?.contains(&sentinel) && started.elapsed() < AUDIT_LAG {
                tokio::time::sleep(Duration::from_millis(5)).await;
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

    fn write_kubeconfig(&self, path: &Path, token: &str) -> Result<(), ControlPlaneError> {
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

    /// What the ServiceAccount controller would do: pods without a ServiceAccount of their own need it.
    async fn ensure_default_service_accounts(&self) -> Result<(), ControlPlaneError> {
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
}

const SENTINEL: &str = "irsa-testkit-audit";
