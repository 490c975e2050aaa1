{{/* Settings of the node: what goes into its environment, and where from. */}}

{{/* A value as the node reads it. Numbers of a values file are floats here, and 16777216 must not become 1.6777216e+07. */}}
{{- define "lengthwise.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . }}
{{- else if kindIs "slice" . -}}
{{ join "," . }}
{{- else if kindIs "map" . -}}
{{ toJson . }}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end }}

{{/* Whether a setting of kind flag is on. Call with (list config "NAME" default). */}}
{{- define "lengthwise.flag" -}}
{{- $given := toString (dig (index . 1) (index . 2) (index . 0)) | lower -}}
{{- if has $given (list "1" "true" "yes" "on") }}true{{ end -}}
{{- end }}

{{/* From SIGTERM to the end, in seconds: the notice to load balancers, the closing of connections, the last answers. */}}
{{- define "lengthwise.drainSeconds" -}}
{{- $config := .Values.config -}}
{{- $ms := add (int64 (dig "DRAIN_NOTICE_MS" 5000 $config)) (int64 (dig "DRAIN_MS" 20000 $config)) -}}
{{- $sleep := dig "preStop" "sleep" "seconds" 0 .Values.lifecycle -}}
{{- add (ceil (divf $ms 1000)) .Values.drain.marginSeconds (int64 $sleep) | int64 -}}
{{- end }}

{{- define "lengthwise.graceSeconds" -}}
{{- $needed := include "lengthwise.drainSeconds" . | int64 -}}
{{- $given := .Values.drain.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{ $needed }}
{{- else if lt (int64 $given) $needed -}}
{{- fail (printf "drain.terminationGracePeriodSeconds is %d, but a node needs up to %d s to leave (DRAIN_NOTICE_MS + DRAIN_MS + drain.marginSeconds): it would be killed with clients connected" (int64 $given) $needed) -}}
{{- else -}}
{{ int64 $given }}
{{- end -}}
{{- end }}

{{/* Where DATABASE_URL and REDIS_URL are: (dict "name" … "key" …), or nothing. */}}
{{- define "lengthwise.databaseSecret" -}}
{{- $v := .Values -}}
{{- if $v.database.existingSecret -}}
{{ dict "name" $v.database.existingSecret "key" $v.database.existingSecretKey | toYaml }}
{{- else if or $v.database.url $v.quickstart.postgres.enabled -}}
{{ dict "name" (include "lengthwise.fullname" .) "key" "DATABASE_URL" | toYaml }}
{{- else if $v.existingSecret -}}
{{ dict "name" $v.existingSecret "key" "DATABASE_URL" | toYaml }}
{{- else -}}
{{- fail "no database: set database.existingSecret (or database.url), or try it out with -f values-quickstart.yaml" -}}
{{- end -}}
{{- end }}

{{- define "lengthwise.redisSecret" -}}
{{- $v := .Values -}}
{{- if $v.redis.existingSecret -}}
{{ dict "name" $v.redis.existingSecret "key" $v.redis.existingSecretKey | toYaml }}
{{- else if or $v.redis.url $v.quickstart.redis.enabled -}}
{{ dict "name" (include "lengthwise.fullname" .) "key" "REDIS_URL" | toYaml }}
{{- end -}}
{{- end }}

{{/*
What was made up, in base64 and by name. A value that the cluster has already is kept: an upgrade must change neither the
database's password nor the key of tokens that people have. Made up once for all templates of a rendering.
*/}}
{{- define "lengthwise.madeUp" -}}
{{- if not (hasKey .Values "_madeUp") -}}
{{- $name := include "lengthwise.fullname" . -}}
{{- $kept := dict -}}
{{- range list $name (printf "%s-quickstart" $name) -}}
{{- $found := lookup "v1" "Secret" $.Release.Namespace . | default dict -}}
{{- $kept = merge $kept (get $found "data" | default dict) -}}
{{- end -}}
{{- $madeUp := dict -}}
{{- $names := .Values.secrets.generate -}}
{{- if .Values.quickstart.postgres.enabled }}{{ $names = append $names "POSTGRES_PASSWORD" }}{{ end -}}
{{- if .Values.quickstart.redis.enabled }}{{ $names = append $names "REDIS_PASSWORD" }}{{ end -}}
{{- range $names -}}
{{- $_ := set $madeUp . (get $kept . | default (randAlphaNum 48 | b64enc)) -}}
{{- end -}}
{{- $_ := set .Values "_madeUp" $madeUp -}}
{{- end -}}
{{- toYaml .Values._madeUp -}}
{{- end }}

{{/* Contents of the chart's Secret, in base64: secret settings by name. */}}
{{- define "lengthwise.secretData" -}}
{{- $name := include "lengthwise.fullname" . -}}
{{- $madeUp := include "lengthwise.madeUp" . | fromYaml -}}
{{- $data := omit $madeUp "POSTGRES_PASSWORD" "REDIS_PASSWORD" -}}
{{- range $key, $value := .Values.secrets.values -}}
{{- $_ := set $data $key (include "lengthwise.text" $value | b64enc) -}}
{{- end -}}
{{- if .Values.quickstart.postgres.enabled -}}
{{- $url := printf "postgres://lengthwise:%s@%s-postgres:5432/lengthwise" (b64dec $madeUp.POSTGRES_PASSWORD) $name -}}
{{- $_ := set $data "DATABASE_URL" ($url | b64enc) -}}
{{- else if and .Values.database.url (not .Values.database.existingSecret) -}}
{{- $_ := set $data "DATABASE_URL" (.Values.database.url | b64enc) -}}
{{- end -}}
{{- if .Values.quickstart.redis.enabled -}}
{{- $url := printf "redis://:%s@%s-redis:6379" (b64dec $madeUp.REDIS_PASSWORD) $name -}}
{{- $_ := set $data "REDIS_URL" ($url | b64enc) -}}
{{- else if and .Values.redis.url (not .Values.redis.existingSecret) -}}
{{- $_ := set $data "REDIS_URL" (.Values.redis.url | b64enc) -}}
{{- end -}}
{{- toYaml $data -}}
{{- end }}

{{/* What was given and is secret: pods are replaced when it changes. What was made up never changes. */}}
{{- define "lengthwise.secretChecksum" -}}
{{- list .Values.secrets.values .Values.database.url .Values.redis.url | toJson | sha256sum -}}
{{- end }}

{{/* Environment of a node. */}}
{{- define "lengthwise.env" -}}
- name: HOST
  value: {{ .Values.host | quote }}
- name: PORT
  value: '3000'
- name: ADMIN_HOST
  value: {{ .Values.host | quote }}
- name: ADMIN_PORT
  value: '9600'
- name: WORKERS
  value: '1'
- name: NODE_ENV
  value: {{ dig "NODE_ENV" "production" .Values.config | quote }}
- name: MIGRATE
  value: {{ ternary "1" "0" (eq (include "lengthwise.migratesBy" .) "node") | quote }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      {{- include "lengthwise.databaseSecret" . | nindent 6 }}
{{- with include "lengthwise.redisSecret" . }}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      {{- . | nindent 6 }}
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: TLS_CERT_FILE
  value: /etc/lengthwise/tls/tls.crt
- name: TLS_KEY_FILE
  value: /etc/lengthwise/tls/tls.key
{{- end }}
{{- range $name, $value := omit .Values.config "NODE_ENV" }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ include "lengthwise.text" $value | quote }}
{{- end }}
{{- end }}
{{- include "lengthwise.trustedCaEnv" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Later sources win: an existing Secret comes before what the chart keeps. */}}
{{- define "lengthwise.envFrom" -}}
{{- if include "lengthwise.secretData" . | fromYaml }}
- secretRef:
    name: {{ include "lengthwise.fullname" . }}
{{- end }}
{{- with .Values.existingSecret }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The node refuses to serve strangers unless told to; this says so before anything is installed. */}}
{{- define "lengthwise.checkDoor" -}}
{{- $v := .Values -}}
{{- $names := concat (keys $v.secrets.values) $v.secrets.generate -}}
{{- range $v.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- $zwibbler := or (has "ZWIBBLER_JWT_KEY" $names) (not (include "lengthwise.flag" (list $v.config "ZWIBBLER_PLAIN_IDS" "1"))) -}}
{{- $yjs := ne (toString (dig "YJS_AUTH" "none" $v.config)) "none" -}}
{{- $anybody := include "lengthwise.flag" (list $v.config "ALLOW_ANONYMOUS" "0") -}}
{{- $unknown := or $v.existingSecret $v.extraEnvFrom (has "ZWIBBLER_PLAIN_IDS" $names) (has "YJS_AUTH" $names) (has "ALLOW_ANONYMOUS" $names) -}}
{{- if not (or $zwibbler $yjs $anybody $unknown) -}}
{{- fail "anybody could read and write: give a ZWIBBLER_JWT_KEY (existingSecret, secrets.values or secrets.generate) or set config.YJS_AUTH to jwt or hook; or config.ALLOW_ANONYMOUS to 1 if that is meant" -}}
{{- end -}}
{{- range $v.extraEnv -}}
{{- if has .name (list "DRAIN_MS" "DRAIN_NOTICE_MS") }}{{ fail (printf "%s belongs to config: the grace period is computed from it" .name) }}{{ end -}}
{{- end -}}
{{- end }}

{{/*
A Job whose Secret is not there would wait for it until helm's patience ends, and say nothing. Call with (list . secret). Only a
cluster can tell: every namespace in one has an account named default.
*/}}
{{- define "lengthwise.checkThere" -}}
{{- $namespace := (first .).Release.Namespace -}}
{{- $secret := last . -}}
{{- if lookup "v1" "ServiceAccount" $namespace "default" -}}
{{- $found := lookup "v1" "Secret" $namespace $secret.name | default dict -}}
{{- if not (hasKey (get $found "data" | default dict) $secret.key) -}}
{{- fail (printf "the Job that migrates needs the Secret %s in the namespace %s, with the key %s, before the release" $secret.name $namespace $secret.key) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Port of a URL. Call with (list url default). */}}
{{- define "lengthwise.portOf" -}}
{{- $host := (urlParse (first .)).host | default "" -}}
{{- default (last . | toString) (regexFind ":[0-9]+$" $host | trimPrefix ":") -}}
{{- end }}

{{/* Postgres and Redis of the quickstart, within the restricted Pod Security Standard too. */}}
{{- define "lengthwise.quickstartUser" -}}
runAsNonRoot: true
runAsUser: {{ .Values.quickstart.runAsUser }}
runAsGroup: {{ .Values.quickstart.runAsUser }}
fsGroup: {{ .Values.quickstart.runAsUser }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}
