import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { print } from '../system/console.mjs';
import { kubectl } from './commands.ts';
import { testingImages } from './images/programs.ts';
import { makeNamespace } from './install.ts';
import type { Provider } from './provider.ts';
import { ROOT } from './settings.ts';

/** Prometheus with the chart's rules, and prometheus-adapter: what scaling on transfers per second needs. */
export async function installMonitoring(provider: Provider): Promise<void> {
  // kind and k3d pull the adapter's image; there is no official one of Debian's Prometheus.
  const images = provider.kind === 'own' ? ['prometheus', 'prometheus-adapter'] : ['prometheus'];
  await provider.load(await testingImages(images));
  makeNamespace('monitoring');
  const rules = readFileSync(join(ROOT, 'charts', 'holdfast', 'files', 'alerts.yaml'), 'utf8');
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'prometheus-rules', namespace: 'monitoring' },
    data: { 'holdfast.yaml': rules },
  };
  kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(map));
  for (const name of ['prometheus', 'prometheus-adapter']) {
    kubectl(['apply', '-f', join(import.meta.dirname, 'manifests', `${name}.yaml`)]);
  }
  kubectl(['-n', 'monitoring', 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s']);
  print('Prometheus and prometheus-adapter are running in the namespace monitoring.');
}
