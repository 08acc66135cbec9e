#!/usr/bin/env bash
# Builds the site of docs/ into target/site/html with mdBook, and checks what was built (hack/site/check.py).
#
# mdBook, and what draws the diagrams of its pages, are installed once, by cargo at their pinned versions, into a cache that neither
# `cargo clean` nor a fresh checkout removes.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}

# installed NAME VERSION OPTIONS...: prints the directory of its program.
installed() {
  local name=$1 version=$2 root=$cache/$1-$2
  shift 2
  if [ ! -x "$root/bin/$name" ]; then
    echo "site: installing $name $version (some minutes on two cores, once)" >&2
    local started
    started=$(date +%s)
    nice cargo install --locked --quiet "$@" --root "$root" "$name@$version" >&2 || return
    echo "site: $name installed in $(($(date +%s) - started)) s" >&2
  fi
  echo "$root/bin"
}

# Without what watches files and serves pages.
mdbook=$(installed mdbook 0.5.4 --no-default-features --features search)
mermaid=$(installed mdbook-mermaid 0.17.1)
export PATH=$mdbook:$mermaid:$PATH

directory=${CARGO_TARGET_DIR:-target}/site
(cd hack/site && python3 -B -m unittest --quiet)
python3 -B hack/site/stage.py . "$directory"
RUST_LOG=warn mdbook-mermaid install "$directory" >&2
mdbook build "$directory" >&2
python3 -B hack/site/check.py "$directory/html"
