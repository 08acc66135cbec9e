#!/usr/bin/env bash
# Checks config/prometheus/rules.yaml with promtool, and shows each alert once quiet and once firing (rules_test.yaml).
#
# promtool is built from the module that is pinned in hack/promtool, once, into a cache that neither `cargo clean` nor a
# fresh checkout removes. Without service discovery, which no rule needs, that takes three minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
version=$(sed -n 's/^\tgithub.com\/prometheus\/prometheus \(v[0-9.]*\).*/\1/p' hack/promtool/go.mod)
promtool="$cache/promtool-$version"
if [ ! -x "$promtool" ]; then
  if ! command -v go >/dev/null 2>&1; then
    echo "alerts: Go >= 1.26 is needed to build promtool; install it from your distribution or https://go.dev/dl" >&2
    exit 1
  fi
  mkdir -p "$cache"
  echo "alerts: building promtool $version (about three minutes on two cores, once)" >&2
  started=$(date +%s)
  (cd hack/promtool && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice go build -trimpath -ldflags "-s -w" -tags remove_all_sd \
    -o "$promtool.partial" github.com/prometheus/prometheus/cmd/promtool)
  mv "$promtool.partial" "$promtool"
  echo "alerts: promtool built in $(($(date +%s) - started)) s" >&2
fi

# promtool wants the groups alone: what is under `spec` of the PrometheusRule.
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
sed -n '/^spec:$/,$p' config/prometheus/rules.yaml | sed '1d; s/^  //' > "$directory/rules.yaml"
cp config/prometheus/rules_test.yaml "$directory/"
"$promtool" check rules "$directory/rules.yaml"
"$promtool" test rules "$directory/rules_test.yaml"
