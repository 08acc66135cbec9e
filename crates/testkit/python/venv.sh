#!/bin/sh
# Makes the Python environment that the tests run boto3 in, or with the argument `moto` the one of moto, with `clients` that of
# the pods' programs, with `sbom` that of the validators, or with `awscli` that of the AWS command line, once, and prints the path of its
# interpreter.
#
# It lives in the cache directory, outside what `cargo clean` removes, and is made again when its requirements change.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
cache=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}
case ${1:-boto3} in
boto3) venv=$cache/venv requirements=$here/requirements.txt ;;
moto) venv=$cache/venv-moto requirements=$here/moto.txt ;;
clients) venv=$cache/venv-clients requirements=$here/clients.txt ;;
sbom) venv=$cache/venv-sbom requirements=$here/sbom.txt ;;
awscli) venv=$cache/venv-awscli requirements=$here/awscli.txt ;;
*)
    echo "usage: $0 [moto|clients|sbom|awscli]" >&2
    exit 2
    ;;
esac
stamp=$venv/.requirements

ready() { cmp -s "$requirements" "$stamp"; }

if ! command -v python3 >/dev/null; then
    echo "Python 3 is needed for these tests; install python3 (with venv) and try again" >&2
    exit 1
fi

# Tests start side by side; one of them makes the environment, the others wait. mkdir is atomic everywhere.
mkdir -p "$cache"
waited=0
held=no
while ! ready; do
    if mkdir "$venv.lock" 2>/dev/null; then
        held=yes
        trap 'rmdir "$venv.lock"' EXIT
        trap 'exit 1' HUP INT TERM
        break
    fi
    waited=$((waited + 1))
    if [ "$waited" -gt 300 ]; then
        echo "another run has been making $venv for 5 minutes; if there is none, remove $venv.lock" >&2
        exit 1
    fi
    sleep 1
done

# Somebody else may have finished between the last look and the lock.
if [ "$held" = yes ] && ! ready; then
    echo "making $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$stamp"
fi

echo "$venv/bin/python"
