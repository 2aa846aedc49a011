{{/* Parts that all our pods share. */}}

{{/* The restricted profile of the pod security standards, and a read-only file system. */}}
{{- define "holdfast.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "holdfast.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* A variable from a Secret. (list name secret key) */}}
{{- define "holdfast.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom: { secretKeyRef: { name: {{ index . 1 }}, key: {{ index . 2 }} } }
{{- end -}}

{{/* The URLs of the stores. Those of the development stores are composed from their passwords. */}}
{{- define "holdfast.mysqlUrl" -}}
{{- if .Values.development.mysql.enabled -}}
{{ include "holdfast.fromSecret" (list "MYSQL_PASSWORD" (include "holdfast.secretName" .) "MYSQL_PASSWORD") }}
- name: MYSQL_URL
  value: mysql://holdfast:$(MYSQL_PASSWORD)@{{ include "holdfast.mysqlName" . }}-client:3306/holdfast{{ if gt (int .Values.shards) 1 }}_{shard}{{ end }}
{{- else -}}
{{ include "holdfast.fromSecret" (list "MYSQL_URL" (include "holdfast.secretName" .) "MYSQL_URL") }}
{{- end -}}
{{- end -}}

{{/* The URL of a separate database for the search index, if there is one. (dict "root" $ "secret" name) */}}
{{- define "holdfast.searchMysqlUrl" -}}
{{- if .root.Values.search.enabled }}
- name: SEARCH_MYSQL_URL
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: SEARCH_MYSQL_URL, optional: true } }
{{- end }}
{{- end -}}

{{- define "holdfast.redisUrl" -}}
{{- if .Values.development.redis.enabled -}}
{{ include "holdfast.fromSecret" (list "REDIS_PASSWORD" (include "holdfast.secretName" .) "REDIS_PASSWORD") }}
- name: REDIS_URL
  value: redis://default:$(REDIS_PASSWORD)@{{ include "holdfast.redisName" . }}-client:6379
{{- else -}}
{{ include "holdfast.fromSecret" (list "REDIS_URL" (include "holdfast.secretName" .) "REDIS_URL") }}
{{- end -}}
{{- end -}}

{{- define "holdfast.caEnv" -}}
{{- if .Values.caBundle.configMap }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/holdfast/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- end -}}

{{/*
Prometheus distinguishes ledgers by the labels of their pods. The annotations make a changed setting replace the pods, and only those
that read it.
*/}}
{{- define "holdfast.podMetadata" -}}
labels:
  {{- include "holdfast.podLabels" . | nindent 2 }}
  {{- with (index .root.Values .part).podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  holdfast/settings: {{ include "holdfast.settings" .root | sha256sum | trunc 16 }}
  {{- if not .root.Values.existingSecret }}
  holdfast/secret: {{ include "holdfast.secrets" . | sha256sum | trunc 16 }}
  {{- end }}
  {{- with (index .root.Values .part).podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What only the deployment knows about a process, for its traces. (dict "root" $ "part" "api") */}}
{{- define "holdfast.traceEnv" -}}
- { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
- { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
- { name: NODE_NAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME),k8s.container.name={{ .part }}
{{- end -}}

{{/* The container of a role. (dict "root" $ "part" "api") */}}
{{- define "holdfast.container" -}}
{{- $values := index .root.Values .part -}}
name: {{ .part }}
image: {{ include "holdfast.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .part }}]
envFrom:
  - configMapRef: { name: {{ include "holdfast.fullname" .root }} }
env:
  {{- include "holdfast.redisUrl" .root | nindent 2 }}
  {{- if and .root.Values.webhooks.enabled (has .part (list "api" "webhooks")) }}
  {{- include "holdfast.fromSecret" (list "WEBHOOK_SECRET_KEYS" (include "holdfast.secretName" .root) "WEBHOOK_SECRET_KEYS") | nindent 2 }}
  {{- end }}
  {{- include "holdfast.mysqlUrl" .root | nindent 2 }}
  {{- if ne .part "keeper" }}
  {{- include "holdfast.searchMysqlUrl" (dict "root" .root "secret" (include "holdfast.secretName" .root)) | nindent 2 }}
  {{- end }}
  {{- if eq .part "api" }}
  - name: BOOTSTRAP_API_KEY
    valueFrom: { secretKeyRef: { name: {{ include "holdfast.secretName" .root }}, key: BOOTSTRAP_API_KEY, optional: true } }
  {{- end }}
  {{- include "holdfast.caEnv" .root | nindent 2 }}
  {{- include "holdfast.traceEnv" . | nindent 2 }}
ports:
  {{- if eq .part "api" }}
  - { name: http, containerPort: 8080 }
  {{- end }}
  - { name: metrics, containerPort: 9090 }
# A hung process is replaced within 30 s (README.md, "A hung process"; scripts/chart/replacement.mjs computes the sum).
# /livez depends on the event loop alone, because a restart repairs neither Redis nor MySQL. Startup
# takes a second or two; on a node without a free core, it took more than 20 s (a load of 45 on two
# cores), and killing the process would only add to the load.
startupProbe:
  httpGet: { path: /livez, port: metrics }
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: 60
  terminationGracePeriodSeconds: 3
# A hung process is detected after 16 to 18 s: up to 2 + 4 x 4. A process that is merely busy
# answers at least one of four probes within 4 s.
livenessProbe:
  httpGet: { path: /livez, port: metrics }
  periodSeconds: 2
  timeoutSeconds: 4
  failureThreshold: 4
  # A hung process cannot hand over anything, so it does not get the pod's whole grace period.
  terminationGracePeriodSeconds: 3
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 2
  timeoutSeconds: 1
  failureThreshold: 1
resources: {{- toYaml $values.resources | nindent 2 }}
{{ include "holdfast.containerSecurity" .root }}
{{- if include "holdfast.volumes" . }}
volumeMounts:
  {{- include "holdfast.sharedMounts" .root | nindent 2 }}
  {{- if .root.Values.jwt.jwksConfigMap }}
  - { name: jwks, mountPath: /etc/holdfast/jwks, readOnly: true }
  {{- end }}
  {{- if and .root.Values.apiKeys.existingSecret (eq .part "api") }}
  - { name: api-keys, mountPath: /etc/holdfast/api-keys, readOnly: true }
  {{- end }}
  {{- if and .root.Values.auditKey.existingSecret (eq .part "keeper") }}
  - { name: audit-key, mountPath: /etc/holdfast/audit-key, readOnly: true }
  {{- end }}
{{- end }}
{{- end -}}

{{/* Volumes of our pods and of the migration. */}}
{{- define "holdfast.sharedVolumes" -}}
{{- if .Values.caBundle.configMap }}
- name: ca
  configMap: { name: {{ .Values.caBundle.configMap }} }
{{- end }}
{{- with .Values.secretProviderClass }}
# The driver creates the Secret when a pod mounts this, and deletes it when the last pod has ended.
# No process reads the files.
- name: secrets
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes: { secretProviderClass: {{ . }} }
{{- end }}
{{- end -}}

{{- define "holdfast.sharedMounts" -}}
{{- if .Values.caBundle.configMap }}
- { name: ca, mountPath: /etc/holdfast/ca, readOnly: true }
{{- end }}
{{- if .Values.secretProviderClass }}
- { name: secrets, mountPath: /etc/holdfast/secrets, readOnly: true }
{{- end }}
{{- end -}}

{{/* Volumes of a role. (dict "root" $ "part" "api") */}}
{{- define "holdfast.volumes" -}}
{{- include "holdfast.sharedVolumes" .root }}
{{- if .root.Values.jwt.jwksConfigMap }}
- name: jwks
  configMap: { name: {{ .root.Values.jwt.jwksConfigMap }} }
{{- end }}
{{- if and .root.Values.apiKeys.existingSecret (eq .part "api") }}
- name: api-keys
  secret: { secretName: {{ .root.Values.apiKeys.existingSecret }} }
{{- end }}
{{- if and .root.Values.auditKey.existingSecret (eq .part "keeper") }}
- name: audit-key
  secret: { secretName: {{ .root.Values.auditKey.existingSecret }} }
{{- end }}
{{- end -}}

{{/*
Kubernetes itself would keep the pods of a lost node for 300 s. A pod may run twice at any time, so it is replaced early.
(dict "root" $ "more" list)
*/}}
{{- define "holdfast.tolerations" -}}
{{- $tolerations := .more | default list }}
{{- with .root.Values.nodeLoss.tolerationSeconds }}
{{- range $key := list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" }}
{{- $tolerations = append $tolerations (dict "key" $key "operator" "Exists" "effect" "NoExecute" "tolerationSeconds" (int64 $.root.Values.nodeLoss.tolerationSeconds)) }}
{{- end }}
{{- end }}
{{- with $tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The pod spec of a role, except its containers. */}}
{{- define "holdfast.podRest" -}}
{{- $values := index .root.Values .part -}}
serviceAccountName: {{ include "holdfast.serviceAccountName" .root }}
{{ include "holdfast.podSecurity" .root }}
terminationGracePeriodSeconds: {{ add .root.Values.shutdown.graceSeconds 5 }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "holdfast.tolerations" (dict "root" .root "more" $values.tolerations) }}
{{- with include "holdfast.volumes" (dict "root" .root "part" .part) }}
volumes: {{- . | nindent 2 }}
{{- end }}
{{- end -}}
