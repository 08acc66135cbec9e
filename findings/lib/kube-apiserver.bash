# Builds kube-apiserver and etcd from their Go modules in a temporary folder, goes there and starts them; sourced by the findings about
# kube-apiserver. Ten minutes on two cores where nothing is in Go's build cache, and 3 GB there. Ends both and removes the folder at exit.
#
# Needs Go >= 1.26, curl, openssl, python3. Sets kubernetes (the version) and gives:
#   as TOKEN METHOD PATH [BODY [TYPE]]   a request; the body of the answer
#   ask METHOD PATH [BODY [TYPE]]        the same as an administrator
#   status METHOD PATH [BODY [TYPE]]     the same; the code of the answer
kubernetes=1.36.3
etcd=v3.6.13

directory=$(mktemp -d)
pids=()
finish() {
  # Nothing is to be kept, and an API server that has lost its etcd takes minutes to end by itself.
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
cd "$directory"
export CGO_ENABLED=0 GOFLAGS=-mod=mod

# k8s.io/kubernetes names its staging modules at v0.0.0 and replaces them, which counts in its own build only.
mkdir apiserver etcd-module
source=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | python3 -c 'import json, sys; print(json.load(sys.stdin)["GoMod"])')
{
  printf 'module finding\n\ngo 1.26\n\ntool k8s.io/kubernetes/cmd/kube-apiserver\n\nrequire k8s.io/kubernetes v%s\n' "$kubernetes"
  sed -n 's/^\t\(k8s.io\/[a-z-]*\) => .\/staging.*/\1/p' "$source" | sort -u |
    while read -r module; do printf 'replace %s => %s v0.%s\n' "$module" "$module" "${kubernetes#1.}"; done
} > apiserver/go.mod
(cd apiserver && go mod tidy >/dev/null 2>&1 && go build -trimpath -ldflags '-s -w' -o ../kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver)
printf 'module finding\n\ngo 1.26\n\ntool go.etcd.io/etcd/server/v3\n\nrequire go.etcd.io/etcd/server/v3 %s\n' "$etcd" > etcd-module/go.mod
(cd etcd-module && go mod tidy >/dev/null 2>&1 && go build -trimpath -ldflags '-s -w' -o ../etcd go.etcd.io/etcd/server/v3)

read -r client peer secure < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for one in sockets: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))')
openssl genrsa -out signing.key 2048 2>/dev/null
openssl rsa -in signing.key -pubout -out signing.pub 2>/dev/null
echo 'admin-token,admin,1,system:masters' > tokens.csv
./etcd --data-dir data --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
  --listen-peer-urls "http://127.0.0.1:$peer" >etcd.log 2>&1 &
pids+=($!)
./kube-apiserver --etcd-servers "http://127.0.0.1:$client" --bind-address 127.0.0.1 --secure-port "$secure" --cert-dir certificates \
  --service-account-issuer https://issuer.example --service-account-signing-key-file signing.key --service-account-key-file signing.pub \
  --service-cluster-ip-range 10.0.0.0/24 --authorization-mode RBAC --token-auth-file tokens.csv --endpoint-reconciler-type none \
  >apiserver.log 2>&1 &
pids+=($!)

server="https://127.0.0.1:$secure"

as() {
  local token=$1
  shift
  curl --silent --insecure --request "$1" --header "Authorization: Bearer $token" --header "Content-Type: ${4:-application/json}" \
    ${3:+--data "$3"} "$server$2"
}
ask() { as admin-token "$@"; }
status() {
  curl --silent --insecure --output /dev/null --write-out '%{http_code}' --request "$1" --header 'Authorization: Bearer admin-token' \
    --header "Content-Type: ${4:-application/json}" ${3:+--data "$3"} "$server$2"
}
for _ in $(seq 120); do
  [ "$(ask GET /readyz || true)" = ok ] && break
  sleep 1
done
