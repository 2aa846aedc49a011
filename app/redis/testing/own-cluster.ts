import { Redis } from 'ioredis';
import { freePort } from '../../../devstack/system/ports.mjs';
import { SLOTS } from '../../domain/hash-slot.ts';
import { until } from '../../kernel/testing/until.ts';
import { ReplicableRedis } from './replicable-redis.ts';

const MASTERS = 3;
const NODE_TIMEOUT_MS = 1_000;

/** A process of a cluster, with a connection that follows no redirection. */
interface ClusterNode {
  server: ReplicableRedis;
  admin: Redis;
  id: string;
  busPort: number;
}

/** A real Redis Cluster of six processes: three masters with equal shares of the slots, and a replica of each. */
export class OwnCluster {
  readonly nodes: readonly ClusterNode[];

  private constructor(nodes: readonly ClusterNode[]) {
    this.nodes = nodes;
  }

  static async start(): Promise<OwnCluster> {
    const nodes = await Promise.all(Array.from({ length: 2 * MASTERS }, startNode));
    const cluster = new OwnCluster(nodes);
    const [first, ...others] = nodes;
    for (let master = 0; master < MASTERS; master++) {
      const from = Math.ceil((master * SLOTS) / MASTERS);
      const to = Math.ceil(((master + 1) * SLOTS) / MASTERS) - 1;
      await nodes[master]?.admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
      await nodes[master]?.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', master + 1);
    }
    for (const { server, busPort } of others) {
      await first?.admin.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    }
    await until('the nodes know each other', async () => (await cluster.#known()).every((n) => n === nodes.length));
    for (let master = 0; master < MASTERS; master++) {
      await nodes[master + MASTERS]?.admin.call('CLUSTER', 'REPLICATE', nodes[master]?.id ?? '');
    }
    await until('the cluster is ok, with its replicas', () => cluster.isWhole());
    return cluster;
  }

  /** A URL that names only one master of the cluster: the others have to be found. */
  get url(): string {
    return `redis+cluster://127.0.0.1:${this.nodes[0]?.server.port}`;
  }
  /** A URL that names every node. */
  get urlOfAll(): string {
    return `redis+cluster://${this.nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(',')}`;
  }

  /** The node that reports that it is the master of a slot. */
  async masterOf(slot: number): Promise<ClusterNode> {
    return until(`slot ${slot} has a master`, async () => {
      for (const node of this.nodes) {
        const text = String(await node.admin.call('CLUSTER', 'NODES').catch(() => ''));
        if (servedBy(text.split('\n').find((line) => /\bmyself,master\b/.test(line)) ?? '', slot)) return node;
      }
      return null;
    });
  }

  /** Moves a slot with all its keys to another master, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, to: ClusterNode, pause: () => Promise<void> = async () => {}): Promise<void> {
    const from = await this.masterOf(slot);
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    await pause();
    for (;;) {
      const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as string[];
      if (keys.length === 0) break;
      await from.admin.call('MIGRATE', '127.0.0.1', to.server.port, '', 0, 5_000, 'KEYS', ...keys);
      await pause();
    }
    for (const node of [to, from]) await node.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }

  async isWhole(): Promise<boolean> {
    for (const { admin } of this.nodes) {
      const info = String(await admin.call('CLUSTER', 'INFO').catch(() => ''));
      if (!/^cluster_state:ok/m.test(info) || !/^cluster_slots_ok:16384/m.test(info)) return false;
      const replication = await admin.info('replication').catch(() => '');
      if (/^role:slave/m.test(replication) && !/^master_link_status:up/m.test(replication)) return false;
    }
    const text = String(await this.nodes[0]?.admin.call('CLUSTER', 'NODES'));
    return text.match(/\bslave\b/g)?.length === MASTERS;
  }

  async stop(): Promise<void> {
    for (const { admin } of this.nodes) admin.disconnect();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  #known(): Promise<number[]> {
    return Promise.all(
      this.nodes.map(
        async ({ admin }) =>
          String(await admin.call('CLUSTER', 'NODES'))
            .trim()
            .split('\n').length,
      ),
    );
  }
}

async function startNode(): Promise<ClusterNode> {
  const busPort = await freePort();
  const server = await ReplicableRedis.start(`cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout ${NODE_TIMEOUT_MS}
cluster-port ${busPort}
cluster-require-full-coverage no
repl-diskless-sync-delay 0
`);
  const admin = new Redis({ port: server.port, maxRetriesPerRequest: 0, commandTimeout: 10_000 });
  admin.on('error', () => {});
  return { server, admin, busPort, id: String(await admin.call('CLUSTER', 'MYID')) };
}

/** @param line a line of `CLUSTER NODES`: eight fields, and the node's ranges of slots */
function servedBy(line: string, slot: number): boolean {
  return line
    .split(' ')
    .slice(8)
    .some((range) => {
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      return from !== undefined && Number(from) <= slot && slot <= Number(to);
    });
}
