import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../install/packages.mjs';
import { elapsed, print, UserError } from '../system/console.mjs';
import { runTool } from '../system/process.mjs';
import { run } from './commands.ts';
import { BIN, FOLDER, KUBERNETES, LOGS } from './settings.ts';

/** Builds Kubernetes and its add-ons from Go modules, for machines where no image can be pulled. */

const GO = join(import.meta.dirname, 'go');

/** Go modules in go/, and the programs in them by name. Each module has its own versions of shared dependencies. */
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
 * Builds the programs that are missing or outdated. The first build takes about 20 minutes on two cores and adds 4 GiB
 * to Go's cache.
 */
export async function build(modules: readonly GoModule[]): Promise<void> {
  mkdirSync(BIN, { recursive: true });
  mkdirSync(LOGS, { recursive: true });
  for (const module of modules) {
    const folder = join(GO, module);
    const stamp = stampOf(folder);
    for (const [name, goPackage] of Object.entries(MODULES[module]))
      await unlessBuilt(name, stamp, () => buildOne(folder, name, goPackage));
  }
}

async function unlessBuilt(name: string, stamp: string, make: () => Promise<void>): Promise<void> {
  const stampFile = join(BIN, `.${name}.stamp`);
  if (existsSync(join(BIN, name)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  await make();
  writeFileSync(stampFile, stamp);
}

const EXTERNAL_SECRETS = 'github.com/external-secrets/external-secrets';
/** The operator imports its providers in these two files. Importing all of them adds every cloud's libraries. */
const REGISTERED = {
  'pkg/provider/register/register.go': `package register\n\nimport _ "${EXTERNAL_SECRETS}/pkg/provider/fake"\n`,
  'pkg/generator/register/register.go': 'package register\n',
};

/**
 * Builds the External Secrets operator with only the provider that needs no cloud, from a copy of its module. It takes 10
 * minutes the first time.
 * @returns the folder with the custom resource definitions
 */
export async function buildExternalSecrets(): Promise<string> {
  mkdirSync(BIN, { recursive: true });
  mkdirSync(LOGS, { recursive: true });
  const pinned = join(GO, 'external-secrets');
  const { Dir: source } = JSON.parse(run(goProgram(), ['-C', pinned, 'mod', 'download', '-json', EXTERNAL_SECRETS]));
  const stamp = createHash('sha256').update(stampOf(pinned)).update(JSON.stringify(REGISTERED)).digest('hex');
  await unlessBuilt('external-secrets', stamp, async () => {
    const copy = mkdtempSync(join(FOLDER, '.external-secrets-'));
    try {
      run('cp', ['-r', '--no-preserve=mode', `${source}/.`, copy]);
      for (const [file, text] of Object.entries(REGISTERED)) writeFileSync(join(copy, file), text);
      await buildOne(copy, 'external-secrets', '.');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
  return join(source, 'config', 'crds', 'bases');
}

function goProgram(): string {
  const go = findProgram('go');
  if (go !== null) return go;
  throw new UserError('Go 1.21 or newer is required to build the cluster: install golang, or kind and Docker.');
}

async function buildOne(folder: string, name: string, goPackage: string): Promise<void> {
  const go = goProgram();
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
