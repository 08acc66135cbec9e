#!/usr/bin/env bash
# Unpacks the image of this machine's platform from dist/image by tools that did not make it, and runs the tests of tests/tests/image and the
# main job of tests/tests/e2e on it: each program in a root directory of its own that has nothing but the image, as the image's user.
set -euo pipefail
cd "$(dirname "$0")/.."

case $(uname -m) in
  x86_64) platform=linux/amd64 ;;
  aarch64 | arm64) platform=linux/arm64 ;;
  *) echo "check-image: there is no image for $(uname -m)" >&2; exit 1 ;;
esac
# Never skipped: a test that does not run the image proves nothing of it.
if ! tests/image/enter.sh / true; then
  echo "check-image: a program cannot be given a root directory of its own here: be root, or allow user namespaces" >&2
  exit 1
fi

tools=$(crates/testkit/image/build.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tag=$(sed -n 's/^[^ ]*:\(v[^@]*\)@.*/\1/p' dist/image.txt)
[ -n "$tag" ] || { echo "check-image: dist/image.txt names no image: make image" >&2; exit 1; }
# Copies by digest, so that each blob is what its name says.
"$tools/regctl" image copy --verbosity error --platform "$platform" "ocidir://$PWD/dist/image:$tag" "ocidir://$work/one:image"
"$tools/regctl" image config "ocidir://$work/one:image" > "$work/config.json"
rootless=()
[ "$(id -u)" = 0 ] || rootless=(--rootless)
"$tools/umoci" --log=error unpack "${rootless[@]}" --image "$work/one:image" "$work/bundle"
# Other users walk through it on their way to the roots that are made in it.
chmod 755 "$work"

mkdir "$work/bin"
ln -s "$PWD/tests/image/run.sh" "$work/bin/irsa-anywhere"
ln -s "$PWD/tests/image/run.sh" "$work/bin/irsa-anywhere-webhook"
validators=$(crates/testkit/python/venv.sh sbom)
export IRSA_ANYWHERE_OPERATOR=$work/bin/irsa-anywhere IRSA_ANYWHERE_IMAGE=$work IRSA_ANYWHERE_VALIDATORS=$validators
RUST_TEST_THREADS=${TEST_THREADS:-4} ${CARGO:-cargo} test --workspace --locked --test image
RUST_TEST_THREADS=${TEST_THREADS:-4} ${CARGO:-cargo} test --workspace --locked --test e2e main_job::
