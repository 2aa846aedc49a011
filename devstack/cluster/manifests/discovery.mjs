// Provides Prometheus with the list of pods to scrape, over HTTP on this pod's loopback: Debian's Prometheus has no
// service discovery for Kubernetes.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const PODS = `https://${host}:${port}/api/v1/pods?labelSelector=app.kubernetes.io/name=holdfast`;
const PORT = 9099;

/**
 * @typedef {object} Pod
 * @property {{ name: string, namespace: string, labels: Record<string, string> }} metadata
 * @property {{ containers: { ports?: { name: string, containerPort: number }[] }[] }} spec
 * @property {{ phase: string, podIP: string }} status
 */

async function targets() {
  const headers = { Authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}` };
  const response = await fetch(PODS, { headers, signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`the API server answered ${response.status}`);
  const { items } = /** @type {{ items: Pod[] }} */ (await response.json());
  return items.flatMap(({ metadata, spec, status }) => {
    const metrics = spec.containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === 'metrics');
    if (metrics === undefined || status.phase !== 'Running') return [];
    const labels = {
      namespace: metadata.namespace,
      pod: metadata.name,
      release: metadata.labels['app.kubernetes.io/instance'],
      component: metadata.labels['app.kubernetes.io/component'],
    };
    return [{ targets: [`${status.podIP}:${metrics.containerPort}`], labels }];
  });
}

createServer((_, response) => {
  targets().then(
    (found) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(found)),
    (error) => {
      console.error(String(error));
      response.writeHead(503).end();
    },
  );
}).listen(PORT, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
