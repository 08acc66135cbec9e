#!/usr/bin/env bash
# Builds kubectl-irsa for Linux, static, and packs it as people install it: an archive for each platform in dist/, and the manifest by which
# krew installs them. PLATFORMS as for hack/image.sh. The same commit gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/commit.sh
releases=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)/releases/download/v$version
mkdir -p dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp LICENSE "$work/LICENSE"

manifest=dist/irsa.yaml
cat > "$manifest" <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: irsa
spec:
  version: v$version
  homepage: $(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
  shortDescription: Explain why a pod has its AWS role, or has not
  description: |
    Looks at both sides of a pod's way to its AWS credentials (the pod, its
    ServiceAccount, what the API server signs as, the published documents, the IAM
    OIDC provider, the role's trust policy), shows a token to STS, and names the
    first cause with its fix. For clusters with irsa-anywhere.
  platforms:
END
for platform in $(echo "${PLATFORMS:-linux/amd64,linux/arm64}" | tr ',' ' '); do
  case $platform in
    linux/amd64) target=x86_64-unknown-linux-musl ;;
    linux/arm64) target=aarch64-unknown-linux-musl ;;
    *) echo "plugin.sh: there is no kubectl-irsa for $platform" >&2; exit 2 ;;
  esac
  hack/static.sh "$target" plugin
  cp "${CARGO_TARGET_DIR:-target}/$target/release/kubectl-irsa" "$work/kubectl-irsa"
  archive=kubectl-irsa-$version-${platform/\//-}.tar.gz
  tar --create --directory "$work" --sort=name --format=ustar --mtime="@$created" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    LICENSE kubectl-irsa | gzip --no-name --best > "dist/$archive"
  cat >> "$manifest" <<END
    - selector:
        matchLabels:
          os: ${platform%/*}
          arch: ${platform#*/}
      uri: $releases/$archive
      sha256: $(sha256sum "dist/$archive" | cut -d ' ' -f 1)
      bin: kubectl-irsa
END
done
