//! The samples of `deploy/`: what each names is there, and they stand in one order.

use std::{fs, path::Path};

use irsa_tests::world::repository;
use serde_json::Value;

const IMAGE: &str = "registry.example.com/platform/irsa-anywhere";

fn documents(path: &str) -> Vec<Value> {
    let text =
        fs::read_to_string(repository().join("deploy").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let documents = text.split("\n---\n").map(serde_saphyr::from_str);
    documents
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn of_kind(path: &str, kind: &str) -> Value {
    let found = documents(path).into_iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("{path} has no {kind}"))
}

/// What a directory's kustomization lists, in its order.
fn listed(directory: &str) -> Vec<String> {
    let kustomization = of_kind(&format!("{directory}/kustomization.yaml"), "Kustomization");
    let resources = kustomization["resources"].as_array().unwrap();
    resources.iter().map(|file| file.as_str().unwrap().to_owned()).collect()
}

/// A path of somebody's repository, which `deploy/` is a sample of, or of ours.
fn is_there(own: bool, path: &str) -> bool {
    let root = if own { repository().join("deploy") } else { repository() };
    let path = root.join(Path::new(path.trim_start_matches("./")));
    path.join("kustomization.yaml").is_file() || path.join("Chart.yaml").is_file()
}

#[test]
fn each_kustomization_of_flux_depends_on_the_one_before_it() {
    let mut before: Option<String> = None;
    for file in listed("flux/cluster") {
        let step = of_kind(&format!("flux/cluster/{file}"), "Kustomization");
        let (name, spec) = (step["metadata"]["name"].as_str().unwrap(), &step["spec"]);
        assert_eq!(file, format!("{name}.yaml"));
        assert_eq!(spec["dependsOn"][0]["name"].as_str(), before.as_deref(), "{name}");
        assert_eq!(spec["wait"], true, "{name}");
        assert!(spec["retryInterval"].is_string(), "{name}");
        let keeps = ["irsa-anywhere", "irsa-federation"].contains(&name);
        assert_eq!(spec["prune"], !keeps, "{name}");
        let own = spec["sourceRef"]["name"] == "flux-system";
        assert!(is_there(own, spec["path"].as_str().unwrap()), "{name}");
        before = Some(name.to_owned());
    }
    assert_eq!(before.as_deref(), Some("apps"));
    let bindings = of_kind("flux/cluster/irsa-bindings.yaml", "Kustomization");
    assert_eq!(bindings["spec"]["deletionPolicy"], "WaitForTermination");

    // By Helm it is another way to the same name.
    let by_helm = of_kind("flux/helm/irsa-anywhere.yaml", "Kustomization");
    assert_eq!(by_helm["metadata"]["name"], "irsa-anywhere");
    assert_eq!(
        (&by_helm["spec"]["wait"], &by_helm["spec"]["prune"]),
        (&true.into(), &false.into())
    );
    assert!(is_there(true, by_helm["spec"]["path"].as_str().unwrap()));
}

#[test]
fn each_application_of_argo_cd_is_a_wave_after_the_one_before_it() {
    let root = of_kind("argocd/root.yaml", "Application");
    assert!(is_there(true, root["spec"]["source"]["path"].as_str().unwrap()));
    for (wave, file) in listed("argocd/applications").iter().enumerate() {
        let application = of_kind(&format!("argocd/applications/{file}"), "Application");
        let annotation = &application["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
        assert_eq!(annotation, &wave.to_string(), "{file}");
        let source = &application["spec"]["source"];
        let own = source["repoURL"] == root["spec"]["source"]["repoURL"];
        assert_eq!(own, wave > 0, "{file}");
        assert!(is_there(own, source["path"].as_str().unwrap()), "{file}");
        let prunes = &application["spec"]["syncPolicy"]["automated"]["prune"];
        assert_eq!(prunes, wave > 1, "{file}");
        assert_eq!(application["metadata"].get("finalizers"), None, "{file}");
    }
    // The same four steps as Flux takes.
    assert_eq!(listed("argocd/applications"), listed("flux/cluster"));
}

#[test]
fn an_application_is_as_healthy_as_it_says_and_not_before_it_says_anything() {
    let patch = of_kind("argocd/argocd-cm.yaml", "ConfigMap");
    let data = patch["data"].as_object().unwrap();
    let [(key, script)] = data.iter().collect::<Vec<_>>()[..] else {
        panic!("{data:?}")
    };
    assert_eq!(key, "resource.customizations.health.argoproj.io_Application");
    let rows = [
        (serde_json::json!({}), "Progressing"),
        (serde_json::json!({"status": {}}), "Progressing"),
        (serde_json::json!({"status": {"health": {}}}), "Progressing"),
        (serde_json::json!({"status": {"health": {"status": ""}}}), "Progressing"),
        (
            serde_json::json!({"status": {"health": {"status": "Missing"}}}),
            "Missing",
        ),
        (
            serde_json::json!({"status": {"health": {"status": "Degraded", "message": "no"}}}),
            "Degraded",
        ),
        (
            serde_json::json!({"status": {"health": {"status": "Healthy"}}}),
            "Healthy",
        ),
    ];
    for (object, status) in rows {
        let found = irsa_tests::argocd::health(script.as_str().unwrap(), &object).unwrap();
        assert_eq!(found.status, status, "{object}");
    }
}

#[test]
fn the_samples_are_of_this_release() {
    let release = format!("v{}", env!("CARGO_PKG_VERSION"));
    for path in ["flux/cluster/irsa-anywhere.yaml", "flux/helm/irsa-anywhere.yaml"] {
        let source = of_kind(path, "GitRepository");
        assert_eq!(source["metadata"]["name"], "irsa-anywhere");
        assert_eq!(source["spec"]["ref"]["tag"], *release, "{path}");
    }
    let argo = of_kind("argocd/applications/irsa-anywhere.yaml", "Application");
    assert_eq!(argo["spec"]["source"]["targetRevision"], *release);
    assert_eq!(
        argo["spec"]["source"]["helm"]["valuesObject"]["image"]["repository"],
        IMAGE
    );
    let helm = of_kind("flux/helm/release/helmrelease.yaml", "HelmRelease");
    assert_eq!(helm["spec"]["values"]["image"]["repository"], IMAGE);

    // An entry of images that matches nothing is ignored without a word.
    let step = of_kind("flux/cluster/irsa-anywhere.yaml", "Kustomization");
    let image = &step["spec"]["images"][0];
    let manager = fs::read_to_string(repository().join("config/manager/kustomization.yaml")).unwrap();
    let manager: Value = serde_saphyr::from_str(&manager).unwrap();
    assert_eq!(image["name"], manager["images"][0]["newName"]);
    assert_eq!((&image["newName"], &image["newTag"]), (&IMAGE.into(), &release.into()));
}
