#!/usr/bin/env bash
# Says at once, in one sentence each, which prerequisite is missing. Everything else is installed by the project.
set -euo pipefail

missing=0
lack() {
  echo "prerequisites: $1" >&2
  missing=1
}

command -v cargo >/dev/null 2>&1 || lack "Rust is missing: install rustup (rust-toolchain.toml then picks the version)."
command -v cc >/dev/null 2>&1 || lack "A C compiler is missing: install gcc or clang (Debian: apt-get install build-essential)."

# Archives of envtest have no kube-controller-manager.
for binary in etcd kubectl kube-apiserver kube-controller-manager; do
  [ -x "${KUBEBUILDER_ASSETS:-}/$binary" ] || to_build="${to_build:-}${to_build:+, }$binary"
done
if [ -n "${to_build:-}" ]; then
  if ! command -v go >/dev/null 2>&1; then
    lack "Go >= 1.26 is missing: it builds $to_build for the tests (or set KUBEBUILDER_ASSETS to a directory that has them)."
  elif [ "$(printf '%s\n1.26\n' "$(go env GOVERSION | sed 's/^go//')" | sort -V | head -n 1)" != "1.26" ]; then
    lack "Go >= 1.26 is needed to build $to_build for the tests, found $(go env GOVERSION) (or set KUBEBUILDER_ASSETS to a directory that has them)."
  fi
fi

if ! command -v python3 >/dev/null 2>&1; then
  lack "Python 3 with venv is missing: it runs the boto3 tests (Debian: apt-get install python3-venv)."
elif ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
  lack "Python 3 lacks venv: install it (Debian: apt-get install python3-venv)."
fi

exit "$missing"
