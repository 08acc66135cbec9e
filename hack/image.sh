#!/usr/bin/env bash
# Builds the image of both platforms, or of PLATFORMS=linux/amd64, without a container engine: dist/image is an OCI layout, and
# dist/irsa-anywhere-<version>-image.tar is the same as one file, which `docker load` takes, too. Beside them lies what is in each platform's
# image, as SPDX and as CycloneDX. The same programs give the same bytes. With --check it only tests how all that is put together.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v go >/dev/null 2>&1 || { echo "image: Go >= 1.26 is needed to put the image together" >&2; exit 1; }
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
if [ "${1:-}" = --check ]; then
  cd hack/image
  unformatted=$(gofmt -l .)
  [ -z "$unformatted" ] || { echo "image: gofmt would write otherwise: $unformatted" >&2; exit 1; }
  go vet ./...
  exec go test ./...
fi

. hack/commit.sh
platforms=${PLATFORMS:-linux/amd64,linux/arm64}
target_of() {
  case $1 in
    linux/amd64) echo x86_64-unknown-linux-musl ;;
    linux/arm64) echo aarch64-unknown-linux-musl ;;
    *) echo "image: there is no image for the platform $1: PLATFORMS=linux/amd64,linux/arm64, or one of the two" >&2; return 2 ;;
  esac
}
for platform in ${platforms//,/ }; do
  target=$(target_of "$platform")
  echo "image: building for $platform (about eleven minutes on two cores, when nothing of it is there yet)" >&2
  hack/static.sh "$target"
done

dist=$PWD/dist
mkdir -p "$dist"
rm -rf "$dist"/image "$dist"/image.txt "$dist"/irsa-anywhere-*-image.tar "$dist"/irsa-anywhere-*.spdx.json "$dist"/irsa-anywhere-*.cdx.json
target_directory=${CARGO_TARGET_DIR:-$PWD/target}
name=$(sed -n 's/^    newName: //p' config/manager/kustomization.yaml)
roots=$(hack/pinned/install.sh roots)/certifi/cacert.pem
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
(cd hack/image && go build -trimpath -o "$tools/" . ./sbom)
"$tools/image" -target-directory "$(cd "$target_directory" && pwd)" -roots "$roots" -platforms "$platforms" -version "$version" \
  -revision "$revision" -created "$created" -name "$name" -layout "$dist/image" -archive "$dist/irsa-anywhere-$version-image.tar" \
  > "$dist/image.txt"

rust=$(rustc -vV | sed -n 's/^release: //p')
for platform in ${platforms//,/ }; do
  target=$(target_of "$platform")
  sbom=$dist/irsa-anywhere-$version-${platform/\//-}
  # What is linked in: no tests, no build scripts, no macros' own crates.
  cargo tree --quiet --locked --package irsa-operator --package irsa-webhook --target "$target" --edges normal,no-proc-macro \
    --prefix depth --format '|{p}|{l}|{r}' |
    "$tools/sbom" -layout "$dist/image" -architecture "${platform#*/}" -lock Cargo.lock -rust "$rust" \
      -libc "$(rustc --print sysroot)/lib/rustlib/$target/lib/self-contained/libc.a" \
      -roots "$(sed -n 's/^certifi==\([^ ]*\).*/\1/p' hack/pinned/roots.txt)" -spdx "$sbom.spdx.json" -cyclonedx "$sbom.cdx.json"
done
echo "image: $(cat "$dist/image.txt")" >&2
echo "image: dist/image is the layout, dist/irsa-anywhere-$version-image.tar the archive" >&2
