{{/* The pod of a hook: a look by the operator's own binary, as its own ServiceAccount. Takes a dict: root, check. */}}
{{- define "irsa-anywhere.look" -}}
serviceAccountName: irsa-anywhere
automountServiceAccountToken: true
restartPolicy: Never
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.operator.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.operator.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: look
    image: {{ include "irsa-anywhere.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [check, {{ .check }}]
    # What it found is the container's last word: kubectl describe shows it.
    terminationMessagePolicy: FallbackToLogsOnError
    resources: {{ toYaml .root.Values.operator.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
{{- end -}}
