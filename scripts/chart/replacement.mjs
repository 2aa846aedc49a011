/**
 * The longest time that a hung process is unavailable, according to its probes: the sum in docs/operation.md, computed
 * from the manifests so that the two cannot differ.
 */

/** Requirement: a hung process is replaced, and its successor serves, within this time. */
export const REPLACED_SECONDS_MAX = 30;

/**
 * Time for Kubernetes to notice that a container has ended and to start another one; the kubelet checks once a second.
 */
export const KUBELET_SECONDS = 2;
/**
 * The time from the start of the process until it answers. Measured under load: 0.9 s
 * (resilience-tests/restart-time.ts).
 */
export const START_SECONDS = 2;

/**
 * @typedef {object} Probe
 * @property {{ path: string }} httpGet
 * @property {number} periodSeconds
 * @property {number} [timeoutSeconds]
 * @property {number} failureThreshold
 * @property {number} [terminationGracePeriodSeconds]
 */

/** @typedef {{ startupProbe: Probe, livenessProbe: Probe, readinessProbe: Probe }} Probed a container with its probes */

/** Without `timeoutSeconds`, the kubelet waits one second. @param {Probe} probe */
export const timeoutOf = ({ timeoutSeconds = 1 }) => timeoutSeconds;

/**
 * Time from the hang until the last required probe has failed. Probes do not overlap, so one that times out late delays the
 * next.
 * @param {Probe} probe
 */
export function detectedWithin(probe) {
  const { periodSeconds, failureThreshold } = probe;
  const timeout = timeoutOf(probe);
  return periodSeconds + (failureThreshold - 1) * Math.max(periodSeconds, timeout) + timeout;
}

/**
 * The shortest freeze that counts as a hang: one that begins just before a probe.
 * @param {Probe} probe
 */
export function toleratedFor(probe) {
  return detectedWithin(probe) - probe.periodSeconds;
}

/**
 * @param {Probed} container
 * @param {'livenessProbe' | 'startupProbe'} by
 */
export function replacedWithin(container, by) {
  const probe = container[by];
  const { terminationGracePeriodSeconds: grace } = probe;
  if (grace === undefined)
    throw new Error(`${by} has no terminationGracePeriodSeconds: a hung process would get that of the pod`);
  const ready = container.startupProbe.periodSeconds + container.readinessProbe.periodSeconds;
  return detectedWithin(probe) + grace + KUBELET_SECONDS + START_SECONDS + ready;
}
