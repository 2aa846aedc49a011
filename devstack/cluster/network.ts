import { run, tried } from './commands.ts';
import { NETWORK, type Node } from './settings.ts';

/**
 * The network: a bridge in a separate namespace, which connects the control plane and the nodes (each in its own
 * namespace) with this machine. It has no route to any other network.
 */

const { fabric, controlPlane, host } = NETWORK;
const BRIDGE = 'br0';
const inFabric = (...args: string[]): string => run('ip', ['-n', fabric, ...args]);
const inNamespace = (namespace: string, ...args: string[]): string => run('ip', ['-n', namespace, ...args]);
const portOf = (namespace: string): string => `p-${namespace}`.slice(0, 15);

export function makeNetwork(nodes: readonly Node[]): void {
  run('ip', ['netns', 'add', fabric]);
  inFabric('link', 'set', 'lo', 'up');
  inFabric('link', 'add', BRIDGE, 'type', 'bridge');
  inFabric('link', 'set', BRIDGE, 'up');
  // Keeps frames that only cross the bridge out of the packet filter.
  tried('ip', ['netns', 'exec', fabric, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0']);
  plugIn(controlPlane.namespace, controlPlane.address);
  for (const { namespace, address } of nodes) {
    plugIn(namespace, address);
    run('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  }
  for (const { namespace } of [controlPlane, ...nodes]) {
    for (const other of nodes) {
      if (other.namespace !== namespace) inNamespace(namespace, 'route', 'add', other.pods, 'via', other.address);
    }
  }
  plugInHost();
}

function plugIn(namespace: string, address: string): void {
  run('ip', ['netns', 'add', namespace]);
  inFabric('link', 'add', portOf(namespace), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  inFabric('link', 'set', portOf(namespace), 'master', BRIDGE, 'up');
  inNamespace(namespace, 'link', 'set', 'lo', 'up');
  inNamespace(namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
  inNamespace(namespace, 'link', 'set', 'eth0', 'up');
  inNamespace(namespace, 'route', 'add', 'default', 'via', host.address);
}

/** Connects this machine to the network, so that it can reach the API server. It forwards nothing. */
function plugInHost(): void {
  const port = portOf('host');
  inFabric('link', 'add', port, 'type', 'veth', 'peer', 'name', host.device, 'netns', '1');
  inFabric('link', 'set', port, 'master', BRIDGE, 'up');
  run('ip', ['addr', 'add', `${host.address}/24`, 'dev', host.device]);
  run('ip', ['link', 'set', host.device, 'up']);
}

/** Unplugs a node from the network, or plugs it in again; its processes continue. */
export function setPlugged({ namespace }: Node, plugged: boolean): void {
  inFabric('link', 'set', portOf(namespace), plugged ? 'up' : 'down');
}

export function removeNetwork(nodes: readonly Node[]): void {
  for (const { namespace } of [...nodes, controlPlane]) tried('ip', ['netns', 'del', namespace]);
  tried('ip', ['link', 'del', host.device]);
  tried('ip', ['netns', 'del', fabric]);
}
