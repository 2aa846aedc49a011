import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl } from './commands.ts';
import { nodeOf, RUN } from './settings.ts';

/**
 * Creates empty local volumes on the first node for the claims of the chart's development stores. The
 * cluster has no provisioner, and a volume whose claim was deleted is never used again.
 */
const CLAIMS = { redis: '4Gi', mysql: '10Gi' };

export function provideVolumes(namespace: string): void {
  for (const [store, size] of Object.entries(CLAIMS)) {
    const claim = `data-holdfast-${store}-0`;
    if (isBound(namespace, claim)) continue;
    const name = `${namespace}-${store}-${randomBytes(3).toString('hex')}`;
    const path = join(RUN, 'volumes', name);
    mkdirSync(path, { recursive: true });
    const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeOf(1).name] };
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name, labels: { 'app.kubernetes.io/part-of': 'holdfast' } },
      spec: {
        capacity: { storage: size },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { namespace, name: claim },
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      },
    };
    kubectl(['apply', '-f', '-'], JSON.stringify(volume));
  }
}

function isBound(namespace: string, claim: string): boolean {
  const found = kubectl(['-n', namespace, 'get', 'pvc', claim, '--ignore-not-found', '-o', 'jsonpath={.status.phase}']);
  return found === 'Bound';
}
