#!/usr/bin/env bash
# Builds helm from pinned Go modules into the cache: build.sh v4 (or v3). The last line of standard output is its path; progress goes to
# standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"
major=${1:?v3 or v4?}
module="$here/$major"
[ -f "$module/go.mod" ] || { echo "build.sh: there is no helm $major (known: v3, v4)" >&2; exit 2; }
version=$(version_of "helm.sh/helm/$major" "$module/go.mod")

make() {
  local minor flags package
  # As its own Makefile: without a cluster Helm 3 takes the version of Kubernetes that it was built with.
  minor=$(version_of k8s.io/client-go "$module/go.mod" | cut -d . -f 2)
  flags="-X helm.sh/helm/$major/internal/version.version=$version"
  for package in pkg/chartutil pkg/lint/rules; do
    flags="$flags -X helm.sh/helm/$major/$package.k8sVersionMajor=1 -X helm.sh/helm/$major/$package.k8sVersionMinor=$minor"
  done
  go_build "$module" "helm.sh/helm/$major/cmd/helm" "$1" "$flags"
}

once "helm/helm-$version-$platform" "helm $version" "two minutes" make
