import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfigFile, pkiFile } from './certificates.ts';
import { endAll, kubectl, livingPid, startDetached, until } from './commands.ts';
import { BIN, NETWORK, RUN } from './settings.ts';

/** etcd, API server, controller manager and scheduler, in one network namespace. */

const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 10_000;
const { controlPlane, services } = NETWORK;
const COMPONENTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
type Component = (typeof COMPONENTS)[number];
const pidFileOf = (name: Component): string => join(RUN, `${name}.pid`);
const LOG = join(RUN, 'log');

export async function startControlPlane(): Promise<void> {
  mkdirSync(LOG, { recursive: true });
  start('etcd', {
    'data-dir': join(RUN, 'etcd'),
    'listen-client-urls': 'http://127.0.0.1:2379',
    'advertise-client-urls': 'http://127.0.0.1:2379',
    'listen-peer-urls': 'http://127.0.0.1:2380',
    'log-level': 'warn',
    // The data need not survive a crash of the machine, because the cluster does not either.
    'unsafe-no-fsync': 'true',
  });
  start('kube-apiserver', apiServer());
  await until('the API server', READY_MS_MAX, isReady);
  start('kube-controller-manager', controllerManager());
  start('kube-scheduler', ownConfiguration('kube-scheduler'));
}

function start(name: Component, flags: Readonly<Record<string, string>>): void {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const command = ['netns', 'exec', controlPlane.namespace, join(BIN, name), ...args];
  writeFileSync(pidFileOf(name), String(startDetached('ip', command, join(LOG, `${name}.log`))));
}

export function isReady(): boolean {
  try {
    return kubectl(['get', '--raw', '/readyz', '--request-timeout=2s']) === 'ok';
  } catch {
    return false;
  }
}

const ownConfiguration = (name: string) => ({
  kubeconfig: kubeconfigFile(name),
  'authentication-kubeconfig': kubeconfigFile(name),
  'authorization-kubeconfig': kubeconfigFile(name),
});

function apiServer(): Record<string, string> {
  return {
    'etcd-servers': 'http://127.0.0.1:2379',
    'advertise-address': controlPlane.address,
    'secure-port': '6443',
    'service-cluster-ip-range': services,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'client-ca-file': pkiFile('ca.crt'),
    'tls-cert-file': pkiFile('apiserver.crt'),
    'tls-private-key-file': pkiFile('apiserver.key'),
    'kubelet-certificate-authority': pkiFile('ca.crt'),
    'kubelet-client-certificate': pkiFile('kubelet-client.crt'),
    'kubelet-client-key': pkiFile('kubelet-client.key'),
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': pkiFile('service-accounts.pub'),
    'service-account-signing-key-file': pkiFile('service-accounts.key'),
    'requestheader-client-ca-file': pkiFile('front-proxy-ca.crt'),
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-username-headers': 'X-Remote-User',
    'proxy-client-cert-file': pkiFile('front-proxy-client.crt'),
    'proxy-client-key-file': pkiFile('front-proxy-client.key'),
    'enable-aggregator-routing': 'true',
  };
}

function controllerManager(): Record<string, string> {
  return {
    ...ownConfiguration('kube-controller-manager'),
    'service-account-private-key-file': pkiFile('service-accounts.key'),
    'root-ca-file': pkiFile('ca.crt'),
    'client-ca-file': pkiFile('ca.crt'),
    'cluster-signing-cert-file': pkiFile('ca.crt'),
    'cluster-signing-key-file': pkiFile('ca.key'),
    'use-service-account-credentials': 'true',
    'service-cluster-ip-range': services,
    'allocate-node-cidrs': 'false',
  };
}

export async function stopControlPlane(): Promise<void> {
  const pids = COMPONENTS.map((name) => livingPid(pidFileOf(name))).filter((pid) => pid !== undefined);
  await endAll(pids, STOP_MS_MAX);
}
