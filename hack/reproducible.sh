#!/usr/bin/env bash
# Builds the static binaries of the last commit a second time, from nothing, in another directory of another depth, and compares them byte by
# byte with those that `make static` made. STATIC=aarch64-unknown-linux-musl: of another platform.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?reproducible.sh: for which target?}
first=$(cd "${CARGO_TARGET_DIR:-target}/$target/release" && pwd)
if ! git diff --quiet HEAD --; then
  echo "reproducible: there is something here that was not committed, and the second build would be without it" >&2
  exit 1
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
checkout="$directory/somewhere else/irsa-anywhere"
mkdir -p "$checkout"
git archive HEAD | tar -x -C "$checkout"
echo "reproducible: building for $target a second time (about nine minutes on two cores)" >&2
CARGO_TARGET_DIR="$directory/built" "$checkout/hack/static.sh" "$target"
for binary in irsa-anywhere irsa-anywhere-webhook; do
  if ! cmp "$first/$binary" "$directory/built/$target/release/$binary"; then
    echo "reproducible: $binary is not the same" >&2
    exit 1
  fi
  echo "reproducible: $binary is the same: $(sha256sum "$first/$binary" | cut -d ' ' -f 1)" >&2
done
