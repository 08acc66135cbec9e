#!/usr/bin/env bash
# kube-apiserver: what a ValidatingAdmissionPolicy refuses says "is forbidden" and is answered 422 Invalid, as a schema error is.
#
# A validation without `reason` denies with code 422 and reason Invalid, while the message reads "... is forbidden: ValidatingAdmissionPolicy
# ... denied request: ...". Reason and code are those of an object that can never be valid; but the same object is taken as soon as somebody
# changes the policy, a namespace's labels or a parameter. A client that goes by code or reason gives the object up as malformed, or looks for
# missing RBAC if it goes by the word "forbidden"; details.causes has one entry whose `field` is empty, unlike a schema error. With
# `reason: Forbidden` the same policy answers 403.
#
# Builds kube-apiserver and etcd from their Go modules: ten minutes on two cores where nothing is in Go's build cache, and 3 GB there.
# Needs Go >= 1.26, curl, openssl, python3. Exit 0: behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
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
as() { # as TOKEN PATH [BODY]
  curl --silent --insecure --header "Authorization: Bearer $1" --header 'Content-Type: application/json' ${3:+--data "$3"} "$server$2"
}
for _ in $(seq 120); do
  [ "$(as admin-token /readyz || true)" = ok ] && break
  sleep 1
done
admission=/apis/admissionregistration.k8s.io/v1
policy() { # policy NAME REASON
  as admin-token "$admission/validatingadmissionpolicies" '{"apiVersion":"admissionregistration.k8s.io/v1",
    "kind":"ValidatingAdmissionPolicy","metadata":{"name":"'"$1"'"},"spec":{"failurePolicy":"Fail",
    "matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"],
    "resourceNames":["'"$1"'"]}]},
    "validations":[{"expression":"has(object.metadata.labels)","message":"a label is missing"'"${2:+,\"reason\":\"$2\"}"'}]}}' >/dev/null
  as admin-token "$admission/validatingadmissionpolicybindings" '{"apiVersion":"admissionregistration.k8s.io/v1",
    "kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"'"$1"'"},
    "spec":{"policyName":"'"$1"'","validationActions":["Deny"]}}' >/dev/null
}
policy plain ''
policy spoken Forbidden

answer() { # answer NAME BODY: code, reason, whether the message says "is forbidden", fields of the causes
  local code
  for _ in $(seq 60); do
    as admin-token '/api/v1/namespaces/default/configmaps?dryRun=All' "$2" > answer.json
    code=$(python3 -c 'import json; print(json.load(open("answer.json")).get("code", 201))')
    [ "$code" = 201 ] || break
    sleep 0.5 # a new policy takes a moment until it is enforced
  done
  python3 - "$1" <<'PYTHON'
import json
import sys

answer = json.load(open("answer.json"))
fields = [cause.get("field", "") for cause in answer.get("details", {}).get("causes", [])]
says = "is forbidden" in answer.get("message", "")
print(f"{sys.argv[1]}: {answer.get('code')} {answer.get('reason')} says-forbidden={says} fields={fields}")
PYTHON
}
schema=$(answer schema '{"metadata":{"name":"schema"},"data":{"a/b":"x"}}')
plain=$(answer plain '{"metadata":{"name":"plain"}}')
spoken=$(answer spoken '{"metadata":{"name":"spoken"}}')
echo "kube-apiserver $kubernetes"
printf '%s\n' "$schema" "$plain" "$spoken"
if [ "$schema" = "schema: 422 Invalid says-forbidden=False fields=['data[a/b]']" ] &&
  [ "$plain" = "plain: 422 Invalid says-forbidden=True fields=['']" ] &&
  [ "$spoken" = "spoken: 403 Forbidden says-forbidden=True fields=['']" ]; then
  echo "as described: a policy's denial is told as an invalid object that is forbidden"
else
  echo "kube-apiserver behaves differently now" >&2
  exit 1
fi
