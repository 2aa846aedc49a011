import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { planOf } from './plan.ts';
import { planText } from './print.ts';
import { placesOf } from './where.ts';

const configOf = (env: Record<string, string>) =>
  loadConfig({ SHARDS: '4', REDIS_URL: 'redis://cache-{shard}', MYSQL_URL: 'mysql://u:p@db/holdfast_{shard}', ...env });
const PROCESSES = { pods: 10, keepers: 2 };

describe('The plan of shards', () => {
  it('shows which slots, which hash tag and which servers each shard has', async () => {
    const { shards } = await planOf(configOf({ SHARDS: '3' }), PROCESSES);
    expect(shards).toEqual(
      [
        ...[{ shard: 0, slots: { from: 0, to: 5461 }, tag: '{0of3-9431}', tagSlot: 2730 }],
        ...[{ shard: 1, slots: { from: 5462, to: 10922 }, tag: '{1of3-17089}', tagSlot: 8192 }],
        ...[{ shard: 2, slots: { from: 10923, to: 16383 }, tag: '{2of3-19177}', tagSlot: 13653 }],
      ].map((line, shard) => ({ ...line, redis: `cache-${shard}:6379`, mysql: `db:3306/holdfast_${shard}` })),
    );
  });

  it('gives every account to the shard that has its slot', async () => {
    const { shards } = await planOf(configOf({ SHARDS: '7' }), PROCESSES);
    for (const { slot, shard } of placesOf(
      Array.from({ length: 500 }, (_, n) => `account-${n}`),
      7,
    )) {
      expect(shards.filter(({ slots }) => slots.from <= slot && slot <= slots.to).map((found) => found.shard)).toEqual([
        shard,
      ]);
    }
  });

  it('counts the connections to each server, which are shared by the shards on it', async () => {
    const MYSQL_URL = 'mysql://a/w mysql://b/x mysql://b/y mysql://b:3307/z';
    const { redis, mysql } = await planOf(configOf({ REDIS_URL: 'redis://cache', MYSQL_URL }), PROCESSES);
    expect(redis).toEqual([{ server: 'cache:6379', shards: [0, 1, 2, 3], connections: 64 }]);
    // A pod: 10 for requests, 4 for the protocol, 2 for recoveries, 4 for DIRECT. A keeper: 10, 4, 2, 4 for each shard.
    expect(mysql).toEqual([
      { server: 'a:3306', shards: [0], connections: 10 * 20 + 2 * 20 },
      { server: 'b:3306', shards: [1, 2], connections: 10 * 20 + 2 * 26 },
      { server: 'b:3307', shards: [3], connections: 10 * 20 + 2 * 20 },
    ]);
  });

  it('shows why a node was not found, but no password', async () => {
    const text = planText(
      await planOf(configOf({ SHARDS: '1', REDIS_URL: 'redis+cluster://:hunter2@127.0.0.1:1' }), PROCESSES),
    );
    expect(text).toContain('unknown (no node knows the node: 127.0.0.1:1');
    expect(text).not.toMatch(/hunter2|u:p/);
  });
});
