import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.ts';
import { NETWORK, type Node, RUN } from './settings.ts';

/** Certificates and kubeconfigs of the cluster's components, valid for longer than a test cluster runs. */

const DAYS = '365';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const ADDRESS = NETWORK.controlPlane.address;

export const PKI = join(RUN, 'pki');
export const pkiFile = (name: string): string => join(PKI, name);
export const kubeconfigFile = (name: string): string => join(RUN, `${name}.conf`);

export function makeCertificates(nodes: readonly Node[]): void {
  mkdirSync(PKI, { recursive: true, mode: 0o700 });
  authority('ca', 'kubernetes');
  authority('front-proxy-ca', 'front-proxy');
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  certificate('apiserver', '/CN=kube-apiserver', {
    names: [`IP:${ADDRESS}`, 'IP:127.0.0.1', 'IP:10.96.0.1', ...service.map((name) => `DNS:${name}`)],
  });
  certificate('kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client');
  certificate('front-proxy-client', '/CN=front-proxy-client', { by: 'front-proxy-ca' });
  certificate('admin', '/O=system:masters/CN=admin');
  for (const name of ['kube-controller-manager', 'kube-scheduler', 'kube-proxy'])
    certificate(name, `/CN=system:${name}`);
  for (const name of ['admin', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy']) kubeconfig(name);
  for (const { name, address } of nodes) {
    certificate(name, `/O=system:nodes/CN=system:node:${name}`, { names: [`IP:${address}`, `DNS:${name}`] });
    kubeconfig(name);
  }
  run('openssl', ['genrsa', '-out', pkiFile('service-accounts.key'), '2048']);
  run('openssl', ['rsa', '-in', pkiFile('service-accounts.key'), '-pubout', '-out', pkiFile('service-accounts.pub')]);
}

function authority(name: string, commonName: string): void {
  const files = ['-keyout', pkiFile(`${name}.key`), '-out', pkiFile(`${name}.crt`)];
  run('openssl', ['req', '-x509', ...KEY, '-days', DAYS, '-subj', `/CN=${commonName}`, ...files]);
}

function certificate(
  name: string,
  subject: string,
  { by = 'ca', names = [] }: { by?: string; names?: readonly string[] } = {},
): void {
  const request = pkiFile(`${name}.csr`);
  const extensions = pkiFile(`${name}.ext`);
  run('openssl', ['req', ...KEY, '-subj', subject, '-keyout', pkiFile(`${name}.key`), '-out', request]);
  const lines = ['keyUsage=digitalSignature', 'extendedKeyUsage=clientAuth,serverAuth'];
  if (names.length > 0) lines.push(`subjectAltName=${names.join(',')}`);
  writeFileSync(extensions, `${lines.join('\n')}\n`);
  const issuer = ['-CA', pkiFile(`${by}.crt`), '-CAkey', pkiFile(`${by}.key`), '-CAcreateserial'];
  const files = ['-in', request, '-out', pkiFile(`${name}.crt`), '-extfile', extensions];
  run('openssl', ['x509', '-req', ...issuer, '-days', DAYS, ...files]);
}

function kubeconfig(name: string): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'holdfast', cluster: { server: `https://${ADDRESS}:6443`, 'certificate-authority': pkiFile('ca.crt') } },
    ],
    users: [{ name, user: { 'client-certificate': pkiFile(`${name}.crt`), 'client-key': pkiFile(`${name}.key`) } }],
    contexts: [{ name: 'holdfast', context: { cluster: 'holdfast', user: name } }],
    'current-context': 'holdfast',
  };
  writeFileSync(kubeconfigFile(name), `${JSON.stringify(config, null, 1)}\n`, { mode: 0o600 });
}
