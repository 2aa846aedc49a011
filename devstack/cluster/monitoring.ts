import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { print } from '../system/console.mjs';
import { kubectl } from './commands.ts';
import { testingImages } from './images/programs.ts';
import { makeNamespace, versionTag } from './install.ts';
import type { Provider } from './provider.ts';
import { ROOT } from './settings.ts';

const NAMESPACE = 'monitoring';

/** Installs the components for scaling on transfers per second: Prometheus with the chart's rules, and prometheus-adapter. */
export async function installMonitoring(provider: Provider): Promise<void> {
  // kind and k3d pull the adapter's image. That of Prometheus is always built, because no official one contains
  // Debian's.
  const images = provider.kind === 'own' ? ['prometheus', 'prometheus-adapter'] : ['prometheus'];
  await provider.load(await testingImages(images));
  makeNamespace(NAMESPACE);
  const manifests = join(import.meta.dirname, 'manifests');
  configMap('prometheus-rules', 'holdfast.yaml', join(ROOT, 'charts', 'holdfast', 'files', 'alerts.yaml'));
  configMap('prometheus-discovery', 'discovery.mjs', join(manifests, 'discovery.mjs'));
  for (const name of ['prometheus', 'prometheus-adapter']) {
    const text = readFileSync(join(manifests, `${name}.yaml`), 'utf8');
    kubectl(['apply', '-f', '-'], text.replaceAll('HOLDFAST_IMAGE', `holdfast:${versionTag()}`));
  }
  kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s']);
  print('Prometheus and prometheus-adapter are running in the namespace monitoring.');
}

function configMap(name: string, key: string, file: string): void {
  const data = { [key]: readFileSync(file, 'utf8') };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data };
  kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(map));
}
