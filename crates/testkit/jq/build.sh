#!/usr/bin/env bash
# Builds gojq, a jq, from pinned Go modules into the cache, and prints its path: the commands of the pages use jq, and not every machine has one.
set -euo pipefail

module=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's/.*github.com\/itchyny\/gojq \(v[0-9.]*\).*/\1/p' "$module/go.mod" | head -n 1)
directory=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/jq
target="$directory/gojq-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
if [ ! -x "$target" ]; then
  command -v go >/dev/null 2>&1 || { echo "jq: Go >= 1.26 is needed to build gojq $version" >&2; exit 1; }
  mkdir -p "$directory"
  echo "jq: building gojq $version" >&2
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice go build -trimpath -ldflags "-s -w" -o "$target.partial.$$" github.com/itchyny/gojq/cmd/gojq)
  mv "$target.partial.$$" "$target"
fi
echo "$target"
