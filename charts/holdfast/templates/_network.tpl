{{/* Network policies. Peers and ports form one egress rule; without peers it allows any address. */}}
{{- define "holdfast.egress" -}}
- ports: {{- range .ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "holdfast.egressToDns" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end -}}

{{- define "holdfast.egressToRedis" -}}
{{- if .Values.development.redis.enabled -}}
- ports: [{ port: 6379, protocol: TCP }]
  to:
    - podSelector:
        matchLabels: {{- include "holdfast.selector" (dict "root" . "part" "redis") | nindent 10 }}
{{- else -}}
{{- include "holdfast.egress" .Values.networkPolicy.redis -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.egressToMysql" -}}
{{- if .Values.development.mysql.enabled -}}
- ports: [{ port: 3306, protocol: TCP }]
  to:
    - podSelector:
        matchLabels: {{- include "holdfast.selector" (dict "root" . "part" "mysql") | nindent 10 }}
{{- else -}}
{{- include "holdfast.egress" .Values.networkPolicy.mysql -}}
{{- end -}}
{{- end -}}

{{/* Anyone who can write to a store can create money, so only our pods may connect. (dict "root" $ "part" "redis" "clients" (list "api")) */}}
{{- define "holdfast.developmentPolicy" -}}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "holdfast.fullname" .root }}-{{ .part }}
  labels: {{- include "holdfast.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "holdfast.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{ port: {{ .part }} }]
      from:
        {{- range .clients }}
        - podSelector:
            matchLabels: {{- include "holdfast.selector" (dict "root" $.root "part" .) | nindent 14 }}
        {{- end }}
  egress: []
{{- end }}
{{- end -}}
