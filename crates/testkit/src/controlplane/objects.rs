//! Kubeconfigs, tokens and objects in a running control plane.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use http::Method;
use serde_json::{Value, json};

use super::{ApiProxy, ControlPlane, ControlPlaneError, KubectlOutput, files, kubectl};

const ONE_DAY: u32 = 86_400;

impl ControlPlane {
    /// Writes a kubeconfig for a bearer token and returns its path.
    pub fn kubeconfig_for_token(&self, token: &str) -> Result<PathBuf, ControlPlaneError> {
        let path = self
            .directory
            .path()
            .join(format!("{:016x}.kubeconfig", rand::random::<u64>()));
        self.write_kubeconfig(&path, token)?;
        Ok(path)
    }

    /// The same by way of a proxy.
    pub fn kubeconfig_through(&self, proxy: &ApiProxy, token: &str) -> Result<PathBuf, ControlPlaneError> {
        let path = self.kubeconfig_for_token(token)?;
        let url = format!("https://{}", proxy.address());
        files::write(&path, &files::kubeconfig(&url, self.ca_pem(), token))?;
        Ok(path)
    }

    /// A kubeconfig with a one-day token of a ServiceAccount for the API's own audience.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, ControlPlaneError> {
        let token = self.api_token(namespace, name).await?;
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

    /// The same for the API server itself, as every pod gets it.
    pub async fn api_token(&self, namespace: &str, service_account: &str) -> Result<String, ControlPlaneError> {
        self.request_token(namespace, service_account, &[], ONE_DAY).await
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
}
