{{/* Placement and number of API pods. */}}

{{- define "holdfast.scalingBehavior" -}}
# A pod starts within seconds and the accounts are already in Redis, so an extra pod costs little, while a missing pod
# causes refusals: scale up immediately, and down slowly.
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - { type: Percent, value: 100, periodSeconds: 15 }
    - { type: Pods, value: 2, periodSeconds: 15 }
scaleDown:
  stabilizationWindowSeconds: {{ .Values.autoscaling.scaleDown.stabilizationSeconds }}
  policies:
    - { type: Pods, value: 1, periodSeconds: {{ .Values.autoscaling.scaleDown.onePodPerSeconds }} }
{{- end -}}

{{- define "holdfast.awayFromRedis" -}}
topologyKey: {{ .topologyKey }}
labelSelector:
  matchLabels: {{- toYaml .matchLabels | nindent 4 }}
{{- with .namespaces }}
namespaces: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
