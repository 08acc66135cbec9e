#!/usr/bin/env bash
# kube-apiserver: what a ValidatingAdmissionPolicy refuses says "is forbidden" and is answered 422 Invalid, as a schema error is.
#
# A validation without `reason` denies with code 422 and reason Invalid, while the message reads "... is forbidden: ValidatingAdmissionPolicy
# ... denied request: ...". Reason and code are those of an object that can never be valid; but the same object is taken as soon as somebody
# changes the policy, a namespace's labels or a parameter. A client that goes by code or reason gives the object up as malformed, or looks for
# missing RBAC if it goes by the word "forbidden"; details.causes has one entry whose `field` is empty, unlike a schema error. With
# `reason: Forbidden` the same policy answers 403.
#
# Builds kube-apiserver (lib/kube-apiserver.bash): ten minutes where Go's build cache is empty. Exit 0: behaves as described. Exit 1: it does
# not any more, and says what it saw.
set -euo pipefail
. "$(dirname "$0")/lib/kube-apiserver.bash"

admission=/apis/admissionregistration.k8s.io/v1
policy() { # policy NAME REASON
  ask POST "$admission/validatingadmissionpolicies" '{"apiVersion":"admissionregistration.k8s.io/v1",
    "kind":"ValidatingAdmissionPolicy","metadata":{"name":"'"$1"'"},"spec":{"failurePolicy":"Fail",
    "matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"],
    "resourceNames":["'"$1"'"]}]},
    "validations":[{"expression":"has(object.metadata.labels)","message":"a label is missing"'"${2:+,\"reason\":\"$2\"}"'}]}}' >/dev/null
  ask POST "$admission/validatingadmissionpolicybindings" '{"apiVersion":"admissionregistration.k8s.io/v1",
    "kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"'"$1"'"},
    "spec":{"policyName":"'"$1"'","validationActions":["Deny"]}}' >/dev/null
}
policy plain ''
policy spoken Forbidden

answer() { # answer NAME BODY: code, reason, whether the message says "is forbidden", fields of the causes
  local code
  for _ in $(seq 60); do
    ask POST '/api/v1/namespaces/default/configmaps?dryRun=All' "$2" > answer.json
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
