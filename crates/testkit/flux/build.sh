#!/usr/bin/env bash
# Builds Flux's kustomize-controller from pinned Go modules into the cache. The last line of standard output is its path; progress goes to
# standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module="$here/kustomize-controller"
package=github.com/fluxcd/kustomize-controller
version=$(sed -n "s#^\t\{0,1\}\(require \)\{0,1\}$package \(v[0-9.]*\).*#\2#p" "$module/go.mod" | head -n 1)
directory=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/flux
target="$directory/kustomize-controller-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
if [ -x "$target" ]; then
  echo "$target"
  exit 0
fi
command -v go >/dev/null 2>&1 || { echo "flux: Go >= 1.26 is needed to build kustomize-controller $version" >&2; exit 1; }
mkdir -p "$directory"
# Two test runs may want it at the same moment: one builds, the other waits and finds it.
exec 9>"$directory/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if [ ! -x "$target" ]; then
  echo "flux: building kustomize-controller $version (three to five minutes on two cores)" >&2
  started=$(date +%s)
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w" -o "$target.partial" "$package")
  mv "$target.partial" "$target"
  echo "flux: kustomize-controller $version built in $(($(date +%s) - started)) s" >&2
fi
echo "$target"
