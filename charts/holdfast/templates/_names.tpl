{{/* Names, labels and the location of the secrets. */}}

{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select the pods; they must never change. (dict "root" $ "part" "api") */}}
{{- define "holdfast.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/version: {{ include "holdfast.version" . }}
app.kubernetes.io/part-of: holdfast
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of the pods of a development store: no version, because nothing but the store itself may restart it. */}}
{{- define "holdfast.storeLabels" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/part-of: holdfast
{{- end -}}

{{/* Labels of our own pods. The version is that of the image; the chart's version would restart them although nothing in them has changed. */}}
{{- define "holdfast.podLabels" -}}
{{ include "holdfast.storeLabels" . }}
app.kubernetes.io/version: {{ include "holdfast.version" . }}
{{- end -}}

{{- define "holdfast.version" -}}
{{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimSuffix "-" | trimSuffix "." | quote }}
{{- end -}}

{{- define "holdfast.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ if .digest }}@{{ .digest }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "holdfast.secretName" -}}
{{- .Values.existingSecret | default (include "holdfast.fullname" .) -}}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "holdfast.fullname" .) -}}
{{- end -}}

{{/* The StatefulSets of the development stores, and the Services that govern them. */}}
{{- define "holdfast.redisName" -}}{{ include "holdfast.fullname" . }}-redis{{- end -}}
{{- define "holdfast.mysqlName" -}}{{ include "holdfast.fullname" . }}-mysql{{- end -}}

{{/*
What clients connect to: a ClusterIP, whose address never changes. The governing Service is headless, and its name resolves to the
pod's address, which clients and DNS caches keep after a restart. The headless one cannot be changed into a ClusterIP by an upgrade.
(dict "root" $ "name" … "part" "redis" "port" 6379)
*/}}
{{- define "holdfast.storeServices" -}}
{{- range $suffix := list "" "-client" }}
{{- if $suffix }}
---
{{- end }}
apiVersion: v1
kind: Service
metadata:
  name: {{ $.name }}{{ $suffix }}
  labels: {{- include "holdfast.labels" $ | nindent 4 }}
spec:
  {{- if not $suffix }}
  clusterIP: None
  {{- end }}
  selector: {{- include "holdfast.selector" $ | nindent 4 }}
  ports:
    - { name: {{ $.part }}, port: {{ $.port }}, targetPort: {{ $.part }} }
{{- end }}
{{- end -}}

{{/* Whether there is an initial API key. */}}
{{- define "holdfast.hasBootstrapKey" -}}
{{- if or .Values.bootstrapApiKey .Values.existingSecret -}}yes{{- end -}}
{{- end -}}
