import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../install/packages.mjs';
import { elapsed, print, UserError } from '../system/console.mjs';
import { runTool } from '../system/process.mjs';
import { BIN, KUBERNETES, LOGS } from './settings.ts';

/** Builds Kubernetes and its add-ons from Go modules, for machines where no image can be pulled. */

/** Go modules in go/, and their programs by name. Each module has its own versions of shared dependencies. */
const MODULES = {
  kubernetes: {
    'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
    'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
    'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
    kubelet: 'k8s.io/kubernetes/cmd/kubelet',
    kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    etcd: 'go.etcd.io/etcd/server/v3',
    'metrics-server': 'sigs.k8s.io/metrics-server/cmd/metrics-server',
  },
  coredns: { coredns: '.' },
  'kube-router': { 'kube-router': 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router' },
  'prometheus-adapter': { 'prometheus-adapter': 'sigs.k8s.io/prometheus-adapter/cmd/adapter' },
  pause: { pause: '.' },
} as const;

export type GoModule = keyof typeof MODULES;

/** Without these flags, the API server reports the version v0.0.0, and Helm rejects the chart. */
const VERSION_FLAGS = [
  `-X k8s.io/component-base/version.gitVersion=${KUBERNETES}`,
  '-X k8s.io/component-base/version.gitMajor=1',
  `-X k8s.io/component-base/version.gitMinor=${KUBERNETES.split('.')[1]}`,
  `-X k8s.io/client-go/pkg/version.gitVersion=${KUBERNETES}`,
  '-X k8s.io/component-base/version.gitTreeState=clean',
];

/**
 * Builds the programs that are missing or outdated. The first build takes about 20 minutes on two cores, and 4 GiB in
 * Go's cache.
 */
export async function build(modules: readonly GoModule[]): Promise<void> {
  mkdirSync(BIN, { recursive: true });
  mkdirSync(LOGS, { recursive: true });
  for (const module of modules) {
    const folder = join(import.meta.dirname, 'go', module);
    const stamp = stampOf(folder);
    for (const [name, goPackage] of Object.entries(MODULES[module])) {
      const stampFile = join(BIN, `.${name}.stamp`);
      if (existsSync(join(BIN, name)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) continue;
      await buildOne(folder, name, goPackage);
      writeFileSync(stampFile, stamp);
    }
  }
}

async function buildOne(folder: string, name: string, goPackage: string): Promise<void> {
  const go = findProgram('go');
  if (go === null)
    throw new UserError('Go 1.21 or newer is required to build the cluster: install golang, or kind and Docker.');
  const since = performance.now();
  print(`Building ${name} …`);
  const flags = ['-p', '2', '-trimpath', '-ldflags', ['-s -w', ...VERSION_FLAGS].join(' ')];
  await runTool({
    name: `go build of ${name}`,
    command: 'nice',
    args: ['-n', '19', go, 'build', '-C', folder, ...flags, '-o', join(BIN, name), goPackage],
    env: { CGO_ENABLED: '0' },
    logFile: join(LOGS, 'build.log'),
  });
  print(`Built ${name} (${elapsed(since)}).`);
}

/** Covers everything that a program is built from: the versions, our own sources, and the flags. */
function stampOf(folder: string): string {
  const hash = createHash('sha256').update(VERSION_FLAGS.join());
  for (const name of ['go.mod', 'go.sum', 'main.go']) {
    const file = join(folder, name);
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}
