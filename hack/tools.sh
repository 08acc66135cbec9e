#!/usr/bin/env bash
# Installs the lint tools at their pinned versions, unless they are there already.
set -euo pipefail

need() {
  local crate=$1 version=$2 command=$3
  if [ "$($command --version 2>/dev/null | awk '{print $NF}')" = "$version" ]; then
    return
  fi
  echo "tools: installing $crate $version (a few minutes, once)" >&2
  cargo install --locked --quiet "$crate@$version"
}

if [ "${1:-lint}" = mutants ]; then
  need cargo-mutants 27.1.0 "cargo mutants"
  exit 0
fi
need cargo-machete 0.9.2 "cargo machete"
need cargo-deny 0.20.2 "cargo deny"
