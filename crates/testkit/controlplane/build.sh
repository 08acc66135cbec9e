#!/usr/bin/env bash
# Builds kube-apiserver, etcd, kubectl and (on request) kube-controller-manager from pinned Go modules into a cache
# directory that neither `cargo clean` nor a fresh checkout removes.
#
#   [KUBERNETES=1.31] build.sh [--with-controller-manager] [--print-dir]
#
# KUBERNETES is a minor version of kubernetes/versions, whose first line is the default. It is the API server's; everything else is of the
# default. The last line of standard output is the directory that holds the binaries. Progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache_root=${IRSA_ANYWHERE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/irsa-anywhere}

with_controller_manager=0
print_dir=0
for argument in "$@"; do
  case $argument in
    --with-controller-manager) with_controller_manager=1 ;;
    --print-dir) print_dir=1 ;;
    *) echo "build.sh: unknown argument '$argument' (known: --with-controller-manager, --print-dir)" >&2; exit 2 ;;
  esac
done

versions="$here/kubernetes/versions"
default=$(awk '!/^#/ { print $1; exit }' "$versions")
minor_version=${KUBERNETES:-$default}
version_of() { awk -v minor="$1" '$1 == minor { print $2 }' "$versions"; }
kubernetes_version=$(version_of "$minor_version")
if [ -z "$kubernetes_version" ]; then
  echo "build.sh: KUBERNETES=$minor_version is none of $(awk '!/^#/ { printf "%s%s", sep, $1; sep = ", " }' "$versions")" >&2
  exit 2
fi
etcd_version=$(sed -n 's/^\t\{0,1\}\(require \)\{0,1\}go.etcd.io\/etcd\/server\/v3 \(v[0-9.]*\).*/\2/p' "$here/etcd/go.mod" | head -n 1)
target="$cache_root/controlplane/$kubernetes_version-etcd-$etcd_version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
if [ "$print_dir" = 1 ]; then
  echo "$target"
  exit 0
fi

wanted=(etcd kubectl kube-apiserver)
[ "$with_controller_manager" = 1 ] && wanted+=(kube-controller-manager)
missing=()
for binary in "${wanted[@]}"; do
  # The launcher takes each from KUBEBUILDER_ASSETS first; what is not there is built.
  [ -x "$target/$binary" ] || [ -x "${KUBEBUILDER_ASSETS:-}/$binary" ] || missing+=("$binary")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "$target"
  exit 0
fi

if ! command -v go >/dev/null 2>&1; then
  echo "control plane: Go >= 1.26 is needed to build ${missing[*]}; install it from your distribution or https://go.dev/dl, or set KUBEBUILDER_ASSETS to a directory that has them" >&2
  exit 1
fi
go_version=$(go env GOVERSION | sed 's/^go//')
if [ "$(printf '%s\n1.26\n' "$go_version" | sort -V | head -n 1)" != "1.26" ]; then
  echo "control plane: Go >= 1.26 is needed to build Kubernetes $kubernetes_version, found $go_version" >&2
  exit 1
fi

mkdir -p "$target"
if [ "$minor_version" != "$default" ]; then
  # The same options, and the default's own progress on standard error.
  others=$(KUBERNETES=$default "${BASH_SOURCE[0]}" "$@" | tail -n 1)
  for binary in "${missing[@]}"; do
    [ "$binary" = kube-apiserver ] || ln -sf "$others/$binary" "$target/$binary"
  done
fi
# Two test runs may want the binaries at the same moment: one builds, the other waits and finds them.
exec 9>"$target/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi

minor=${minor_version#1.}
version_flags="-X k8s.io/component-base/version.gitVersion=$kubernetes_version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor"
step=0
for binary in "${missing[@]}"; do
  step=$((step + 1))
  [ -x "$target/$binary" ] && continue
  case $binary in
    etcd) module="$here/etcd"; package=go.etcd.io/etcd/server/v3; flags="-s -w" ;;
    *) module="$here/kubernetes/$minor_version"; package="k8s.io/kubernetes/cmd/$binary"; flags="-s -w $version_flags" ;;
  esac
  echo "control plane: [$step/${#missing[@]}] building $binary (the first build of all takes about seven minutes on two cores)" >&2
  started=$(date +%s)
  # Debug information would be thrown away by the linker, and a compiler lives too short to be worth cleaning up after: without the one, and with
  # more room for the other (within a bound, for the linker), the same bytes come out in three quarters of the time.
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOGC=400 GOMEMLIMIT=3GiB go build -trimpath -gcflags=all=-dwarf=false -ldflags "$flags" -o "$target/.$binary.partial" "$package")
  mv "$target/.$binary.partial" "$target/$binary"
  echo "control plane: [$step/${#missing[@]}] $binary built in $(($(date +%s) - started)) s" >&2
done
echo "$target"
