#!/bin/sh
# The C compiler of the image's binaries, for the crate `cc`: Zig's, for the target of the build. Zig calls targets otherwise than Rust, and
# without one it would compile for the processor of this machine.
set -eu
case $TARGET in
  x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) zig_target=${TARGET%%-*}-linux-musl ;;
  *) echo "cc.sh: there is no image for $TARGET" >&2; exit 2 ;;
esac
for argument; do
  shift
  case $argument in
    --target=*) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "$ZIG" cc -target "$zig_target" -fno-sanitize=undefined "$@"
