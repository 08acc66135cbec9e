#!/usr/bin/env bash
# Builds gojq, a jq, from pinned Go modules into the cache, and prints its path: the commands of the pages use jq, and not every machine has one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=crates/testkit/cache.sh
. "$here/../cache.sh"
version=$(version_of github.com/itchyny/gojq "$here/go.mod")

make() { go_build "$here" github.com/itchyny/gojq/cmd/gojq "$1"; }

once "jq/gojq-$version-$platform" "gojq $version" "half a minute" make
