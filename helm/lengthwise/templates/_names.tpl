{{/* Names and labels. */}}

{{- define "lengthwise.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for what is put behind it, and for the names of pods. */}}
{{- define "lengthwise.fullname" -}}
{{- $name := include "lengthwise.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selectors are made of: it never changes. Call with (list . "component"). */}}
{{- define "lengthwise.selector" -}}
app.kubernetes.io/name: {{ include "lengthwise.name" (first .) }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* Labels of objects. Pods do not get those that change with the chart's version: a database would restart for nothing. */}}
{{- define "lengthwise.labels" -}}
{{- $root := first . -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "lengthwise.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ include "lengthwise.name" $root }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "lengthwise.image" -}}
{{- $image := .Values.image }}
{{- $name := ternary (printf "%s/%s" $image.registry $image.repository) $image.repository (ne $image.registry "") }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion (toString $image.tag)) }}
{{- end }}
{{- end }}

{{- define "lengthwise.serviceAccountName" -}}
{{- default (ternary (include "lengthwise.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "lengthwise.migratesBy" -}}
{{- default (ternary "node" "hook" .Values.quickstart.postgres.enabled) .Values.migrations.by }}
{{- end }}

{{/* Ports of clients: (dict "http" 3000 …), by name. */}}
{{- define "lengthwise.ports" -}}
http: 3000
{{- with .Values.config.ZWIBBLER_PORT }}
zwibbler: {{ int . }}
{{- end }}
{{- with .Values.config.YJS_PORT }}
yjs: {{ int . }}
{{- end }}
{{- end }}
