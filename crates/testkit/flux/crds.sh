#!/usr/bin/env bash
# Brings the CRDs of Flux and Argo CD into the cache, from pinned Go modules. The last line of standard output is the directory; progress
# goes to standard error. The kind HelmRelease has no file in a module that is published, so its CRD is made from its types.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
directory=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/flux
pinned=$(cat "$here/modules" "$here/helmrelease/go.mod" | sha256sum | cut -c 1-12)
target="$directory/crds-$pinned"
if [ -d "$target" ]; then
  echo "$target"
  exit 0
fi
command -v go >/dev/null 2>&1 || { echo "flux: Go >= 1.26 is needed to get the CRDs of Flux and Argo CD" >&2; exit 1; }
mkdir -p "$directory"
# Two test runs may want them at the same moment: one gets them, the other waits and finds them.
exec 9>"$directory/.crds.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if [ ! -d "$target" ]; then
  echo "flux: getting the CRDs of Flux and Argo CD (a minute on two cores)" >&2
  partial="$target.partial"
  rm -rf "$partial"
  mkdir -p "$partial"
  while read -r module version sum files; do
    case $module in '#'*) continue ;; esac
    # Outside of a module: nothing of what these are built from is wanted.
    downloaded=$(cd / && GOFLAGS=-mod=mod go mod download -json "$module@$version")
    field() { sed -n "s#^\t\"$1\": \"\(.*\)\",\{0,1\}\$#\1#p" <<<"$downloaded"; }
    if [ "$(field Sum)" != "$sum" ]; then
      echo "flux: $module $version has the checksum $(field Sum) and not $sum" >&2
      exit 1
    fi
    # shellcheck disable=SC2086 # a pattern
    (cd "$(field Dir)" && install -m 644 $files "$partial/")
  done <"$here/modules"
  (cd "$here/helmrelease" && GOFLAGS=-mod=readonly go tool controller-gen crd paths=github.com/fluxcd/helm-controller/api/v2 output:crd:dir="$partial")
  mv "$partial" "$target"
fi
echo "$target"
