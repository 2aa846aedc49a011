import { kubectl } from '../../../devstack/cluster/commands.ts';
import type { Pod } from './pods.ts';

/**
 * Kills the first process of a container with SIGKILL, as the kernel does when memory runs out: from outside its
 * process namespace, and therefore from a privileged pod on the same node, in a separate namespace.
 */

const NAMESPACE = 'holdfast-resilience';
const START_SECONDS_MAX = 120;

/** Finds the container's first process: it is in the container's control group, and is process 1 in its namespace. */
const SCRIPT = `
const { readdirSync, readFileSync } = require('fs');
const read = (file) => { try { return readFileSync(file, 'utf8'); } catch { return ''; } };
const id = process.argv[1];
const pid = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).find((name) =>
  read('/proc/' + name + '/cgroup').includes(id) && /^NSpid:.*\\t1$/m.test(read('/proc/' + name + '/status')));
if (pid === undefined) throw new Error('no process of container ' + id);
process.kill(Number(pid), 'SIGKILL');
`;

export class Killer implements Disposable {
  readonly #name: string;

  /** Creates a privileged pod on the node of the given pod. */
  constructor(pod: Pod, image: string) {
    const node = pod.spec.nodeName ?? '';
    this.#name = `killer-${node}`.slice(0, 60).replace(/[^a-z0-9]+$/, '');
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
    const container = {
      name: 'killer',
      image,
      imagePullPolicy: 'IfNotPresent',
      command: ['node', '--eval', 'setInterval(() => {}, 60_000)'],
      securityContext: { privileged: true, runAsUser: 0, runAsGroup: 0 },
    };
    const objects = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: this.#name, namespace: NAMESPACE },
        spec: {
          nodeName: node,
          hostPID: true,
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          tolerations: [{ operator: 'Exists' }],
          containers: [container],
        },
      },
    ];
    for (const object of objects) kubectl(['apply', '-f', '-'], JSON.stringify(object));
    kubectl([
      '--namespace',
      NAMESPACE,
      'wait',
      '--for=condition=Ready',
      `pod/${this.#name}`,
      `--timeout=${START_SECONDS_MAX}s`,
    ]);
  }

  kill({ metadata, status }: Pod): void {
    const id = status.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '');
    if (id === undefined) throw new Error(`${metadata.name} has no container`);
    kubectl(['--namespace', NAMESPACE, 'exec', this.#name, '--', 'node', '--eval', SCRIPT, id]);
  }

  [Symbol.dispose](): void {
    kubectl(['--namespace', NAMESPACE, 'delete', 'pod', this.#name, '--ignore-not-found', '--wait=false']);
  }
}

export const removeKillers = (): void =>
  void kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false']);
