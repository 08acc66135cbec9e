//! What is in it, and what it says of itself.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use irsa_tests::world::repository;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};

use super::{LIMIT, architecture, blob, json as read, root, unpacked};

/// Every path below a directory with its mode and its size, directories with a slash.
fn tree(directory: &Path, below: &str, found: &mut Vec<(String, u32, u64)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let status = fs::symlink_metadata(entry.path()).unwrap();
        assert!(!status.is_symlink(), "{}", entry.path().display());
        let slash = if status.is_dir() { "/" } else { "" };
        let path = format!("{below}{}{slash}", entry.file_name().to_string_lossy());
        let size = if status.is_dir() { 0 } else { status.len() };
        found.push((path.clone(), status.permissions().mode() & 0o7777, size));
        if status.is_dir() {
            tree(&entry.path(), &path, found);
        }
    }
}

#[test]
fn it_has_both_programs_the_authorities_and_nothing_else() {
    let mut found = Vec::new();
    tree(&root(), "/", &mut found);
    found.sort();
    let listed: Vec<(&str, u32)> = found.iter().map(|(path, mode, _)| (path.as_str(), *mode)).collect();
    let expected = [
        ("/etc/", 0o755),
        ("/etc/ssl/", 0o755),
        ("/etc/ssl/certs/", 0o755),
        ("/etc/ssl/certs/ca-certificates.crt", 0o644),
        ("/irsa-anywhere", 0o755),
        ("/irsa-anywhere-webhook", 0o755),
    ];
    assert_eq!(listed, expected);
    let size: u64 = found.iter().map(|(.., size)| size).sum();
    println!("{} KiB unpacked", size >> 10);
    assert!(size < LIMIT, "{size} bytes");

    let authorities = root().join("etc/ssl/certs/ca-certificates.crt");
    let authorities: Result<Vec<_>, _> = CertificateDer::pem_file_iter(authorities).unwrap().collect();
    // Mozilla trusts about 120.
    assert!(authorities.unwrap().len() > 100);
}

#[test]
fn it_runs_as_the_user_of_the_manifests_and_says_what_it_is_made_of() {
    let config = read(&unpacked().join("config.json"));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/irsa-anywhere"]));
    assert_eq!(config["os"], "linux");
    assert_eq!(config["architecture"], architecture());

    for file in ["config/manager/deployment.yaml", "config/webhook/deployment.yaml"] {
        let deployment: Value = serde_saphyr::from_str(&fs::read_to_string(repository().join(file)).unwrap()).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let user = |field: &str| pod["securityContext"][field].as_u64().unwrap();
        assert_eq!(
            format!("{}:{}", user("runAsUser"), user("runAsGroup")),
            "65532:65532",
            "{file}"
        );
        if let Some(program) = pod["containers"][0]["command"][0].as_str() {
            assert!(
                root().join(program.trim_start_matches('/')).is_file(),
                "{file}: {program}"
            );
        }
    }

    let label = |name: &str| {
        let label = &config["config"]["Labels"][format!("org.opencontainers.image.{name}")];
        label.as_str().unwrap_or_else(|| panic!("no label {name}")).to_owned()
    };
    assert_eq!(label("version").trim_end_matches("-dirty"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    // The name of the image is made of the same two.
    let name = fs::read_to_string(repository().join("dist/image.txt")).unwrap();
    let source = label("source");
    let owner_and_name = source.strip_prefix("https://github.com/").unwrap();
    assert!(name.starts_with(&format!("ghcr.io/{owner_and_name}:")), "{name}");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(repository())
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(
        label("revision").trim_end_matches("-dirty"),
        git(&["rev-parse", "HEAD"])
    );
    let created: jiff::Timestamp = label("created").parse().unwrap();
    assert_eq!(created.as_second().to_string(), git(&["log", "-1", "--format=%ct"]));
    assert_eq!(config["created"], label("created"));
}

#[test]
fn its_layout_has_one_index_with_a_platform_each() {
    let layout = repository().join("dist/image");
    assert_eq!(read(&layout.join("oci-layout")), json!({"imageLayoutVersion": "1.0.0"}));
    let outer = read(&layout.join("index.json"));
    let [index] = outer["manifests"].as_array().unwrap().as_slice() else {
        panic!("{outer}");
    };
    let tag = index["annotations"]["org.opencontainers.image.ref.name"]
        .as_str()
        .unwrap();
    assert_eq!(
        tag.trim_end_matches("-dirty"),
        format!("v{}", env!("CARGO_PKG_VERSION"))
    );
    let images = blob(&index["digest"])["manifests"].clone();
    assert!(!images.as_array().unwrap().is_empty());
    for image in images.as_array().unwrap() {
        let manifest = blob(&image["digest"]);
        let config = blob(&manifest["config"]["digest"]);
        assert_eq!(image["platform"]["os"], config["os"]);
        assert_eq!(image["platform"]["architecture"], config["architecture"]);
        let layers = manifest["layers"].as_array().unwrap();
        let packed: u64 = layers.iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
        println!("{}: {} KiB packed", config["architecture"], packed >> 10);
        assert!(packed < LIMIT);
    }
}

#[test]
fn the_dockerfile_makes_the_same_image() {
    let dockerfile = fs::read_to_string(repository().join("Dockerfile")).unwrap();
    let (_, last) = dockerfile.rsplit_once("FROM scratch\n").unwrap();
    let config = read(&unpacked().join("config.json"));
    let [user, entrypoint, directory] =
        ["User", "Entrypoint", "WorkingDir"].map(|field| config["config"][field].clone());
    let expected = [
        "COPY --from=build /ca-certificates.crt /etc/ssl/certs/ca-certificates.crt".to_owned(),
        "COPY --from=build /irsa-anywhere /irsa-anywhere-webhook /".to_owned(),
        format!("USER {}", user.as_str().unwrap()),
        format!("WORKDIR {}", directory.as_str().unwrap()),
        format!("ENTRYPOINT {entrypoint}"),
    ];
    assert_eq!(last.lines().collect::<Vec<_>>(), expected);
}
