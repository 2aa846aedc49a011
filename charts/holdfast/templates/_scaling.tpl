{{/* Placement and number of API pods. */}}

{{- define "holdfast.scalingBehavior" -}}
# Scale up immediately, doubling at most; scale down by one pod per two minutes, after ten minutes below the target. A pod starts within
# seconds and the accounts are already in Redis, so one pod too many costs little, while one too few causes refusals.
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
