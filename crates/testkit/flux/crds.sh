#!/usr/bin/env bash
# Brings the CRDs of Flux into the cache, from pinned Go modules. The last line of standard output is the directory; progress goes to standard
# error. The kind HelmRelease has no file in a module that is published, so its CRD is made from its types.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"
pinned=$(cat "$here/modules" "$here/helmrelease/go.mod" | sha256sum | cut -c 1-12)

make() {
  local module version sum files downloaded
  mkdir -p "$1"
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
    (cd "$(field Dir)" && install -m 644 $files "$1/")
  done <"$here/modules"
  (cd "$here/helmrelease" && GOFLAGS=-mod=readonly go tool controller-gen crd paths=github.com/fluxcd/helm-controller/api/v2 output:crd:dir="$1")
}

once "flux/crds-$pinned" "the CRDs of Flux" "a minute" make
