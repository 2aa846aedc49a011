import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MovingName } from '../../kernel/testing/moving-name.ts';
import { until } from '../../kernel/testing/until.ts';
import { connectRedis } from '../../redis/connection.ts';
import { ReplicableRedis } from '../../redis/testing/replicable-redis.ts';

let servers: ReplicableRedis[];
let name: MovingName;
let redis: Redis;
beforeEach(async () => {
  servers = [await ReplicableRedis.start(), await ReplicableRedis.start()];
  const [before, after] = servers.map(({ port }) => port);
  name = await MovingName.of(before ?? 0, after ?? 0);
  redis = connectRedis({
    url: `redis://${name.host}:${name.port}/0`,
    connectTimeoutMs: 500,
    commandTimeoutMs: 200,
  });
  await until('it is connected', () => redis.ping().catch(() => null));
});
afterEach(async () => {
  redis.disconnect();
  name.close();
  for (const server of servers) await server.stop();
});

const reachesNewMaster = () =>
  until('it reaches the new master', async () => (await redis.set('key', 'value').catch(() => null)) === 'OK');

describe('When the host name of Redis moves to another server', () => {
  it('a connection whose server has vanished without a trace is replaced by one to the new server', async () => {
    name.before.fallSilent();
    name.move();
    await reachesNewMaster();
    expect(name.after.opened).toBeGreaterThanOrEqual(1);
  });

  it('a connection whose server is now a replica is replaced by one to the new server', async () => {
    const old = new Redis(servers[0]?.port ?? 0);
    await old.replicaof('127.0.0.1', servers[1]?.port ?? 0);
    old.disconnect();
    name.move();
    await reachesNewMaster();
    expect(name.after.opened).toBeGreaterThanOrEqual(1);
  });
});
