#!/usr/bin/env bash
# Brings what is in config/, crds/ and dashboards/ into the chart: its templates take the objects from there. With --check it only looks whether
# the chart has the same.
set -euo pipefail
cd "$(dirname "$0")/.."
files=charts/irsa-anywhere/files
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

for pair in crds:crds config/rbac:rbac config/manager:manager config/inject:inject config/webhook:webhook config/prometheus:prometheus config/verify:verify; do
  mkdir -p "$made/${pair#*:}"
  cp "${pair%%:*}"/*.yaml "$made/${pair#*:}/"
done
mkdir "$made/dashboards"
cp dashboards/*.json "$made/dashboards/"
# What is kustomize's, what Helm makes itself, and what is for tests.
rm -f "$made"/*/kustomization.yaml "$made"/*/names.yaml "$made/rbac/namespace.yaml" "$made/prometheus/rules_test.yaml"

if [ "${1:-}" = --check ]; then
  diff -r "$made" "$files" >/dev/null || { echo "chart.sh: $files is not what config/, crds/ and dashboards/ say: make chart" >&2; exit 1; }
else
  rm -rf "$files"
  cp -r "$made" "$files"
fi
