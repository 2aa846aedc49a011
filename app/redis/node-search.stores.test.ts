import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { InspectionRefused } from '../authority/server-facts.ts';
import { until } from '../kernel/testing/until.ts';
import { connectQueue, connectRedis, identifyServer, inspectServer } from './connection.ts';
import { shardPrefix, slotOfPrefix } from './shard-prefix.ts';
import { OwnCluster } from './testing/own-cluster.ts';
import { OwnRedis } from './testing/own-redis.ts';
import { OwnSentinels } from './testing/own-sentinels.ts';

const TIMES = { connectTimeoutMs: 500, commandTimeoutMs: 500 };
const opened: Redis[] = [];
afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect();
});
function connect(url: string, slot = slotOfPrefix(shardPrefix('hf'))): Redis {
  const redis = connectRedis({ url, slot, ...TIMES });
  opened.push(redis);
  return redis;
}
const answers = (redis: Redis) => until('it is connected', () => redis.ping().catch(() => null));
const portOf = async (redis: Redis) => Number(((await redis.config('GET', 'port')) as string[])[1]);

/** Why this Redis is refused. Waiting does not help: someone has to change the configuration first. */
const refusalOf = (redis: Redis) =>
  until('it is refused', async () => {
    const error = await inspectServer(redis).then(
      () => null,
      (reason: unknown) => reason,
    );
    return error instanceof InspectionRefused ? error.message : null;
  });

describe('Through Sentinels', () => {
  let own: OwnSentinels;
  beforeAll(async () => {
    own = await OwnSentinels.start('a password of the Sentinels');
  });
  afterAll(() => own.stop());
  const query = '?sentinelPassword=a%20password%20of%20the%20Sentinels';

  it('a connection reaches the master and, after a failure, the replica that is promoted', async () => {
    const redis = connect(own.urlWith(query));
    await answers(redis);
    const [master, replica] = own.servers;
    expect(await portOf(redis)).toBe(master.port);
    // The Sentinels regard the master as down, but it keeps its connections.
    master.freeze();
    await until('it is connected to the replica', async () => (await portOf(redis).catch(() => 0)) === replica.port);
    expect((await identifyServer(redis)).role).toBe('master');
    master.thaw();
    const old = connect(master.url);
    await until('the old master is a replica', async () => {
      return (await identifyServer(old).catch(() => null))?.role === 'slave';
    });
    expect(await portOf(redis)).toBe(replica.port);
  });

  it('a queue also connects to the master', async () => {
    const queue = connectQueue({ url: own.urlWith(query), ...TIMES });
    opened.push(queue);
    await queue.set('queued', 'before there is a connection');
    expect(await queue.get('queued')).toBe('before there is a connection');
  });

  it.each([
    ['a wrong password', () => own.urlWith('?sentinelPassword=wrong'), /no Sentinel knows the node: .*WRONGPASS/],
    ['no password', () => own.url, /NOAUTH/],
    ['an unknown name', () => own.urlWith(query, 'banc'), /it monitors no master "banc"/],
  ])('%s is reported as a setting that has to be changed', async (_what, url, reason) => {
    expect(await refusalOf(connect(url()))).toMatch(reason);
  });

  it('unreachable Sentinels are not reported as a wrong setting, because they may come back', async () => {
    const url = `redis+sentinel://127.0.0.1:${await freePort()}/bank`;
    const redis = connect(url);
    await expect(inspectServer(redis)).rejects.not.toBeInstanceOf(InspectionRefused);
    await expect(redis.incr('n')).rejects.toThrow("Stream isn't writeable");
    redis.disconnect();
    await until('it has ended', () => redis.status === 'end');
  });
});

describe('In a cluster', () => {
  let cluster: OwnCluster;
  beforeAll(async () => {
    cluster = await OwnCluster.start();
  });
  afterAll(() => cluster.stop());
  const prefixes = [0, 1, 2].map((shard) => shardPrefix('hf', shard, 3));

  it('each of three shards has its own master', async () => {
    const ports = new Set<number>();
    for (const prefix of prefixes) {
      const slot = slotOfPrefix(prefix);
      const redis = connect(cluster.url, slot);
      await answers(redis);
      expect(await redis.set(`${prefix}:key`, 'value')).toBe('OK');
      const port = await portOf(redis);
      expect(port).toBe((await cluster.masterOf(slot)).server.port);
      ports.add(port);
    }
    expect(ports.size).toBe(3);
  });

  it('a connection follows no redirection, but is replaced by one to the master that the slot has moved to', async () => {
    const [prefix = shardPrefix('hf')] = prefixes;
    const slot = slotOfPrefix(prefix);
    const redis = connect(cluster.urlOfAll, slot);
    await answers(redis);
    await redis.set(`${prefix}:moved`, 'value');
    const from = await cluster.masterOf(slot);
    const to = cluster.nodes.find((node) => node !== from && cluster.nodes.indexOf(node) < 3);
    if (!to) throw new Error('no other master');
    const seen = new Set<string>();
    await cluster.moveSlot(slot, to, async () => {
      await redis.get(`${prefix}:unknown`).catch((error: Error) => seen.add(error.message.split(' ')[0] ?? ''));
    });
    expect(seen).toEqual(new Set(['ASK']));
    await expect(redis.set(`${prefix}:moved`, 'other')).rejects.toThrow(/^MOVED/);
    await until('it is connected to the other master', async () => {
      return (await redis.get(`${prefix}:moved`).catch(() => null)) === 'value';
    });
    expect(await portOf(redis)).toBe(to.server.port);
    await cluster.moveSlot(slot, from);
  });

  it('a connection reaches the replica that is promoted when the master is killed', async () => {
    const prefix = prefixes[1] ?? shardPrefix('hf');
    const slot = slotOfPrefix(prefix);
    const redis = connect(cluster.url, slot);
    await answers(redis);
    const master = await cluster.masterOf(slot);
    await master.server.kill();
    await until('the replica answers as a master', async () => {
      return (await redis.set(`${prefix}:key`, 'again').catch(() => null)) === 'OK';
    });
    expect(await portOf(redis)).not.toBe(master.server.port);
    await master.server.startAgain();
    await until('the cluster is whole again', () => cluster.isWhole());
  });

  it('the nodes in the URL may disappear once other nodes are known', async () => {
    const [prefix = shardPrefix('hf')] = prefixes;
    const first = cluster.nodes[0];
    const slot = slotOfPrefix(prefixes[2] ?? prefix);
    const redis = connect(cluster.url, slot);
    await answers(redis);
    await first?.server.kill();
    await redis.client('KILL', 'ID', await redis.client('ID')).catch(() => {});
    await until('it is connected again', () => redis.ping().catch(() => null));
    await first?.server.startAgain();
    await until('the cluster is whole again', () => cluster.isWhole());
  });
});

describe('A server that is not part of a cluster', () => {
  it('is reported as a setting that has to be changed', async () => {
    const server = await OwnRedis.start();
    const redis = connect(server.url.replace('redis://', 'redis+cluster://').replace('/0', ''));
    expect(await refusalOf(redis)).toMatch(/no node knows the node: .*cluster support disabled/);
    await server.stop();
  });

  it('is never connected to without the slot of the keys, because a connection leads to a single node', () => {
    expect(() => connectRedis({ url: 'redis+cluster://127.0.0.1', ...TIMES })).toThrow(TypeError);
  });
});
