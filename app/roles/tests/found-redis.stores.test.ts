import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { shardPrefix, slotOfPrefix } from '../../redis/shard-prefix.ts';
import { OwnCluster } from '../../redis/testing/own-cluster.ts';
import { OwnSentinels } from '../../redis/testing/own-sentinels.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { SteadyLoad } from '../testing/steady-load.ts';

let roles: RolesUnderTest;
afterEach(() => roles.stop());

/** A pod under load, and a keeper, whose Redis has to be found. */
async function underLoad(url: string): Promise<{ api: Role; keeper: Role; load: SteadyLoad }> {
  roles = await RolesUnderTest.start();
  const env = { REDIS_URL: url, REDIS_STEADY_AFTER_MS: '200' };
  const keeper = await roles.keeper(env);
  const api = await roles.api(env);
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  const load = new SteadyLoad(api);
  await load.goesOn();
  return { api, keeper, load };
}

/** Waits until the ledger works in another epoch, on another server. */
async function worksElsewhere(api: Role, before: { epoch: number; replid: string | null }): Promise<void> {
  await until('another epoch runs on another server', async () => {
    const now = await api.context.authority.read();
    return now.mode === 'CACHE' && now.epoch > before.epoch && now.replid !== before.replid;
  });
  await api.worksIn('CACHE');
}
const portOf = ({ context }: Role) => (context.redis.options as { port?: number }).port;

describe('With a Redis Cluster', () => {
  let cluster: OwnCluster;
  const slot = slotOfPrefix(shardPrefix('any'));
  beforeAll(async () => {
    cluster = await OwnCluster.start();
  });
  afterAll(() => cluster.stop());

  it('the ledger follows its slot to another master, under load, and loses nothing', async () => {
    const { api, keeper, load } = await underLoad(cluster.url);
    const from = await cluster.masterOf(slot);
    expect([portOf(api), portOf(keeper)]).toEqual([from.server.port, from.server.port]);
    const to = cluster.nodes.find((node) => node !== from && cluster.nodes.indexOf(node) < 3);
    if (!to) throw new Error('no other master');
    const before = await api.context.authority.read();
    await cluster.moveSlot(slot, to);
    await worksElsewhere(api, before);
    expect([portOf(api), portOf(keeper)]).toEqual([to.server.port, to.server.port]);
    await load.goesOn();
    expect(await load.faults(roles)).toEqual([]);
    await cluster.moveSlot(slot, from);
  });

  it('the ledger runs on MySQL while its slot is between two masters, and returns when the move is aborted', async () => {
    const { api, load } = await underLoad(cluster.urlOfAll);
    const from = await cluster.masterOf(slot);
    const to = cluster.nodes.find((node) => node !== from && cluster.nodes.indexOf(node) < 3);
    if (!to) throw new Error('no other master');
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    await api.worksIn('DIRECT');
    await load.goesOn();
    for (const node of [from, to]) await node.admin.call('CLUSTER', 'SETSLOT', slot, 'STABLE');
    await api.worksIn('CACHE');
    await load.goesOn();
    expect(await load.faults(roles)).toEqual([]);
  });

  it('the ledger continues on the replica that is promoted when its master is killed, and loses nothing', async () => {
    const { api, load } = await underLoad(cluster.url);
    const master = await cluster.masterOf(slot);
    const before = await api.context.authority.read();
    await master.server.kill();
    await worksElsewhere(api, before);
    expect(portOf(api)).not.toBe(master.server.port);
    await load.goesOn();
    expect(await load.faults(roles)).toEqual([]);
    await master.server.startAgain();
    await until('the cluster is whole again', () => cluster.isWhole());
  });
});

describe('With Sentinels', () => {
  let sentinels: OwnSentinels;
  beforeAll(async () => {
    sentinels = await OwnSentinels.start();
  });
  afterAll(() => sentinels.stop());

  it('the ledger continues on the replica that they promote, and ignores the old master when it thaws', async () => {
    const { api, keeper, load } = await underLoad(sentinels.url);
    const [master, replica] = sentinels.servers;
    const before = await api.context.authority.read();
    master.freeze();
    await worksElsewhere(api, before);
    expect([portOf(api), portOf(keeper)]).toEqual([replica.port, replica.port]);
    await load.goesOn();
    master.thaw();
    await load.goesOn();
    expect((await api.context.authority.read()).epoch).toBeGreaterThan(before.epoch);
    expect(await load.faults(roles)).toEqual([]);
  });
});
