import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../install/packages.mjs';
import { elapsed, print, UserError } from '../system/console.mjs';
import { readJson } from '../system/folder.mjs';
import { runTool } from '../system/process.mjs';
import { build } from './build.ts';
import { makeCertificates } from './certificates.ts';
import { kubectl, livingPid, until } from './commands.ts';
import { isReady, startControlPlane, stopControlPlane } from './control-plane.ts';
import { systemImages } from './images/programs.ts';
import { storesImage } from './images/stores.ts';
import { makeNetwork, removeNetwork, setPlugged } from './network.ts';
import { hasCgroupV1, killNode, onNode, removeNode, startNode } from './node.ts';
import type { Provider } from './provider.ts';
import { KUBECONFIG, KUBERNETES, LOGS, type Node, nodesOf, RUN, STATE } from './settings.ts';
import { provideVolumes } from './volumes.ts';

/**
 * A cluster built from Go modules, for machines that cannot pull images: a real Kubernetes whose nodes are namespaces
 * of this machine. Requires root, Debian or Ubuntu, cgroup v1, and Go.
 */

const NODES_MAX = 9;
const NODES_READY_MS_MAX = 120_000;
const PACKAGES = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'conntrack',
  'ipset',
  'debootstrap',
  'openssl',
  'iproute2',
];
const PROGRAMS = ['containerd', 'runc', 'iptables', 'conntrack', 'ipset', 'debootstrap', 'openssl', 'ip', 'nsenter'];
/** The kubelet changes these settings for the whole machine, which also runs other programs. */
const SYSCTLS = ['kernel/panic', 'kernel/panic_on_oops', 'vm/overcommit_memory'];
const SYSCTLS_BEFORE = join(RUN, 'sysctls.json');

export const ownProvider: Provider = {
  kind: 'own',
  up,
  down,
  async load(archives) {
    for (const node of upNodes()) {
      const target = ['-a', join(node.sockets, 'containerd.sock'), '-n', 'k8s.io', 'images', 'import'];
      for (const archive of archives) onNode(node, ['ctr', ...target, '--snapshotter', 'overlayfs', archive]);
    }
  },
  provideVolumes,
  killNode: (name) => killNode(byName(name)),
  returnNode: (name) => startNode(byName(name)),
  setConnected: (name, connected) => setPlugged(byName(name), connected),
};

function upNodes(): Node[] {
  const { nodes = 0 } = (readJson(STATE) ?? {}) as { nodes?: number };
  return nodesOf(nodes);
}

function byName(name: string): Node {
  const node = upNodes().find((one) => one.name === name);
  if (node === undefined) throw new UserError(`The cluster has no node ${name}.`);
  return node;
}

async function up(count: number): Promise<void> {
  if (count > NODES_MAX) throw new UserError(`At most ${NODES_MAX} nodes.`);
  if (existsSync(STATE) && isReady()) {
    print('The cluster is already up.');
    return;
  }
  await requireMachine();
  await build(['kubernetes', 'coredns', 'kube-router', 'pause']);
  await systemImages();
  await storesImage();
  await down(); // removes what an interrupted run may have left behind
  const since = performance.now();
  const nodes = nodesOf(count);
  mkdirSync(RUN, { recursive: true, mode: 0o700 });
  writeFileSync(STATE, JSON.stringify({ provider: 'own', nodes: count }));
  const sysctls = SYSCTLS.map((name) => [join('/proc/sys', name), readFileSync(join('/proc/sys', name), 'utf8')]);
  writeFileSync(SYSCTLS_BEFORE, JSON.stringify(sysctls));
  writeFileSync('/proc/sys/fs/inotify/max_user_instances', '1024');
  makeCertificates(nodes);
  makeNetwork(nodes);
  await startControlPlane();
  for (const node of nodes) await startNode(node);
  await until('all nodes are ready', NODES_READY_MS_MAX, () => readyNodes() === count);
  restoreSysctls();
  const manifests = ['coredns.yaml', 'metrics-server.yaml'];
  for (const file of manifests) kubectl(['apply', '-f', join(import.meta.dirname, 'manifests', file)]);
  kubectl(['-n', 'kube-system', 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s']);
  print(`Kubernetes ${KUBERNETES} with ${count} nodes is up (${elapsed(since)}). export KUBECONFIG=${KUBECONFIG}`);
}

/**
 * Restores the kernel settings. Also runs when the cluster is taken down, as a restarted kubelet changes them again.
 */
function restoreSysctls(): void {
  const before = (readJson(SYSCTLS_BEFORE) ?? []) as [string, string][];
  for (const [file, value] of before) writeFileSync(file, value);
}

function readyNodes(): number {
  const lines = kubectl(['get', 'nodes', '--no-headers']).split('\n');
  return lines.filter((line) => / Ready /.test(line)).length;
}

async function requireMachine(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new UserError('Building a cluster here requires Linux and root. Otherwise install kind and Docker.');
  }
  if (!hasCgroupV1()) {
    throw new UserError(
      'Building a cluster here requires cgroup v1, the only version that it was tested with. Otherwise install kind and Docker.',
    );
  }
  const missing = () => PROGRAMS.filter((name) => findProgram(name) === null);
  if (missing().length > 0 || !existsSync('/usr/lib/cni/bridge')) {
    print(`Installing ${PACKAGES.join(', ')} (apt-get) …`);
    mkdirSync(LOGS, { recursive: true });
    const args = ['-q', '-y', 'install', '--no-install-recommends', ...PACKAGES];
    const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    await runTool({ name: 'apt-get', command: 'apt-get', args, env, logFile: join(LOGS, 'apt.log') });
  }
  const [absent] = missing();
  if (absent !== undefined) throw new UserError(`${absent} is missing.`);
}

/**
 * Ends the processes that `up` started, by process id, and removes the network, the cgroups and the data. Images and
 * programs are kept.
 */
async function down(): Promise<void> {
  const nodes = nodesOf(NODES_MAX).filter(({ folder, pidFile }) => existsSync(folder) || existsSync(pidFile));
  for (const node of nodes) killNode(node);
  await stopControlPlane();
  removeNetwork(nodesOf(NODES_MAX));
  await until('the processes of all nodes end', 30_000, () =>
    nodes.every(({ pidFile }) => livingPid(pidFile) === undefined),
  );
  for (const node of nodes) removeNode(node);
  restoreSysctls();
  rmSync(RUN, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 });
}
