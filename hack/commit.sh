# Sourced: what is built from which commit. `version` is the one of Cargo.toml; both it and `revision` say when the tree is not that commit.
# shellcheck shell=bash disable=SC2034
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
if ! revision=$(git rev-parse HEAD 2>/dev/null); then
  echo "$(basename "$0"): this is no git checkout, so nobody can say what would be in it" >&2
  exit 1
fi
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
if [ -n "$(git status --porcelain)" ]; then
  version=$version-dirty
  revision=$revision-dirty
fi
