#!/usr/bin/env bash
# Builds Argo CD's own program but for one address, kustomize, which it calls, and a Redis for its caches from pinned Go modules into the cache,
# with what the module carries of its installation. The last line of standard output is the directory; progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"
package=github.com/argoproj/argo-cd/v3
version=$(version_of "$package" "$here/go.mod")
pinned=$(cat "$here/go.mod" "$here/go.sum" "$here/redis/main.go" "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-12)

make() {
  local module name
  command -v git >/dev/null 2>&1 || { echo "argocd: git is needed for its repositories" >&2; return 1; }
  (cd "$here" && GOFLAGS=-mod=readonly go mod download "$package")
  module=$(cd "$here" && GOFLAGS=-mod=readonly go list -m -f '{{.Dir}}' "$package")
  mkdir -p "$1/bin" "$1/manifests"
  go_build "$here" ./redis "$1/bin/redis"
  go_build "$here" sigs.k8s.io/kustomize/kustomize/v5 "$1/bin/kustomize"
  # The controller's metrics would be served on every interface, whatever its flags say.
  cp -R "$module" "$1/source"
  chmod -R u+w "$1/source"
  sed -i 's/"0\.0\.0\.0:%d"/"127.0.0.1:%d"/' "$1/source/controller/appcontroller.go"
  if cmp -s "$module/controller/appcontroller.go" "$1/source/controller/appcontroller.go"; then
    echo "argocd: where are the metrics served?" >&2
    return 1
  fi
  cp "$here/go.mod" "$1/beside.mod"
  cp "$here/go.sum" "$1/beside.sum"
  go mod edit -replace="$package=$1/source" "$1/beside.mod"
  modfile=$1/beside.mod go_build "$here" "$package/cmd" "$1/bin/argocd" "-X $package/common.version=${version#v}"
  rm -rf "$1/source" "$1"/beside.*
  # It is what it is called.
  for name in application-controller repo-server; do ln -s argocd "$1/bin/argocd-$name"; done
  local manifests=$module/manifests
  cp -R "$manifests/crds" "$manifests/base/config" "$manifests/base/application-controller-roles" "$manifests/cluster-rbac/application-controller" \
    "$1/manifests/"
  chmod -R u+w "$1/manifests"
}

once "argocd/argocd-$version-$platform-$pinned" "Argo CD $version" "ten minutes" make
