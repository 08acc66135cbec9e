#!/usr/bin/env bash
# Checks dashboards/ by Grafana's own definition of a dashboard and Prometheus's own parser (hack/dashboard); with --path it only prints
# where the program is that does so.
#
# It is built from pinned Go modules, again when they or its source change, into a cache that neither `cargo clean` nor a fresh checkout
# removes. Grafana's dashboard-linter, whose rules it follows, is no Go module that can be pinned.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
digest=$(cat hack/dashboard/*.go hack/dashboard/go.mod hack/dashboard/go.sum | sha256sum | cut -c1-12)
program=$cache/dashboard-$digest
if [ ! -x "$program" ]; then
  if ! command -v go >/dev/null 2>&1; then
    echo "dashboard: Go >= 1.26 is needed to check dashboards; install it from your distribution or https://go.dev/dl" >&2
    exit 1
  fi
  mkdir -p "$cache"
  echo "dashboard: building its check (about a minute on two cores, once)" >&2
  (cd hack/dashboard && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice go build -trimpath -ldflags "-s -w" -o "$program.partial" .)
  mv "$program.partial" "$program"
fi
if [ "${1:-}" = --path ]; then
  echo "$program"
  exit 0
fi
(cd hack/dashboard && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice go test -trimpath ./...)
"$program" lint dashboards/*.json
echo "dashboard: $(ls dashboards/*.json | wc -l) read as Grafana reads it, $(grep -c '"expr"' dashboards/irsa-anywhere.json) queries parsed"
