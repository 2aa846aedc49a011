{{/* Where API pods run, and how many. */}}

{{- define "holdfast.scalingBehavior" -}}
# Up at once and by as many as are there; down by one in two minutes, and only after ten quiet ones: a pod is started in seconds,
# and what it held is warm in Redis, so the cost of one too many is small, and that of one too few is a refusal.
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - { type: Percent, value: 100, periodSeconds: 15 }
    - { type: Pods, value: 2, periodSeconds: 15 }
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - { type: Pods, value: 1, periodSeconds: 120 }
{{- end -}}

{{- define "holdfast.awayFromRedis" -}}
topologyKey: {{ .topologyKey }}
labelSelector:
  matchLabels: {{- toYaml .matchLabels | nindent 4 }}
{{- with .namespaces }}
namespaces: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
