#!/usr/bin/env bash
# Installs the programs that `make clients` runs as pods, at their pinned versions, into a cache that neither `cargo clean` nor a
# fresh checkout removes. Prints their directory.
set -euo pipefail
cd "$(dirname "$0")/.."

for command in go node npm unshare; do
  if ! command -v "$command" >/dev/null 2>&1; then
    case $command in
      go) need="Go >= 1.26 (https://go.dev/dl)" ;;
      unshare) need="unshare of util-linux, so Linux: the programs run in a network namespace of their own" ;;
      *) need="Node.js >= 20 with npm (Debian: apt-get install nodejs npm)" ;;
    esac
    echo "clients: $command is missing; make clients needs $need" >&2
    exit 1
  fi
done

cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
clients=$cache/clients
mkdir -p "$clients"
exec 9>"$clients/.lock"
flock 9

# What is installed is installed again when what it is made of changes.
stamped() { cmp -s <(cat "${@:2}") "$1"; }

crates/testkit/python/venv.sh clients >/dev/null
if ! stamped "$clients/node/.stamp" tests/clients/node/package-lock.json; then
  echo "clients: installing the AWS SDK for JavaScript" >&2
  rm -rf "$clients/node"
  mkdir -p "$clients/node"
  cp tests/clients/node/package.json tests/clients/node/package-lock.json "$clients/node/"
  (cd "$clients/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  cp tests/clients/node/package-lock.json "$clients/node/.stamp"
fi
cp tests/clients/node/list.mjs "$clients/node/"
if ! stamped "$clients/go.stamp" tests/clients/go/go.mod tests/clients/go/go.sum tests/clients/go/main.go; then
  echo "clients: building with the AWS SDK for Go" >&2
  (cd tests/clients/go && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -o "$clients/list_with_go" .)
  cat tests/clients/go/go.mod tests/clients/go/go.sum tests/clients/go/main.go > "$clients/go.stamp"
fi
echo "$clients"
