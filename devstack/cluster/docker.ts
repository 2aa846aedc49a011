import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl, run, tried } from './commands.ts';
import type { Provider } from './provider.ts';
import { CLUSTER_NAME, FOLDER } from './settings.ts';

/** Clusters whose nodes are containers of Docker: kind and k3d. */

export type Engine = 'kind' | 'k3d';

const METRICS_SERVER = join(import.meta.dirname, 'manifests', 'metrics-server.yaml');

export function dockerProvider(kind: Engine): Provider {
  const networkOf = (): string => (kind === 'kind' ? 'kind' : `k3d-${CLUSTER_NAME}`);
  return {
    kind,
    async up(nodes) {
      if (kind === 'kind') upKind(nodes);
      else run('k3d', ['cluster', 'create', CLUSTER_NAME, '--agents', String(nodes), '--wait', '--timeout', '5m']);
    },
    async down() {
      if (kind === 'kind') run('kind', ['delete', 'cluster', '--name', CLUSTER_NAME]);
      else run('k3d', ['cluster', 'delete', CLUSTER_NAME]);
    },
    async load(archives) {
      for (const archive of archives) {
        if (kind === 'kind') run('kind', ['load', 'image-archive', archive, '--name', CLUSTER_NAME]);
        else run('k3d', ['image', 'import', archive, '--cluster', CLUSTER_NAME]);
      }
    },
    // kind and k3d both have a volume provisioner.
    provideVolumes() {},
    // Each node is a container with the node's name.
    killNode: (name) => void run('docker', ['kill', name]),
    returnNode: async (name) => void run('docker', ['start', name]),
    setConnected: (name, connected) =>
      void run('docker', ['network', connected ? 'connect' : 'disconnect', networkOf(), name]),
  };
}

/** Starts a kind cluster. The installed pods run only on workers. Also installs a metrics server, which kind lacks. */
function upKind(nodes: number): void {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, 'kind.json');
  const roles = ['control-plane', ...Array.from({ length: nodes }, () => 'worker')];
  const config = { kind: 'Cluster', apiVersion: 'kind.x-k8s.io/v1alpha4', nodes: roles.map((role) => ({ role })) };
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML, too
  const exists = run('kind', ['get', 'clusters']).split('\n').includes(CLUSTER_NAME);
  if (!exists) run('kind', ['create', 'cluster', '--name', CLUSTER_NAME, '--config', file, '--wait', '3m']);
  if (!tried('kubectl', ['get', 'apiservice', 'v1beta1.metrics.k8s.io'])) kubectl(['apply', '-f', METRICS_SERVER]);
}
