#!/usr/bin/env bash
# Builds Flux's kustomize-controller from pinned Go modules into the cache. The last line of standard output is its path; progress goes to
# standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"
module="$here/kustomize-controller"
package=github.com/fluxcd/kustomize-controller
version=$(version_of "$package" "$module/go.mod")

make() { go_build "$module" "$package" "$1"; }

once "flux/kustomize-controller-$version-$platform" "kustomize-controller $version" "three to five minutes" make
