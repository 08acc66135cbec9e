#!/usr/bin/env bash
# The version is written in Cargo.toml. `version.sh 1.2.3` writes it there and brings it to every other place; `version.sh --check` looks
# whether they have it.
set -euo pipefail
cd "$(dirname "$0")/.."

# Semantic versioning without build metadata, which no image's tag can have.
number='(0|[1-9][0-9]*)'
semver="$number\\.$number\\.$number(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?"

# Each file, and what stands before the version there.
places() {
  cat <<'END'
charts/irsa-anywhere/Chart.yaml ^version:[ ]
charts/irsa-anywhere/Chart.yaml ^appVersion: v
config/manager/kustomization.yaml ^ *newTag: v
config/webhook/kustomization.yaml ^ *newTag: v
docs/gitops.md ^ *newTag: v
docs/release.md VERSION=
deploy/flux/cluster/irsa-anywhere.yaml ^ *(tag|newTag): v
deploy/flux/helm/irsa-anywhere.yaml ^ *(tag|newTag): v
deploy/argocd/applications/irsa-anywhere.yaml ^ *(targetRevision|tag|newTag): v
README.md /irsa-anywhere:v
END
}

written() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml; }

change() {
  local changed
  changed=$(mktemp)
  sed -E "$2" "$1" > "$changed"
  cat "$changed" > "$1"
  rm -f "$changed"
}

if [ "${1:-}" = --check ]; then
  version=$(written)
  wrong=0
  while read -r file before; do
    found=$(grep -oE "$before$semver" "$file" | sed -E "s#$before##" | sort -u || true)
    if [ "$found" != "$version" ]; then
      echo "version: $file has ${found:-no version}, and Cargo.toml has $version: make version VERSION=$version" >&2
      wrong=1
    fi
  done < <(places)
  exit "$wrong"
fi

version=${1:?version: which version? make version VERSION=1.2.3}
if ! [[ $version =~ ^$semver$ ]]; then
  echo "version: $version is no version as https://semver.org has them, such as 1.2.3 or 1.2.3-rc.1" >&2
  exit 2
fi
change Cargo.toml "/^\[workspace.package\]/,/^\[/s/^version = \".*\"/version = \"$version\"/"
while read -r file before; do
  change "$file" "s#($before)$semver#\1$version#g"
done < <(places)
cargo update --quiet --workspace --offline
"$0" --check
