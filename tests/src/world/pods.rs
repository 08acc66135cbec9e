//! Pods: what admission made of one, the token that the kubelet would mount, and programs that use both.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use irsa_testkit::aws::Entry;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Problem, REGION, World, repository};

/// How many pods are made, a tenth of a second apart, until admission knows their ServiceAccount.
const ADMISSION_LAG_ATTEMPTS: u32 = 100;

/// What a pod has to show to AWS.
#[derive(Debug)]
pub struct PodIdentity {
    /// The pod as admission left it.
    pub pod: Value,
    /// `AWS_ROLE_ARN` of its container.
    pub role_arn: String,
    /// The audience of the injected token volume.
    pub audience: String,
    /// The lifetime of the injected token volume, in seconds.
    pub expiration_seconds: u32,
    /// A token with exactly that audience and lifetime, as the kubelet would ask for it.
    pub token: String,
    token_file: NamedTempFile,
}

impl PodIdentity {
    /// Where the token is, outside the pod.
    pub fn token_file(&self) -> &Path {
        self.token_file.path()
    }

    /// The same identity showing another token.
    ///
    /// # Errors
    /// When the token file cannot be written.
    pub fn showing(&self, token: &str) -> Result<Self, Problem> {
        Ok(Self {
            pod: self.pod.clone(),
            role_arn: self.role_arn.clone(),
            audience: self.audience.clone(),
            expiration_seconds: self.expiration_seconds,
            token: token.to_owned(),
            token_file: file_with(token)?,
        })
    }
}

impl PodIdentity {
    /// The pod's name.
    pub fn name(&self) -> &str {
        self.pod
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The variables that admission gave to the pod's container, as the kubelet fills them in; the token file is where it is
    /// outside the pod.
    pub fn variables(&self) -> Vec<(String, String)> {
        let list = self.pod.pointer("/spec/containers/0/env").and_then(Value::as_array);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let resolved = |variable: &Value| match variable
            .pointer("/valueFrom/fieldRef/fieldPath")
            .and_then(Value::as_str)
        {
            Some(field) => text(self.pod.pointer(&format!("/{}", field.replace('.', "/")))),
            None => text(variable.get("value")),
        };
        list.into_iter()
            .flatten()
            .map(|variable| match text(variable.get("name")) {
                name if name == "AWS_WEB_IDENTITY_TOKEN_FILE" => (name, self.token_file().display().to_string()),
                name => (name, resolved(variable)),
            })
            .collect()
    }
}

/// A variable of a pod's first container.
pub fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod.pointer("/spec/containers/0/env")?
        .as_array()?
        .iter()
        .find(|variable| variable.get("name").and_then(Value::as_str) == Some(name))?
        .get("value")?
        .as_str()
}

fn file_with(token: &str) -> Result<NamedTempFile, Problem> {
    let mut file = NamedTempFile::new()?;
    file.write_all(token.as_bytes())?;
    file.flush()?;
    Ok(file)
}

impl World {
    /// A plain pod of a ServiceAccount, created for real, as it comes back.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn create_pod(&self, namespace: &str, service_account: &str) -> Result<Value, Problem> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": format!("{service_account}-")},
            "spec": {"serviceAccountName": service_account, "containers": [{"name": "app", "image": "app"}]},
        });
        let reply = self
            .cluster
            .client()?
            .post(&format!("/api/v1/namespaces/{namespace}/pods"), &pod)
            .await?;
        if reply.is_success() {
            Ok(reply.body)
        } else {
            Err(reply.message().into())
        }
    }

    /// A new pod of a bound ServiceAccount, with its role. Admission learns of a ServiceAccount by a watch of its own, which may lag behind
    /// the binding's `Ready` (docs/injection.md): a pod that was too early is followed by another, for ten seconds.
    ///
    /// # Errors
    /// When all of them come back without a role.
    pub async fn injected_pod(&self, namespace: &str, service_account: &str) -> Result<Value, Problem> {
        for _ in 0..ADMISSION_LAG_ATTEMPTS {
            let pod = self.create_pod(namespace, service_account).await?;
            if variable(&pod, "AWS_ROLE_ARN").is_some() {
                return Ok(pod);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("pods have no AWS_ROLE_ARN".into())
    }

    /// The identity of a new pod of a bound ServiceAccount.
    ///
    /// # Errors
    /// When pods come back without variables or volume, or no token is to be had.
    pub async fn pod_identity(&self, namespace: &str, service_account: &str) -> Result<PodIdentity, Problem> {
        let pod = self.injected_pod(namespace, service_account).await?;
        let role_arn = variable(&pod, "AWS_ROLE_ARN")
            .ok_or("the pod has no AWS_ROLE_ARN")?
            .to_owned();
        let token_path = variable(&pod, "AWS_WEB_IDENTITY_TOKEN_FILE").ok_or("the pod has no token file")?;
        let source = token_source(&pod, token_path).ok_or("the token file is on no injected volume")?;
        let audience = source
            .get("audience")
            .and_then(Value::as_str)
            .ok_or("the volume has no audience")?
            .to_owned();
        let expiration_seconds = source
            .get("expirationSeconds")
            .and_then(Value::as_u64)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .ok_or("the volume has no expiration")?;
        let token = self
            .cluster
            .token(namespace, service_account, &audience, expiration_seconds)
            .await?;
        let token_file = file_with(&token)?;
        Ok(PodIdentity {
            pod,
            role_arn,
            audience,
            expiration_seconds,
            token,
            token_file,
        })
    }

    /// What pods asked of AWS: calls for a role by a token, and calls of such sessions.
    pub fn calls_of_pods(&self) -> Vec<Entry> {
        let by_a_session = |entry: &Entry| {
            entry
                .caller
                .as_deref()
                .is_some_and(|caller| caller.contains(":assumed-role/irsa-"))
        };
        let mut calls = self.aws.requests();
        calls.retain(|entry| entry.operation == "sts:AssumeRoleWithWebIdentity" || by_a_session(entry));
        calls
    }

    /// Lists a bucket with an unmodified boto3 that knows nothing but the variables of a pod. Its answer as JSON
    /// (`arn`, `keys`), or what it says went wrong.
    ///
    /// # Errors
    /// When boto3 cannot be run at all.
    pub fn boto3_lists(&self, identity: &PodIdentity, bucket: &str) -> Result<Result<Value, String>, Problem> {
        let output = Command::new(python()?)
            .arg(repository().join("tests/python/list_bucket.py"))
            .arg(bucket)
            .env_clear()
            .envs(self.aws.env_without_credentials(REGION))
            .env_remove("AWS_REGION")
            .env_remove("AWS_DEFAULT_REGION")
            .envs(identity.variables())
            .stderr(Stdio::inherit())
            .output()?;
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        Ok(match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        })
    }
}

/// What anybody on the Internet is answered.
impl World {
    /// The HTTP status of an anonymous GET of each URL, redirects not followed.
    ///
    /// # Errors
    /// When Python cannot be run, or a URL cannot be reached at all.
    pub fn anonymous_statuses(&self, urls: &[String]) -> Result<Vec<u16>, Problem> {
        let output = Command::new("python3")
            .arg(repository().join("tests/python/status.py"))
            .args(urls)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.aws.env_without_credentials(REGION))
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err("an anonymous GET failed".into());
        }
        let statuses = String::from_utf8(output.stdout)?;
        Ok(statuses.lines().map(str::parse).collect::<Result<_, _>>()?)
    }
}

/// The projected token that is mounted where the variable says.
fn token_source<'a>(pod: &'a Value, token_path: &str) -> Option<&'a Value> {
    let list = |object: &'a Value, path: &str| object.pointer(path).and_then(Value::as_array);
    let mount = list(pod, "/spec/containers/0/volumeMounts")?.iter().find(|mount| {
        mount
            .get("mountPath")
            .and_then(Value::as_str)
            .is_some_and(|path| token_path.starts_with(&format!("{path}/")))
    })?;
    let volume = list(pod, "/spec/volumes")?
        .iter()
        .find(|volume| volume.get("name") == mount.get("name"))?;
    list(volume, "/projected/sources")?
        .iter()
        .find_map(|source| source.get("serviceAccountToken"))
}

/// The interpreter that has boto3; its environment is made on first use.
fn python() -> Result<PathBuf, Problem> {
    let output = Command::new(repository().join("crates/testkit/python/venv.sh"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("there is no Python environment with boto3".into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
