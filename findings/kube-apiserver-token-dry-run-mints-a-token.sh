#!/usr/bin/env bash
# kube-apiserver: a TokenRequest with dryRun=All answers with a token that is good.
#
# A dry run promises that nothing lasts, and nothing is stored: but what a TokenRequest makes is its answer. The token of the dry run
# authenticates like any other, for as long as it was asked for. So `create serviceaccounts/token` is not made harmless by a tool that
# always dry-runs, an audit that skips dry runs misses tokens, and whoever "only tries" must throw the answer away unread.
#
# Builds kube-apiserver (lib/kube-apiserver.bash): ten minutes where Go's build cache is empty. Exit 0: behaves as described. Exit 1: it does
# not any more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-apiserver.bash"

ask POST /api/v1/namespaces '{"metadata":{"name":"team"}}' >/dev/null
ask POST /api/v1/namespaces/team/serviceaccounts '{"metadata":{"name":"app"}}' >/dev/null
answer=$(ask POST '/api/v1/namespaces/team/serviceaccounts/app/token?dryRun=All' '{"spec":{"expirationSeconds":600}}')
token=$(python3 -c 'import json, sys; print(json.load(sys.stdin).get("status", {}).get("token", ""))' <<<"$answer")
who=$(as "$token" POST /apis/authentication.k8s.io/v1/selfsubjectreviews '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' |
  python3 -c 'import json, sys; print(json.load(sys.stdin).get("status", {}).get("userInfo", {}).get("username", "nobody"))')

echo "kube-apiserver $kubernetes: the answer of the dry run has a token of ${#token} characters; whoever shows it is: $who"
if [ "$who" = system:serviceaccount:team:app ]; then
  echo "as described: the token of a dry run is good"
else
  echo "kube-apiserver behaves differently now" >&2
  exit 1
fi
