#!/usr/bin/env bash
# Builds the static binaries of the last commit here, and once more from nothing in another directory of another depth, and compares them byte
# by byte: reproducible.sh <target>.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?reproducible.sh: for which target?}
if [ -n "$(git status --porcelain)" ]; then
  echo "reproducible: there is something here that was not committed, and the second build would be without it" >&2
  exit 1
fi
commit=$(git rev-parse HEAD)
hack/static.sh "$target"
first=$(cd "${CARGO_TARGET_DIR:-target}/$target/release" && pwd)
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
checkout="$directory/somewhere else/irsa-anywhere"
mkdir -p "$checkout"
git archive "$commit" | tar -x -C "$checkout"
echo "reproducible: building for $target a second time" >&2
CARGO_TARGET_DIR="$directory/built" "$checkout/hack/static.sh" "$target"
for binary in irsa-anywhere irsa-anywhere-webhook; do
  if ! cmp "$first/$binary" "$directory/built/$target/release/$binary"; then
    echo "reproducible: $binary is not the same" >&2
    exit 1
  fi
  echo "reproducible: $binary is the same: $(sha256sum "$first/$binary" | cut -d ' ' -f 1)" >&2
done
