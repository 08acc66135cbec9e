# shellcheck shell=bash
# Sourced by the scripts that make something once, from pinned Go modules, and find it in the cache from then on.

cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
# shellcheck disable=SC2034 # a part of the names of what is built
platform="$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"

# version_of MODULE GO_MOD: the version that is required there.
version_of() {
  awk -v module="$1" '{ sub(/^require /, "") } $1 == module { print $2; found = 1; exit } END { exit !found }' "$2"
}

# go_build DIRECTORY PACKAGE OUTPUT [FLAGS]: a static program, from the modules that the go.mod of the directory pins, or another
# that stands in for it ($modfile).
go_build() {
  (cd "$1" && CGO_ENABLED=0 GOFLAGS="-mod=readonly${modfile:+ -modfile=$modfile}" go build -trimpath -ldflags "-s -w ${4:-}" -o "$3" "$2")
}

# once TARGET WHAT DURATION MAKE: prints the path TARGET below the cache as the last line of standard output. Where there is nothing yet, the function
# MAKE makes it at the path that it is given; progress goes to standard error, with the DURATION on two cores.
once() {
  local target="$cache/$1" what=$2 duration=$3 make=$4 owner directory started
  directory=$(dirname "$target")
  owner=$(basename "$directory")
  if [ ! -e "$target" ]; then
    command -v go >/dev/null 2>&1 || { echo "$owner: Go >= 1.26 is needed for $what" >&2; exit 1; }
    mkdir -p "$directory"
    # Two test runs may want it at the same moment: one makes it, the other waits and finds it.
    exec 9>"$directory/.lock"
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    if [ ! -e "$target" ]; then
      echo "$owner: making $what ($duration on two cores)" >&2
      started=$(date +%s)
      # What was copied from the cache of modules may not be written to yet.
      if [ -e "$target.partial" ]; then chmod -R u+w "$target.partial"; fi
      rm -rf "$target.partial"
      "$make" "$target.partial"
      mv "$target.partial" "$target"
      echo "$owner: $what: done in $(($(date +%s) - started)) s" >&2
    fi
  fi
  echo "$target"
}
