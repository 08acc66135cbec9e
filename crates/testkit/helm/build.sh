#!/usr/bin/env bash
# Builds helm from pinned Go modules into the cache: build.sh v4 (or v3). The last line of standard output is its path; progress goes to
# standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
major=${1:?v3 or v4?}
module="$here/$major"
[ -f "$module/go.mod" ] || { echo "build.sh: there is no helm $major (known: v3, v4)" >&2; exit 2; }
version=$(sed -n "s/^\t\{0,1\}\(require \)\{0,1\}helm.sh\/helm\/$major \(v[0-9.]*\).*/\2/p" "$module/go.mod" | head -n 1)
directory=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/helm
target="$directory/helm-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
if [ -x "$target" ]; then
  echo "$target"
  exit 0
fi
command -v go >/dev/null 2>&1 || { echo "helm: Go >= 1.26 is needed to build helm $version" >&2; exit 1; }
mkdir -p "$directory"
# Two test runs may want it at the same moment: one builds, the other waits and finds it.
exec 9>"$directory/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if [ ! -x "$target" ]; then
  echo "helm: building $version (two minutes on two cores)" >&2
  # As its own Makefile: without a cluster Helm 3 takes the version of Kubernetes that it was built with.
  minor=$(sed -n 's/^\tk8s.io\/client-go v0\.\([0-9]*\)\..*/\1/p' "$module/go.mod")
  flags="-s -w -X helm.sh/helm/$major/internal/version.version=$version"
  for package in pkg/chartutil pkg/lint/rules; do
    flags="$flags -X helm.sh/helm/$major/$package.k8sVersionMajor=1 -X helm.sh/helm/$major/$package.k8sVersionMinor=$minor"
  done
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "$flags" \
    -o "$target.partial" "helm.sh/helm/$major/cmd/helm")
  mv "$target.partial" "$target"
fi
echo "$target"
