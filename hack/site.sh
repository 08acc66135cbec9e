#!/usr/bin/env bash
# Builds the site of docs/ into target/site/html with mdBook, and checks what was built (hack/site/check.py).
#
# mdBook is installed once, by cargo at its pinned version, into a cache that neither `cargo clean` nor a fresh checkout removes.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.5.4
cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
root=$cache/mdbook-$version
if [ ! -x "$root/bin/mdbook" ]; then
  echo "site: installing mdBook $version (some minutes on two cores, once)" >&2
  started=$(date +%s)
  # Without what watches files and serves pages.
  nice cargo install --locked --quiet --no-default-features --features search --root "$root" "mdbook@$version"
  echo "site: mdBook installed in $(($(date +%s) - started)) s" >&2
fi

directory=${CARGO_TARGET_DIR:-target}/site
(cd hack/site && python3 -B -m unittest --quiet)
python3 -B hack/site/stage.py . "$directory"
"$root/bin/mdbook" build "$directory" >&2
python3 -B hack/site/check.py "$directory/html"
