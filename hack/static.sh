#!/bin/sh
# Builds the static binaries of the image, the same way for `make` and for the Dockerfile: target/<triple>/release/irsa-anywhere and
# irsa-anywhere-webhook, for x86_64-unknown-linux-musl or aarch64-unknown-linux-musl, whatever this machine is.
#
# It is linked by the linker that comes with Rust. Functions that were compiled to the same code are one (--icf): generic code is full
# of them. Relocations are packed (DT_RELR, which musl knows since 1.2.4): three quarters of a megabyte that is read at the start
# and stays resident become some kilobytes. For aarch64 Rust links musl's programs to a fixed address, so they have none. What RUSTFLAGS
# says otherwise, of another linker perhaps, does not count here.
#
# With a second argument, plugin, it builds kubectl-irsa instead: by itself, so that what a person's tool needs of the libraries is not in the
# operator.
#
# The same commit is to give the same bytes, wherever it lies: no path of this machine is compiled in, and the little C that there is
# (ring's) is compiled by a compiler that is pinned.
set -eu
cd "$(dirname "$0")/.."
target=${1:-$(uname -m)-unknown-linux-musl}
case $target in
  x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) ;;
  *) echo "static.sh: there is no image for $target" >&2; exit 2 ;;
esac
case ${2:-image} in
  image) packages='irsa-operator irsa-webhook' binaries='irsa-anywhere irsa-anywhere-webhook' ;;
  plugin) packages='irsa-cli' binaries='kubectl-irsa' ;;
  *) echo "static.sh: $2 is neither image nor plugin" >&2; exit 2 ;;
esac
checkout=$(pwd)
directory=${CARGO_TARGET_DIR:-target}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

if command -v rustup >/dev/null; then rustup --quiet target add "$target"; fi
ZIG=$(hack/pinned/install.sh zig)/ziglang/zig
ZIG_GLOBAL_CACHE_DIR=$directory/zig ZIG_LOCAL_CACHE_DIR=$directory/zig
export ZIG ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
suffix=$(echo "$target" | tr - _)
unset TARGET_CFLAGS "CFLAGS_$suffix"
export "CC_$suffix=$checkout/hack/cc.sh" "AR_$suffix=$checkout/hack/ar.sh"

# The last prefix that fits counts. Where Rust's own sources are installed, paths into them are of this machine, too.
sysroot=$(rustc --print sysroot)/lib/rustlib/src/rust
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
cargo fetch --locked --target "$target"
set -- -Clinker=rust-lld -Clink-arg=-zpack-relative-relocs -Clink-arg=--icf=all \
  "--remap-path-prefix=$sysroot=/rustc/$commit" "--remap-path-prefix=$checkout=/irsa-anywhere" "--remap-path-prefix=$directory=/target"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  set -- "$@" "--remap-path-prefix=$registry=/crates"
done
# A path may have a space in it, which RUSTFLAGS could not say.
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037' "$@")
CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%?}
export CARGO_ENCODED_RUSTFLAGS
set --
for package in $packages; do set -- "$@" --package "$package"; done
CFLAGS='' cargo build --release --locked "$@" --target "$target" --target-dir "$directory"

for binary in $binaries; do
  built=$directory/$target/release/$binary
  # A linker that does not know the option packs nothing, and says nothing.
  if ! command -v readelf >/dev/null; then
    echo "static.sh: no readelf, so nobody looked whether the relocations are packed" >&2
  elif readelf --file-header "$built" | grep -q 'Type: *DYN' &&
    ! readelf --sections --wide "$built" | grep -q '\.relr\.dyn'; then
    echo "static.sh: the relocations of $binary are not packed" >&2
    exit 1
  fi
  for path in "$checkout" "$directory" "${CARGO_HOME:-$HOME/.cargo}" "$sysroot"; do
    # A path of one name is in others, too: /src in /rustc/…/library/core/src.
    case $path in
      /*/*) ;;
      *) echo "static.sh: nobody looked whether $path is in $binary: build in a deeper directory to know" >&2; continue ;;
    esac
    if LC_ALL=C grep -q -a -F "$path/" "$built"; then
      echo "static.sh: $binary has a path of this machine in it ($path), so that nobody else would build the same" >&2
      exit 1
    fi
  done
done
