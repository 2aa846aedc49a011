{{/*
Checks that the schema cannot express, or that concern secrets: the schema's messages repeat the value.
*/}}
{{- define "holdfast.checks" -}}
{{- /*
matchLabelKeys of topology spread constraints, unhealthyPodEvictionPolicy and podFailurePolicy need 1.27. Not `kubeVersion` in
Chart.yaml: without a cluster (`helm template`, `helm lint`), a Helm built by `go install` assumes v1.20.0, and refuses the chart.
*/}}
{{- $kubernetes := .Capabilities.KubeVersion.Version }}
{{- if and (semverCompare "<1.27.0-0" $kubernetes) (ne $kubernetes "v1.20.0") }}
{{- fail (printf "Kubernetes 1.27 or newer is required, not %s" $kubernetes) }}
{{- end }}
{{- $secrets := dict
  "redisUrl" (list .Values.redisUrl "^rediss?([+](sentinel|cluster))?://\\S+$" "must be like redis://user:password@host:6379, or a list of such URLs")
  "mysqlUrl" (list .Values.mysqlUrl "^mysql://\\S+/\\S+$" "must be like mysql://user:password@host:3306/database, or a list of such URLs")
  "search.mysqlUrl" (list .Values.search.mysqlUrl "^mysql://\\S+/\\S+$" "must be like mysql://user:password@host:3306/database, or a list of such URLs")
  "bootstrapApiKey" (list .Values.bootstrapApiKey "^\\S{24,}$" "must have at least 24 characters, and no spaces")
 "webhooks.secretKeys" (list .Values.webhooks.secretKeys "^[A-Za-z0-9+/]{43}=(\\s+[A-Za-z0-9+/]{43}=)*$" "must be 32 bytes in base64, or several of these, separated by spaces")
  "development.redis.password" (list .Values.development.redis.password "^[A-Za-z0-9]{16,128}$" "must be 16 to 128 letters and digits")
  "development.mysql.password" (list .Values.development.mysql.password "^[A-Za-z0-9]{16,128}$" "must be 16 to 128 letters and digits")
-}}
{{- range $name, $rule := $secrets }}
{{- if first $rule }}
{{- if $.Values.existingSecret }}
{{- fail (printf "set either %s or existingSecret, not both" $name) }}
{{- end }}
{{- $values := ternary (first $rule) (list (first $rule)) (kindIs "slice" (first $rule)) }}
{{- range $value := $values }}
{{- if not (regexMatch (index $rule 1) $value) }}
{{- fail (printf "%s %s" $name (index $rule 2)) }}
{{- end }}
{{- end }}
{{- if and (kindIs "slice" (first $rule)) (ne (len $values) (int $.Values.shards)) }}
{{- fail (printf "%s must have as many URLs as there are shards, or be one URL" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if gt (int .Values.shards) 1 }}
{{- with .Values.mysqlUrl }}
{{- if not (or (contains "{shard}" (toString .)) (and (kindIs "slice" .) (eq (len (uniq .)) (len .)))) }}
{{- fail "mysqlUrl must name a different database for each shard: use {shard} in its name, or a list of URLs" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.secretProviderClass (not .Values.existingSecret) }}
{{- fail "secretProviderClass requires existingSecret: the name of the Secret that it creates (secretObjects)" }}
{{- end }}
{{- if not .Values.existingSecret }}
{{- range $rule := list (list "redisUrl" .Values.redisUrl .Values.development.redis.enabled) (list "mysqlUrl" .Values.mysqlUrl .Values.development.mysql.enabled) }}
{{- if not (or (index $rule 1) (index $rule 2)) }}
{{- fail (printf "%s is missing: set it, or set existingSecret to a Secret with REDIS_URL and MYSQL_URL" (first $rule)) }}
{{- end }}
{{- end }}
{{- range $name, $part := .Values.development }}
{{- if and $part.enabled (not $part.password) }}
{{- fail (printf "development.%s.password is missing: set at least 16 letters and digits" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.webhooks.enabled (not .Values.webhooks.secretKeys) (not .Values.existingSecret) }}
{{- fail "webhooks.secretKeys is missing: set it, or set existingSecret to a Secret with WEBHOOK_SECRET_KEYS" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.hosts is empty: set at least one host name" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is empty: set at least one gateway" }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if ne .kind "none" }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail "autoscaling.minReplicas must not exceed maxReplicas" }}
{{- end }}
{{- if not (or .targetCpuPercent .targetTransfersPerSecond) }}
{{- fail "autoscaling requires targetCpuPercent or targetTransfersPerSecond, or kind none" }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.migration }}
{{- $least := add (mul 2 .waitSeconds) 60 }}
{{- if lt (int64 .deadlineSeconds) $least }}
{{- fail (printf "migration.deadlineSeconds must be at least %d: two tries that wait for MySQL (waitSeconds, %d s), and a minute" $least (int64 .waitSeconds)) }}
{{- end }}
{{- end }}
{{- $delay := mul .Values.shutdown.preStopDelaySeconds 1000 }}
{{- $request := index .Values.config "REQUEST_TIMEOUT_MS" | default "10000" | int64 }}
{{- $least := div (add $delay $request 7999) 1000 }}
{{- if lt (int64 .Values.shutdown.graceSeconds) $least }}
{{- fail (printf "shutdown.graceSeconds must be at least %d: the delay (%d ms), a waiting request (REQUEST_TIMEOUT_MS, %d ms) and 7 s for the hand-over" $least $delay $request) }}
{{- end }}
{{- end -}}
