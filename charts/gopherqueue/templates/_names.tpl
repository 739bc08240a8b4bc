{{/* Name of every object of the release. */}}
{{- define "gopherqueue.name" -}}
{{- .Values.nameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "gopherqueue.natsName" -}}
{{ include "gopherqueue.name" . }}-nats
{{- end }}

{{- define "gopherqueue.selector" -}}
app.kubernetes.io/name: gopherqueue
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gopherqueue.labels" -}}
{{ include "gopherqueue.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: gopherqueue
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Image by digest, else by tag. Takes (dict "image" … "tag" …). */}}
{{- define "gopherqueue.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .tag }}
{{- end -}}
{{- end }}

{{- define "gopherqueue.natsUrl" -}}
{{- if and .Values.nats.url .Values.nats.bundled.enabled -}}
{{- fail "nats.url and nats.bundled.enabled exclude each other: set one of them, for example --set nats.bundled.enabled=false" -}}
{{- else if .Values.nats.url -}}
{{ .Values.nats.url }}
{{- else if .Values.nats.bundled.enabled -}}
nats://{{ include "gopherqueue.natsName" . }}.{{ .Release.Namespace }}:4222
{{- else -}}
{{- fail "the operator needs NATS: set --set nats.url=nats://HOST:4222, or for a trial --set nats.bundled.enabled=true" -}}
{{- end -}}
{{- end }}

{{/* What Pod Security "restricted" asks of every container. */}}
{{- define "gopherqueue.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}
