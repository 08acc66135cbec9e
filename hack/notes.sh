#!/usr/bin/env bash
# notes.sh 1.2.3: what CHANGELOG.md says of that version, if it can be released: it is the one that is written everywhere, and the tree is a
# commit with nothing beside it. With --trial what is unreleased counts as its notes, and the tree may be what it is.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
  echo "release: $*" >&2
  exit 1
}

version=${1:-}
[ -n "$version" ] || refuse "which version? make release VERSION=1.2.3"
hack/version.sh --check || refuse "the version is not the same everywhere"
written=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$version" = "$written" ] ||
  refuse "VERSION=$version, and Cargo.toml has $written: make version VERSION=$version, and commit what that changes"

section() {
  awk -v title="## [$1]" '
    index($0, "## ") == 1 || /^\[.*\]: / { inside = index($0, title) == 1; next }
    inside { text = text $0 "\n" }
    END { sub(/^\n+/, "", text); sub(/\n+$/, "", text); if (text != "") print text }
  ' CHANGELOG.md
}

if [ "${2:-}" = --trial ]; then
  notes=$(section "$version")
  [ -n "$notes" ] || notes=$(section Unreleased)
else
  notes=$(section "$version")
  [ -n "$notes" ] || refuse "CHANGELOG.md has no section '## [$version] - <date>' with anything in it"
  changes=$(git status --porcelain) || refuse "this is no git checkout"
  [ -z "$changes" ] || refuse "the tree is not what is committed, so nobody could make the same again:"$'\n'"$changes"
fi
[ -n "$notes" ] || refuse "CHANGELOG.md says nothing of $version, and nothing is unreleased"
printf '%s\n' "$notes"
