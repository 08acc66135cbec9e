#!/usr/bin/env bash
# Builds umoci and regctl from pinned Go modules into the cache: two that read images and are not ours. Prints their directory; progress
# goes to standard error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

command -v go >/dev/null 2>&1 || { echo "image: Go >= 1.26 is needed to build umoci and regctl" >&2; exit 1; }
tools=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/image-tools
mkdir -p "$tools"
exec 9>"$tools/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if ! cmp -s go.mod "$tools/.built" || [ ! -x "$tools/umoci" ] || [ ! -x "$tools/regctl" ]; then
  echo "image: building umoci and regctl (a minute on two cores, once)" >&2
  for package in github.com/opencontainers/umoci/cmd/umoci github.com/regclient/regclient/cmd/regctl; do
    CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w" -o "$tools/" "$package"
  done
  cp go.mod "$tools/.built"
fi
echo "$tools"
