import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfigFile, pkiFile } from './certificates.ts';
import { livingPid, run, startDetached, tried, until } from './commands.ts';
import { BIN, IMAGES, NETWORK, type Node, RUN } from './settings.ts';

/** A node: containerd, kubelet, kube-proxy and kube-router in separate namespaces (network, processes, mounts). */

const START_MS_MAX = 10_000;
const CGROUPS = '/sys/fs/cgroup';
const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];
export const hasCgroupV1 = (): boolean => existsSync(join(CGROUPS, 'memory', 'tasks'));

/** Starts the node, or restarts it after it was killed. */
export async function startNode(node: Node): Promise<void> {
  if (livingPid(node.pidFile) !== undefined) return;
  for (const folder of [join(node.folder, 'cni'), node.sockets]) mkdirSync(folder, { recursive: true });
  makeCgroups(node);
  writeConfiguration(node);
  const script = ['bash', join(import.meta.dirname, 'node-init.sh')];
  const isolated = ['unshare', '--pid', '--fork', '--kill-child', '--mount', '--uts', '--mount-proc', ...script];
  const args = [`--net=/run/netns/${node.namespace}`, ...isolated];
  const outer = startDetached('nsenter', args, join(node.folder, 'init.log'), {
    PATH: `${BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    NODE: node.name,
    NODE_ADDRESS: node.address,
    FOLDER: node.folder,
    SOCKETS: node.sockets,
    IMAGES,
    SERVICES: NETWORK.services,
    KUBECONFIGS: RUN,
  });
  await until(`${node.name} starts`, START_MS_MAX, () => {
    const inner = childOf(outer);
    if (inner !== '') writeFileSync(node.pidFile, inner);
    return inner !== '';
  });
}

function childOf(pid: number): string {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? (readFileSync(file, 'utf8').trim().split(' ')[0] ?? '') : '';
}

/**
 * With cgroup v1, the kubelet needs its root cgroup in every hierarchy, and a new cpuset has no CPUs until some are
 * assigned.
 */
function makeCgroups({ cgroup }: Node): void {
  for (const controller of CONTROLLERS) mkdirSync(join(CGROUPS, controller, cgroup), { recursive: true });
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    writeFileSync(join(CGROUPS, 'cpuset', cgroup, file), readFileSync(join(CGROUPS, 'cpuset', file)));
  }
}

function writeConfiguration(node: Node): void {
  const write = (name: string, text: string) => writeFileSync(join(node.folder, name), text);
  write('containerd.toml', containerdConfiguration(node));
  write('cni/10-pods.conflist', JSON.stringify(podNetwork(node), null, 1));
  write('resolv.conf', '');
  write('kubelet.yaml', JSON.stringify(kubeletConfiguration(node), null, 1)); // JSON is YAML, too
  write('kube-proxy.yaml', JSON.stringify(proxyConfiguration(node), null, 1));
}

/** restrict_oom_score_adj is set because root may lack the right to lower an OOM score; then no pod would start. */
const containerdConfiguration = ({ folder, sockets }: Node): string => `version = 2
root = "${folder}/containerd"
state = "${sockets}/containerd"
[grpc]
  address = "${sockets}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
`;

function podNetwork({ folder, pods }: Node): object {
  const ipam = {
    type: 'host-local',
    dataDir: join(folder, 'ipam'),
    ranges: [[{ subnet: pods }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, hairpinMode: true, ipMasq: false, ipam };
  const ports = { type: 'portmap', capabilities: { portMappings: true } };
  return { cniVersion: '1.0.0', name: 'pods', plugins: [bridge, ports] };
}

function kubeletConfiguration({ name, folder, sockets, cgroup }: Node): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pkiFile('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pkiFile(`${name}.crt`),
    tlsPrivateKeyFile: pkiFile(`${name}.key`),
    clusterDomain: 'cluster.local',
    clusterDNS: [NETWORK.dns],
    resolvConf: join(folder, 'resolv.conf'),
    containerRuntimeEndpoint: `unix://${sockets}/containerd.sock`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    podLogsDir: join(folder, 'pod-logs'),
    evictionHard: { 'memory.available': '200Mi' },
    // Other programs also fill this disk. With a lower limit, the kubelet would delete unused
    // images, which cannot be pulled again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

const proxyConfiguration = ({ name }: Node): object => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig: kubeconfigFile('kube-proxy') },
  hostnameOverride: name,
  mode: 'iptables',
  clusterCIDR: NETWORK.pods,
  // Connection-tracking limits apply to the whole machine.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
});

/** Kills the node suddenly: the kernel ends all its processes. */
export function killNode({ pidFile }: Node): void {
  const pid = livingPid(pidFile);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  rmSync(pidFile, { force: true });
}

/** Runs a command on the node. */
export function onNode({ pidFile, name }: Node, command: readonly string[]): string {
  const pid = livingPid(pidFile);
  if (pid === undefined) throw new Error(`${name} is not running`);
  return run('nsenter', ['-t', String(pid), '--net', '--pid', '--mount', '--uts', '--', ...command]);
}

/** Removes the cgroups and the sockets that a killed node leaves behind. */
export function removeNode({ cgroup, sockets }: Node): void {
  // containerd also creates a cgroup under `unified`, where that hierarchy is mounted.
  for (const controller of [...CONTROLLERS, 'unified']) {
    tried('find', [join(CGROUPS, controller, cgroup), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
  }
  rmSync(sockets, { recursive: true, force: true });
}
