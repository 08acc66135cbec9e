#!/bin/sh
# Installs what hack/pinned/<name>.txt says, each file by its hash, into a venv of the cache, and prints the directory of its modules.
# The cache outlives `cargo clean` and fresh checkouts; what has changed is installed again.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
name=${1:?install.sh: which of hack/pinned/*.txt?}
requirements=$here/$name.txt
[ -f "$requirements" ] || { echo "install.sh: there is no $requirements" >&2; exit 2; }
cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
venv=$cache/pinned/$name
mkdir -p "$cache/pinned"

# Two builds may want it at the same moment: one installs, the other waits and finds it.
exec 9>"$venv.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if ! cmp -s "$requirements" "$venv/.requirements"; then
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    { echo "install.sh: Python 3 with venv is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
  echo "install.sh: installing $(sed -n 's/^\([a-z0-9-]*==[^ ]*\).*/\1/p' "$requirements" | head -n 1) (once)" >&2
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  # Wheels only: what is built here would not be what was pinned.
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$requirements" >&2
  cp "$requirements" "$venv/.requirements"
fi
"$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))'
