import { homedir } from 'node:os';
import { join } from 'node:path';

/** Versions, addresses and folders of the local cluster. */

export const KUBERNETES = 'v1.34.4';
export const ROOT = join(import.meta.dirname, '..', '..');

/** The folder for everything that is built and for the data of a running cluster; CLUSTER_DIR overrides it. */
export const FOLDER = process.env['CLUSTER_DIR'] ?? join(homedir(), '.cache', 'holdfast-cluster');
export const BIN = join(FOLDER, 'bin');
export const IMAGES = join(FOLDER, 'images');
export const LOGS = join(FOLDER, 'logs');
/**
 * Exists only while the cluster is up. It contains certificates, the data of etcd and of the nodes, and process ids.
 */
export const RUN = join(FOLDER, 'run');
export const KUBECONFIG = join(RUN, 'admin.conf');
export const STATE = join(RUN, 'cluster.json');

/** The name under which kind and k3d know the cluster. */
export const CLUSTER_NAME = 'holdfast';

/** The network of the nodes: a bridge in a separate namespace, which has no route to the outside. */
export const NETWORK = {
  fabric: 'hf-fabric',
  controlPlane: { namespace: 'hf-control', address: '10.10.0.2' },
  host: { device: 'hf-kube', address: '10.10.0.1' },
  pods: '10.244.0.0/16',
  services: '10.96.0.0/16',
  dns: '10.96.0.10',
} as const;

export interface Node {
  number: number;
  name: string;
  /** Its network namespace. */
  namespace: string;
  address: string;
  /** The addresses of its pods. */
  pods: string;
  folder: string;
  /** Contains the process id of the node's first process; killing that process kills everything on the node. */
  pidFile: string;
  /** A folder for sockets, whose paths must be short. */
  sockets: string;
  cgroup: string;
}

export function nodeOf(number: number): Node {
  const name = `node-${number}`;
  return {
    number,
    name,
    namespace: `hf-node-${number}`,
    address: `10.10.0.${10 + number}`,
    pods: `10.244.${number}.0/24`,
    folder: join(RUN, name),
    pidFile: join(RUN, `${name}.pid`),
    sockets: `/run/holdfast-${name}`,
    cgroup: `holdfast-${name}`,
  };
}

export const nodesOf = (count: number): Node[] => Array.from({ length: count }, (_, index) => nodeOf(index + 1));
