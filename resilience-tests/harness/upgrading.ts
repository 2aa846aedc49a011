import { Cluster } from '../../verification/harness/cluster.ts';
import { newService, type Service } from '../../verification/harness/service.ts';
import { now, until } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { FormerRelease } from './former-release.ts';
import { Haproxy } from './haproxy.ts';
import type { Ground, Scene } from './hypothesis.ts';
import { ledgerIdIn } from './second-installation.ts';

/**
 * A cluster of release 0.1.0 under load behind HAProxy, and processes of this release that can be started alongside it.
 */
export interface Upgrade extends Ground<Cluster> {
  proxy: Haproxy;
  /** A process of this release; not started when the load begins. */
  pods: readonly Service[];
  keepers: readonly Service[];
  /** Another process of 0.1.0, which is not configured in HAProxy; not started. */
  former(role: 'api' | 'keeper', number: number, env?: Readonly<Record<string, string>>): Promise<Service>;
}

/** The last commit of release 0.1.0. */
const RELEASE_0_1_0 = 'a0b4559abd4facf8962ad0c310895dac521d5f2c';
const PODS = 3;
const KEEPERS = 2;
const ENV = { PRE_STOP_DELAY_MS: '4000' };
const BOTH_SERVE_MS_MAX = 30_000;

/** The settings that the hypotheses about an upgrade share. */
export const UPGRADE = {
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 1 } },
  // A low rate, because there are twice as many processes as in other hypotheses, half of them started under load.
  // 0.1.0 has no groups, and in format 1 they are answered with 503.
  load: { ...BUSY_LOAD, groups: 0, holds: 0, rate: 200, transfersPerSecondMin: 500 },
  withoutTimes: true,
  ground,
} as const;

async function ground(): Promise<Upgrade> {
  const release = await FormerRelease.checkOut(RELEASE_0_1_0);
  const cleanUp = () => release[Symbol.dispose]();
  const options = { root: release.root, pods: PODS, keepers: KEEPERS, env: ENV, cleanUp };
  const cluster = await Cluster.start(options).catch((error: unknown) => {
    cleanUp();
    throw error;
  });
  try {
    const several = (role: 'api' | 'keeper', count: number) =>
      Promise.all(
        Array.from({ length: count }, async (_, index) =>
          cluster.add(await newService(cluster.around(), role, count + index + 1, { env: ENV })),
        ),
      );
    const [pods, keepers] = [await several('api', PODS), await several('keeper', KEEPERS)];
    const urls = [...cluster.pods, ...pods].map(({ url }) => url);
    const proxy = cluster.add(await Haproxy.before(urls, cluster.dir));
    await proxy.start();
    await proxy.untilUp(PODS);
    cluster.proxy = proxy.url;
    const around = cluster.around(release.root);
    return {
      ...{ stack: cluster, proxy, pods, keepers },
      former: async (role, number, env = {}) => cluster.add(await newService(around, role, number, { env })),
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Upgrades in the order that the changelog describes: first the schema, then the processes. */
export async function startBeside(scene: Scene<Upgrade>): Promise<void> {
  const { ground, note } = scene;
  const { stack: cluster, proxy, pods, keepers } = ground;
  const since = now();
  await cluster.migrate();
  note(`migrated in ${inSeconds(now() - since)} s`);
  for (const service of [...keepers, ...pods]) await service.start();
  await proxy.untilUp(2 * PODS);
  await bothServe(scene);
}

/** Waits until every pod posts transfers, all in one epoch, and checks that Redis belongs to this ledger. */
export async function bothServe({ ground, mark, wrong }: Scene<Upgrade>): Promise<void> {
  const { stack: cluster, pods } = ground;
  const all = [...cluster.pods, ...pods];
  const before = await Promise.all(all.map(postedBy));
  await until('pods of both releases post transfers', BOTH_SERVE_MS_MAX, async () => {
    const after = await Promise.all(all.map(postedBy));
    return after.every(({ posted, epoch }, index) => {
      return posted > (before[index]?.posted ?? 0) && epoch === after[0]?.epoch;
    });
  });
  mark('pods of both releases have posted transfers in one epoch');
  const owner = await cluster.redis.call('GET', 'hf:{0}:owner');
  const own = await ledgerIdIn((sql) => cluster.query(sql));
  if (owner !== own) wrong(`the owner of Redis is ${owner}, but should be ${own}`);
}

async function postedBy({ url }: Service): Promise<{ posted: number; epoch: number }> {
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  const read = (pattern: RegExp) => Number(pattern.exec(text)?.[1]);
  return {
    posted: read(/^holdfast_transfers_total\{outcome="posted"\} (\d+)$/m),
    epoch: read(/^holdfast_authority_epoch (\d+)$/m),
  };
}

export async function endOld({ ground, mark, note }: Scene<Upgrade>): Promise<void> {
  const { stack: cluster, proxy } = ground;
  for (const service of [...cluster.pods, ...cluster.keepers]) {
    mark(`${service.name} of 0.1.0 gets SIGTERM`);
    note(`${service.name} of 0.1.0 ended in ${inSeconds(await service.stop())} s`);
  }
  await proxy.untilUp(PODS);
}

export const inSeconds = (ms: number): string => (ms / 1000).toFixed(1);
