#!/usr/bin/env bash
# kustomize changes the value of a folded block scalar (">-") that has a more-indented line: it comes out with an empty line more.
#
# YAML keeps the one line break before a more-indented line; in what kustomize writes there are two. A literal scalar ("|-") of the same
# text is kept. So one file means two things to `kubectl apply -f` and `kubectl apply -k`:
# here that was a CEL expression of an admission policy, which worked either way, but every switch between the two was a server-side
# apply conflict, and a diff in GitOps tools that no commit explains.
#
# Needs Go. Exit 0: behaves as described. Exit 1: it does not any more, and says what it saw.
set -euo pipefail
version=v5.8.2

directory=$(mktemp -d)
trap 'chmod -R u+w "$directory" && rm -rf "$directory"' EXIT
cd "$directory"
GOBIN="$directory" GOFLAGS=-mod=mod go install "sigs.k8s.io/kustomize/kustomize/v5@$version"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyYAML==6.0.2

cat > source.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: expressions
data:
  folded: >-
    items.filter(item,
      item.size > 1)
  literal: |-
    items.filter(item,
      item.size > 1)
YAML
printf 'resources: [source.yaml]\n' > kustomization.yaml
./kustomize build . > built.yaml
echo "kustomize $version wrote:"
cat built.yaml

venv/bin/python - <<'PYTHON'
import sys
import yaml

source, built = (yaml.safe_load(open(name))["data"] for name in ["source.yaml", "built.yaml"])
for key in ["folded", "literal"]:
    print(f"{key}: in the source {source[key]!r}, built {built[key]!r}")
expected = source["literal"] == built["literal"] and source["folded"] == "items.filter(item,\n  item.size > 1)"
if expected and built["folded"] == "items.filter(item,\n\n  item.size > 1)":
    print("as described: one line more in the folded scalar, none in the literal one")
else:
    sys.exit("kustomize behaves differently now")
PYTHON
