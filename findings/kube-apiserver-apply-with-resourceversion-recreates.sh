#!/usr/bin/env bash
# kube-apiserver: server-side apply with a resourceVersion makes an object anew that was deleted meanwhile.
#
# `metadata.resourceVersion` in an apply is the optimistic lock: applied to an object that has changed since, it answers 409 Conflict. If the
# object has been deleted instead, a PUT and a merge patch that carry the same resourceVersion answer 404; the apply answers 201 and makes
# it, out of nothing but the fields that it names. So a lock does not keep an apply from resurrecting what somebody deleted between read and
# write; `metadata.uid` beside it does (409).
#
# Builds kube-apiserver (lib/kube-apiserver.bash): ten minutes where Go's build cache is empty. Exit 0: behaves as described. Exit 1: it does
# not any more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-apiserver.bash"

accounts=/api/v1/namespaces/default/serviceaccounts
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
ask POST "$accounts" '{"metadata":{"name":"app","labels":{"kept":"by-somebody"}}}' > first.json
uid=$(field '["metadata"]["uid"]' < first.json)
version=$(field '["metadata"]["resourceVersion"]' < first.json)
body() { echo '{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"app",'"$1"'"resourceVersion":"'"$version"'","annotations":{"a":"b"}}}'; }
ask PATCH "$accounts/app" '{"metadata":{"labels":{"more":"x"}}}' application/merge-patch+json >/dev/null
changed=$(status PATCH "$accounts/app?fieldManager=x" "$(body '')" application/apply-patch+yaml)
ask DELETE "$accounts/app" >/dev/null
put=$(status PUT "$accounts/app" "$(body '')" application/json)
merge=$(status PATCH "$accounts/app" "$(body '')" application/merge-patch+json)
tied=$(status PATCH "$accounts/app?fieldManager=x" "$(body '"uid":"'"$uid"'",')" application/apply-patch+yaml)
apply=$(status PATCH "$accounts/app?fieldManager=x" "$(body '')" application/apply-patch+yaml)
labels=$(ask GET "$accounts/app" | field '["metadata"].get("labels")')
echo "kube-apiserver $kubernetes: apply on a changed object $changed; on a deleted one: PUT $put, merge patch $merge, apply with uid $tied, apply $apply (labels then: $labels)"
if [ "$changed/$put/$merge/$tied/$apply/$labels" = "409/404/404/409/201/None" ]; then
  echo "as described: a resourceVersion does not keep an apply from making a deleted object anew"
else
  echo "kube-apiserver behaves differently now" >&2
  exit 1
fi
