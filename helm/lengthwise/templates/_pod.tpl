{{/* What all pods of the release have in common: where they may run, how they look up names, whom they trust. */}}

{{- define "lengthwise.pod" -}}
automountServiceAccountToken: false
# Variables of other services are of no use, and some would have names of ours.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{/* The machines only: what keeps nodes apart from each other is not for the other pods. */}}
{{- define "lengthwise.nodeAffinity" -}}
{{- with .Values.affinity.nodeAffinity }}
affinity:
  nodeAffinity:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "lengthwise.trustedCaSource" -}}
{{- with .Values.trustedCa }}
{{- if and .existingConfigMap .existingSecret }}
{{- fail "trustedCa: existingConfigMap or existingSecret, not both" }}
{{- else if .existingConfigMap }}
configMap:
  name: {{ .existingConfigMap }}
{{- else if .existingSecret }}
secret:
  secretName: {{ .existingSecret }}
  defaultMode: 288
{{- end }}
{{- end }}
{{- end }}

{{- define "lengthwise.trustedCaEnv" -}}
{{- if include "lengthwise.trustedCaSource" . }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/lengthwise/ca/{{ .Values.trustedCa.key }}
{{- end }}
{{- end }}

{{- define "lengthwise.trustedCaMount" -}}
{{- if include "lengthwise.trustedCaSource" . }}
- name: trusted-ca
  mountPath: /etc/lengthwise/ca
  readOnly: true
{{- end }}
{{- end }}

{{- define "lengthwise.trustedCaVolume" -}}
{{- with include "lengthwise.trustedCaSource" . | trim }}
- name: trusted-ca
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
