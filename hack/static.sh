#!/bin/sh
# Builds the static binaries of the image, the same way for `make` and for the Dockerfile: target/<triple>/release/irsa-anywhere and
# irsa-anywhere-webhook.
#
# It is linked by the linker that comes with Rust. Functions that were compiled to the same code are one (--icf): generic code is full
# of them. Relocations are packed (DT_RELR, which musl knows since 1.2.4): three quarters of a megabyte that is read at the start
# and stays resident become some kilobytes. What RUSTFLAGS says otherwise, of another linker perhaps, does not count here.
set -eu
cd "$(dirname "$0")/.."
target=${1:-$(uname -m)-unknown-linux-musl}

directory=${CARGO_TARGET_DIR:-target}
unset CARGO_ENCODED_RUSTFLAGS
RUSTFLAGS="-Clinker=rust-lld -Clink-arg=-zpack-relative-relocs -Clink-arg=--icf=all" \
  cargo build --release --locked --package irsa-operator --package irsa-webhook --target "$target" --target-dir "$directory"

# A linker that does not know the option packs nothing, and says nothing.
for binary in irsa-anywhere irsa-anywhere-webhook; do
  if ! command -v readelf >/dev/null; then
    echo "static.sh: no readelf, so nobody looked whether the relocations are packed" >&2
  elif ! readelf --sections --wide "$directory/$target/release/$binary" | grep -q '\.relr\.dyn'; then
    echo "static.sh: the relocations of $binary are not packed" >&2
    exit 1
  fi
done
