{{/*
The objects of a file of config/, as they are there, in the release's namespace and with its labels.
Takes a dict: root, file. Gives a YAML list under "items", for fromYaml.
*/}}
{{- define "irsa-anywhere.objects" -}}
{{- $root := .root -}}
{{- $items := list -}}
{{- range $text := regexSplit "(?m)^---$" (required (printf "the chart lacks %s" .file) ($root.Files.Get .file)) -1 -}}
{{- $object := fromYaml $text -}}
{{- if $object.kind -}}
{{- $metadata := $object.metadata -}}
{{- if $metadata.namespace -}}
{{- $_ := set $metadata "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- $labels := dict "app.kubernetes.io/part-of" "irsa-anywhere" "app.kubernetes.io/managed-by" $root.Release.Service "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/version" $root.Chart.AppVersion "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- $_ := set $metadata "labels" (mustMerge (default (dict) $metadata.labels) $labels) -}}
{{- range $subject := $object.subjects -}}
{{- if $subject.namespace -}}
{{- $_ := set $subject "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- end -}}
{{- $items = append $items $object -}}
{{- end -}}
{{- end -}}
{{ toYaml (dict "items" $items) }}
{{- end -}}

{{/* The same as documents. */}}
{{- define "irsa-anywhere.file" -}}
{{- range (include "irsa-anywhere.objects" . | fromYaml).items }}
---
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What injects pods: policy, webhook or none. */}}
{{- define "irsa-anywhere.carrier" -}}
{{- $has := semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version -}}
{{- $beta := semverCompare ">=1.34.0-0" .Capabilities.KubeVersion.Version -}}
{{- $carrier := .Values.injection.carrier -}}
{{- $version := .Values.injection.policy.apiVersion -}}
{{- if and (eq $carrier "auto") (ne $version "v1") -}}
{{- fail (printf "injection.policy.apiVersion: %s is only for injection.carrier=policy: set that too, or neither." $version) -}}
{{- end -}}
{{- if eq $carrier "auto" -}}
{{- ternary "policy" "webhook" $has -}}
{{- else -}}
{{- if and (eq $carrier "policy") (eq $version "v1") (not $has) -}}
{{- fail (printf "injection.carrier: policy needs Kubernetes 1.36, and this is %s. Set it to webhook; or, on 1.34 and 1.35 with both flags that docs/injection.md names, set injection.policy.apiVersion to v1beta1." .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and (eq $carrier "policy") (eq $version "v1beta1") (not $beta) -}}
{{- fail (printf "injection.policy.apiVersion: v1beta1 needs Kubernetes 1.34, and this is %s. Set injection.carrier to webhook." .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- $carrier -}}
{{- end -}}
{{- end -}}

{{- define "irsa-anywhere.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/*
A Deployment of config/ with what the values say of it. Takes a dict: root, file, values, and name, which is what the values are called.
*/}}
{{- define "irsa-anywhere.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $called := .name -}}
{{- $deployment := index (include "irsa-anywhere.objects" . | fromYaml).items 0 -}}
{{- if kindIs "invalid" $values.replicas -}}
{{- $_ := unset $deployment.spec "replicas" -}}
{{- else -}}
{{- $_ := set $deployment.spec "replicas" $values.replicas -}}
{{- end -}}
{{- $template := $deployment.spec.template -}}
{{- $_ := set $template.metadata "labels" (mustMerge $template.metadata.labels $values.podLabels) -}}
{{- with $values.podAnnotations -}}
{{- $_ := set $template.metadata "annotations" . -}}
{{- end -}}
{{- $pod := $template.spec -}}
{{- $_ := set $pod "priorityClassName" $values.priorityClassName -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "volumes" -}}
{{- with index $values $key -}}
{{- $_ := set $pod $key . -}}
{{- end -}}
{{- end -}}
{{- with $root.Values.imagePullSecrets -}}
{{- $secrets := list -}}
{{- range . -}}
{{- $secrets = append $secrets (dict "name" .) -}}
{{- end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- $container := index $pod.containers 0 -}}
{{- $_ := set $container "image" (include "irsa-anywhere.image" $root) -}}
{{- $_ := set $container "imagePullPolicy" $root.Values.image.pullPolicy -}}
{{- $_ := set $container "resources" $values.resources -}}
{{- with $values.volumeMounts -}}
{{- $_ := set $container "volumeMounts" . -}}
{{- end -}}
{{- with (default (dict) $values.certificate).secret -}}
{{- $_ := set $pod "volumes" (list (dict "name" "certificate" "secret" (dict "secretName" .))) -}}
{{- $_ := set $container "volumeMounts" (list (dict "name" "certificate" "mountPath" "/certificate" "readOnly" true)) -}}
{{- $_ := set $container "env" (append $container.env (dict "name" "CERTIFICATE_DIRECTORY" "value" "/certificate")) -}}
{{- end -}}
{{- $env := $container.env -}}
{{- $taken := list -}}
{{- range $env -}}
{{- $taken = append $taken .name -}}
{{- end -}}
{{- range $name, $value := $values.variables -}}
{{- if has $name $taken -}}
{{- fail (printf "%s.variables.%s: the chart sets it itself." $called $name) -}}
{{- end -}}
{{- $env = append $env (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- $env = concat $env (default (list) $values.env) -}}
{{- $_ := set $container "env" $env -}}
{{- if and $container.envFrom $values.credentialsSecret -}}
{{- $_ := set (index $container.envFrom 0).secretRef "name" $values.credentialsSecret -}}
{{- end -}}
{{ toYaml $deployment }}
{{- end -}}
