{{/* What the processes read from their environment. */}}

{{- define "holdfast.settings" -}}
ADMIN_PORT: "9090"
{{- if gt (int .Values.shards) 1 }}
SHARDS: {{ .Values.shards | toString | quote }}
{{- end }}
{{- if .Values.search.enabled }}
SEARCH: "on"
{{- end }}
PRE_STOP_DELAY_MS: {{ mul .Values.shutdown.preStopDelaySeconds 1000 | toString | quote }}
SHUTDOWN_GRACE_MS: {{ mul .Values.shutdown.graceSeconds 1000 | toString | quote }}
{{- with .Values.jwt }}
{{- if .issuer }}
JWT_ISSUER: {{ .issuer | quote }}
JWT_AUDIENCE: {{ .audience | quote }}
{{- if .jwksConfigMap }}
JWT_JWKS_FILE: /etc/holdfast/jwks/{{ .jwksKey }}
{{- else if .jwksUrl }}
JWT_JWKS_URL: {{ .jwksUrl | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.apiKeys }}
{{- if .existingSecret }}
API_KEYS_FILE: /etc/holdfast/api-keys/{{ .key }}
{{- end }}
{{- end }}
{{- with .Values.auditKey }}
{{- if .existingSecret }}
AUDIT_SIGNING_KEY_FILE: /etc/holdfast/audit-key/{{ .key }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.config }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* One URL, or the URLs of all shards. */}}
{{- define "holdfast.urls" -}}
{{- if kindIs "slice" . }}{{ join " " . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* Keepers do not read the initial API key. (dict "root" $ "part" "api") */}}
{{- define "holdfast.secrets" -}}
{{- if .root.Values.development.redis.enabled }}
REDIS_PASSWORD: {{ .root.Values.development.redis.password | quote }}
{{- else }}
REDIS_URL: {{ include "holdfast.urls" .root.Values.redisUrl | quote }}
{{- end }}
{{- if .root.Values.development.mysql.enabled }}
MYSQL_PASSWORD: {{ .root.Values.development.mysql.password | quote }}
{{- else }}
MYSQL_URL: {{ include "holdfast.urls" .root.Values.mysqlUrl | quote }}
{{- end }}
{{- if and .root.Values.search.enabled .root.Values.search.mysqlUrl (ne .part "keeper") }}
SEARCH_MYSQL_URL: {{ include "holdfast.urls" .root.Values.search.mysqlUrl | quote }}
{{- end }}
{{- if and .root.Values.bootstrapApiKey (eq .part "api") }}
BOOTSTRAP_API_KEY: {{ .root.Values.bootstrapApiKey | quote }}
{{- end }}
{{- if and .root.Values.webhooks.enabled .root.Values.webhooks.secretKeys (has .part (list "api" "webhooks")) }}
WEBHOOK_SECRET_KEYS: {{ .root.Values.webhooks.secretKeys | quote }}
{{- end }}
{{- end -}}
