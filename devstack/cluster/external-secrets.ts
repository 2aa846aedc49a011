import { join } from 'node:path';
import { print } from '../system/console.mjs';
import { buildExternalSecrets } from './build.ts';
import { kubectl } from './commands.ts';
import { testingImages } from './images/programs.ts';
import { makeNamespace } from './install.ts';
import type { Provider } from './provider.ts';

const NAMESPACE = 'external-secrets';
const DEFINITIONS = [
  'external-secrets.io_externalsecrets.yaml',
  'external-secrets.io_secretstores.yaml',
  'generators.external-secrets.io_generatorstates.yaml',
];

/** The External Secrets operator with its fake provider, whose secrets are in the SecretStore itself. */
export async function installExternalSecrets(provider: Provider): Promise<void> {
  const definitions = await buildExternalSecrets();
  await provider.load(await testingImages(['external-secrets']));
  const files = DEFINITIONS.flatMap((name) => ['-f', join(definitions, name)]);
  kubectl(['apply', '--server-side', ...files]);
  makeNamespace(NAMESPACE);
  kubectl(['apply', '-f', join(import.meta.dirname, 'manifests', 'external-secrets.yaml')]);
  kubectl(['-n', NAMESPACE, 'rollout', 'status', 'deployment/external-secrets', '--timeout=180s']);
  print('The External Secrets operator is running in the namespace external-secrets.');
}
