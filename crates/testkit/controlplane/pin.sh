#!/usr/bin/env bash
# Makes the Go module of a minor version of Kubernetes anew from kubernetes/versions: pin.sh 1.31. By hand, after a new patch.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
minor=${1:?which minor version of kubernetes/versions?}
version=$(awk -v minor="$minor" '$1 == minor { print $2 }' "$here/kubernetes/versions")
[ -n "$version" ] || { echo "pin.sh: kubernetes/versions has no $minor" >&2; exit 2; }

mkdir -p "$here/kubernetes/$minor"
cd "$here/kubernetes/$minor"
rm -f go.mod go.sum
go mod init irsa-anywhere.dev/controlplane/kubernetes >/dev/null 2>&1
own=$(cd / && GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"GoMod": "\(.*\)",\{0,1\}$/\1/p')
# The modules of its own repository, which it requires as v0.0.0.
for module in $(sed -n 's/^\t\(k8s\.io\/[a-z0-9.-]*\) v0\.0\.0\( .*\)\{0,1\}$/\1/p' "$own") k8s.io/sample-apiserver; do
  go mod edit -replace="$module=$module@v0.${version#v1.}"
done
go mod edit -require="k8s.io/kubernetes@$version" -tool=k8s.io/kubernetes/cmd/kube-apiserver
if [ "$minor" = "$(awk '!/^#/ { print $1; exit }' "$here/kubernetes/versions")" ]; then
  go mod edit -tool=k8s.io/kubernetes/cmd/kube-controller-manager -tool=k8s.io/kubernetes/cmd/kubectl
fi
go mod edit -go=1.26.0
go mod tidy
