//! A cluster that Flux keeps as `deploy/` says: a copy of it is the repository of the people whose cluster it is.

use std::{fs, path::Path, process::Command, time::Duration};

use irsa_testkit::controlplane::{SigningKey, process::Process};
use irsa_tests::world::{
    ISSUER, Kubelet, Operator, World,
    objects::{condition, says},
    repository,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{artifacts::Artifacts, controller};

/// All Kustomizations of the samples, in their order.
pub(crate) const STEPS: [&str; 4] = ["irsa-anywhere", "irsa-federation", "irsa-bindings", "apps"];

/// Flux's own kind, and not that of kustomize.
pub(crate) const KUSTOMIZATIONS: &str = "kustomizations.kustomize.toolkit.fluxcd.io";

/// What `flux bootstrap` has made already in a cluster of Flux.
const BOOTSTRAPPED: &str = "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: https://git.example.com/platform/fleet.git, ref: {branch: main}}
";

pub(crate) struct Fleet {
    flux: Process,
    kubelet: Option<Kubelet>,
    artifacts: Artifacts,
    pub(crate) world: World,
    directory: tempfile::TempDir,
}

impl Fleet {
    /// Flux runs and has everything before it; the operator does not run, as if its image were still being pulled.
    pub(crate) async fn start(issuers: &[&str], changed: impl FnOnce(&Self)) -> Self {
        let world = World::start_empty_with_controller_manager(issuers, SigningKey::generate_ec_p256().unwrap())
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let flux = controller::start(&world.cluster, directory.path()).await;
        let fleet = Self {
            flux,
            kubelet: None,
            artifacts: Artifacts::start().await,
            world,
            directory,
        };
        let copied = Command::new("cp")
            .arg("-r")
            .args([repository().join("deploy"), fleet.directory.path().join("fleet")])
            .status();
        assert!(copied.unwrap().success());
        changed(&fleet);
        let cluster = &fleet.world.cluster;
        cluster.apply_yaml(BOOTSTRAPPED).await.unwrap();
        let entry = fleet.directory.path().join("fleet/flux/cluster");
        cluster.apply_file(&entry, true).await.unwrap();
        let of_ours = ["config", "crds", "charts"];
        fleet
            .artifacts
            .publish(cluster, "irsa-anywhere", &repository(), &of_ours)
            .await;
        fleet.publish().await;
        fleet
    }

    /// Everything is applied and ready.
    pub(crate) async fn ready(changed: impl FnOnce(&Self)) -> Self {
        let mut fleet = Self::start(&[ISSUER], changed).await;
        fleet.start_operator().await;
        for step in STEPS {
            fleet
                .becomes(step, "Ready=True", |step| says(step, "Ready", "True"))
                .await;
        }
        fleet
    }

    /// The operator's pods run, and every pod from now on.
    pub(crate) async fn start_operator(&mut self) {
        let applied = ("deployment", "irsa-anywhere-system", "irsa-anywhere");
        self.world
            .wait_for("Flux to apply it", applied, |_| true)
            .await
            .unwrap();
        self.world.start_operator().await.unwrap();
        let client = self.world.cluster.client().unwrap().clone();
        self.kubelet.get_or_insert_with(|| Kubelet::start(client));
    }

    /// A file of the fleet's repository.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join("fleet").join(path)
    }

    /// A commit to the fleet's repository, as Flux sees it.
    pub(crate) async fn publish(&self) {
        self.artifacts
            .publish(&self.world.cluster, "flux-system", Path::new(&self.path("")), &["."])
            .await;
    }

    pub(crate) async fn step(&self, name: &str) -> Option<Value> {
        self.world.get(KUSTOMIZATIONS, "flux-system", name).await.unwrap()
    }

    /// Waits until a Kustomization is as wanted, for three minutes.
    pub(crate) async fn becomes(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_mins(3);
        loop {
            let found = self.step(name).await;
            match found {
                Some(step) if wanted(&step) => return step,
                found if Instant::now() > deadline => panic!(
                    "{name}: waited for {what}\n{:#}\n\nkustomize-controller:\n{}\n\noperator:\n{}",
                    found.unwrap_or_default()["status"],
                    self.flux.tail(),
                    self.world
                        .operator()
                        .map_or_else(|problem| problem.to_string(), Operator::log_tail),
                ),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Deletes a step, as Flux does where its file is gone.
    pub(crate) async fn delete(&self, name: &str) {
        let arguments = ["delete", KUSTOMIZATIONS, name, "-n", "flux-system", "--wait=false"];
        self.world.kubectl(&arguments).await.unwrap();
    }

    /// Has Flux reconcile a step, and waits until it has.
    pub(crate) async fn reconcile(&self, name: &str, value: &str) {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={value}");
        let arguments = [
            "annotate",
            "--overwrite",
            KUSTOMIZATIONS,
            name,
            "-n",
            "flux-system",
            &annotation,
        ];
        self.world.kubectl(&arguments).await.unwrap();
        let handled = |step: &Value| step["status"]["lastHandledReconcileAt"] == value && says(step, "Ready", "True");
        self.becomes(name, "the request to be handled", handled).await;
    }
}

/// The message of a condition.
pub(crate) fn message<'a>(object: &'a Value, kind: &str) -> &'a str {
    condition(object, kind)
        .and_then(|condition| condition["message"].as_str())
        .unwrap_or_default()
}

/// Waits for a step before it.
pub(crate) fn is_held_back(step: &Value) -> bool {
    says(step, "Ready", "DependencyNotReady")
}
