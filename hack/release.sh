#!/usr/bin/env bash
# release.sh 1.2.3: everything that a release has, in dist/, and nothing else there. Nothing is signed and nothing is pushed: docs/release.md
# has the commands. With TRIAL=1 what is there is put together, whatever CHANGELOG.md and the tree say; it is marked where it differs.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${1:-}
trial=${TRIAL:+--trial}
notes=$(hack/notes.sh "$wanted" ${trial:+"$trial"})
. hack/commit.sh
both=linux/amd64,linux/arm64
if [ -z "$trial" ] && [ "${PLATFORMS:-$both}" != "$both" ]; then
  echo "release: a release is for both platforms, and PLATFORMS=$PLATFORMS" >&2
  exit 1
fi

rm -rf dist
hack/image.sh
hack/plugin.sh
prefix=dist/irsa-anywhere-$version
image=$(cat dist/image.txt)
printf '%s\n' "$notes" > "$prefix-notes.md"

# Rendered as it would be applied. The image is named by its digest, too, so that a tag that is moved changes nothing.
kubectl=${KUBEBUILDER_ASSETS:-$(crates/testkit/controlplane/build.sh --print-dir)}/kubectl
pinned() {
  if grep -E '^ *(- )?image: ' "$1" | grep -qvF "@${image#*@}"; then
    echo "release: $2 has an image that is not named by its digest" >&2
    return 1
  fi
}
render() {
  "$kubectl" kustomize "$1" > "$2"
  local named=${image%@*}
  # A tree that is no commit has a tag of its own, which config/ does not name.
  named=${named%-dirty}
  sed "s|image: $named\$|image: $image|" "$2" > "$2.pinned"
  mv "$2.pinned" "$2"
  pinned "$2" "$1"
}
render crds "$prefix-crds.yaml"
for overlay in default with-policy with-webhook inject-v1beta1 prometheus; do
  render "config/$overlay" "$prefix-$overlay.yaml"
done

# Helm packs files with their times and with what this user may do; a chart of the same commit is to have the same bytes.
helm=$(crates/testkit/helm/build.sh v4)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(umask 022 && cp -R charts/irsa-anywhere "$work/irsa-anywhere")
sed -i.before "s|^  digest: \"\"\$|  digest: \"${image#*@}\"|" "$work/irsa-anywhere/values.yaml"
rm "$work/irsa-anywhere/values.yaml.before"
find "$work/irsa-anywhere" -exec chmod u=rwX,go=rX {} + -exec touch -h -d "@$created" {} +
"$helm" package "$work/irsa-anywhere" --version "$version" --app-version "v$version" --destination dist >/dev/null
"$helm" template aws "$prefix.tgz" --namespace irsa-anywhere-system > "$work/rendered.yaml"
grep -q '^ *image: ' "$work/rendered.yaml"
pinned "$work/rendered.yaml" "the chart"

(cd dist && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum > "$work/SHA256SUMS")
mv "$work/SHA256SUMS" dist/
echo "release: $version is in dist/, nothing of it signed or pushed (docs/release.md):" >&2
(cd dist && ls -l) >&2
