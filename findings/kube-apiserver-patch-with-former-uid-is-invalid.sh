#!/usr/bin/env bash
# kube-apiserver: a patch that names the UID of an object's predecessor is told as invalid (422), where an update is told as a conflict (409).
#
# `metadata.uid` in a request says: this object and no other of its name. If the object was deleted and made again meanwhile, PUT and DELETE
# answer 409 Conflict, and so does a server-side apply when there is no object at all. But PATCH, be it a merge patch or server-side apply,
# answers 422 Invalid, "metadata.uid: field is immutable", when there is another object. So a controller that retries conflicts and gives up
# on invalid objects gives up on what a look at the new object would mend.
#
# Builds kube-apiserver (lib/kube-apiserver.bash): ten minutes where Go's build cache is empty. Exit 0: behaves as described. Exit 1: it does
# not any more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-apiserver.bash"

accounts=/api/v1/namespaces/default/serviceaccounts
told='import json, sys; answer = json.load(sys.stdin); print(answer.get("code"), answer.get("reason"))'
ask POST "$accounts" '{"metadata":{"name":"app"}}' >/dev/null
former=$(ask GET "$accounts/app" | python3 -c 'import json, sys; print(json.load(sys.stdin)["metadata"]["uid"])')
ask DELETE "$accounts/app" >/dev/null
ask POST "$accounts" '{"metadata":{"name":"app"}}' >/dev/null
body() { echo '{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"'"$1"'","uid":"'"$former"'","labels":{"a":"b"}}}'; }
put=$(ask PUT "$accounts/app" "$(body app)" | python3 -c "$told")
delete=$(ask DELETE "$accounts/app" '{"preconditions":{"uid":"'"$former"'"}}' | python3 -c "$told")
merge=$(ask PATCH "$accounts/app" "$(body app)" application/merge-patch+json | python3 -c "$told")
apply=$(ask PATCH "$accounts/app?fieldManager=x" "$(body app)" application/apply-patch+yaml | python3 -c "$told")
absent=$(ask PATCH "$accounts/gone?fieldManager=x" "$(body gone)" application/apply-patch+yaml | python3 -c "$told")
echo "kube-apiserver $kubernetes on the UID of a predecessor: PUT $put; DELETE $delete; merge patch $merge; apply $apply; apply where there is none $absent"
if [ "$put/$delete/$merge/$apply/$absent" = "409 Conflict/409 Conflict/422 Invalid/422 Invalid/409 Conflict" ]; then
  echo "as described: a patch is invalid where everything else is a conflict"
else
  echo "kube-apiserver behaves differently now" >&2
  exit 1
fi
