# Builds a program of one file with kube-runtime from the registry, in a temporary folder that goes at exit; sourced by the findings about
# kube-runtime. Needs cargo; a minute on two cores.
#
# Sets kube (the version) and gives:
#   run_rust   what the program whose source comes in prints
kube=5.0.0
openapi=0.29.0

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
mkdir "$directory/src"
cat >"$directory/Cargo.toml" <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
kube = { version = "=$kube", default-features = false, features = ["runtime", "unstable-runtime"] }
k8s-openapi = { version = "=$openapi", features = ["v1_33"] }
tokio = { version = "1", features = ["macros", "rt", "time"] }
futures = "0.3"
TOML

run_rust() {
  cat >"$directory/src/main.rs"
  cargo run --quiet --manifest-path "$directory/Cargo.toml" --target-dir "$directory/target"
}
