//! What the suites of Flux and of Argo CD share: the samples of `deploy/`, and the kinds of the tools.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use irsa_testkit::controlplane::ControlPlane;
use jiff::Timestamp;
use serde_json::Value;

use crate::world::{
    Problem, World,
    objects::{condition, says},
    pods::variable,
    repository,
};

/// A binding of the samples' team that the guard-rails of the federation refuse.
pub const REFUSED: &str = "
apiVersion: irsa-anywhere.dev/v1alpha1
kind: IamRoleBinding
metadata: {name: refunds, namespace: shop}
spec:
  serviceAccounts: [{name: refunds}]
  serviceAccountMode: Create
  policies: {managed: [AdministratorAccess]}
";

/// All YAML files below a directory of `deploy/` but those that kustomize reads itself.
///
/// # Errors
/// When one cannot be read.
pub fn samples(below: &str) -> Result<Vec<PathBuf>, Problem> {
    let (mut samples, mut left) = (Vec::new(), vec![repository().join("deploy").join(below)]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
            if path.is_dir() {
                left.push(path);
            } else if is_yaml && !path.ends_with("kustomization.yaml") {
                samples.push(path);
            }
        }
    }
    Ok(samples)
}

/// What the API server has against these objects, unknown fields included; nothing is stored.
///
/// # Errors
/// When kubectl cannot be run.
pub async fn refusal(cluster: &ControlPlane, yaml: &str) -> Result<Option<String>, Problem> {
    let arguments = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ];
    let taken = cluster
        .kubectl_as(&cluster.kubeconfig(), &arguments, Some(yaml))
        .await?;
    Ok((!taken.success).then_some(taken.stderr))
}

/// Installs the kinds of a directory, and waits until all that there are can be used.
///
/// # Errors
/// When they are not taken, or not established after a minute.
pub async fn install_kinds(cluster: &ControlPlane, directory: &Path) -> Result<(), Problem> {
    let is_kustomized = directory.join("kustomization.yaml").is_file();
    cluster.apply_file(directory, is_kustomized).await?;
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for _ in 0..600 {
        let kinds = cluster.client()?.get(path).await?.body;
        let kinds = kinds.get("items").and_then(Value::as_array);
        if kinds.is_some_and(|kinds| kinds.iter().all(|kind| says(kind, "Established", "True"))) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("the kinds of {} are not established", directory.display()).into())
}

/// Since when an object is ready, to the second.
///
/// # Errors
/// When it does not say.
pub fn ready_since(object: &Value) -> Result<Timestamp, Problem> {
    let ready = condition(object, "Ready").and_then(|ready| ready.get("lastTransitionTime"));
    Ok(ready.and_then(Value::as_str).ok_or("never Ready")?.parse()?)
}

/// Whether the one pod of the samples' team has the role of its binding, which its token may assume.
///
/// # Errors
/// What is not so.
pub async fn the_pod_has_its_role(world: &World, binding: &Value) -> Result<(), Problem> {
    let pods = world.kubectl(&["get", "pods", "-n", "shop", "-o", "json"]).await?;
    let pods: Value = serde_json::from_str(&pods)?;
    let [pod] = pods
        .get("items")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
    else {
        return Err(format!("not one pod: {pods:#}").into());
    };
    let role = binding.pointer("/status/roleArn").and_then(Value::as_str);
    let role = role.ok_or("a binding without a role")?;
    if variable(pod, "AWS_ROLE_ARN") != Some(role) {
        return Err(format!("not {role}: {pod:#}").into());
    }
    let token = world
        .cluster
        .token("shop", "checkout", "sts.amazonaws.com", 3600)
        .await?;
    world.assume(role, &token).await?;
    Ok(())
}
