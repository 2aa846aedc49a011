import { join } from 'node:path';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { Link } from '../../verification/harness/link.ts';
import { RedisServer } from '../../verification/harness/redis-server.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

interface WithReplica extends Ground<Cluster> {
  replica: RedisServer;
  /** The link from the replica to its master. */
  wire: Link;
}

async function clusterWithReplica(): Promise<WithReplica> {
  const { stack } = await ownCluster({ wired: true, redis: { replicable: true } });
  const dir = join(stack.dir, 'replica');
  const replica = stack.add(await RedisServer.in({ dir, stack: stack.dir, replicable: true }));
  const wire = await Link.to(stack.redis);
  await replica.start();
  await replica.call('REPLICAOF', wire.host, String(wire.port));
  await until('the replica follows', 30_000, async () =>
    String(await replica.call('INFO')).includes('master_link_status:up'),
  );
  return {
    stack,
    replica,
    wire,
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]();
      wire[Symbol.dispose]();
    },
  };
}

export const replicaPromoted: Hypothesis<WithReplica> = {
  name: 'replica-promoted',
  expectation:
    'A lagging replica is promoted to replace a dead Redis. It has the marker, but lacks entries, so it is not trusted, and is used like an empty Redis.',
  pauseMsMax: 10_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: clusterWithReplica,
  async fault({ ground: { stack: cluster, replica, wire }, mark, note }) {
    wire.hold('replies');
    await sleep(2_000);
    const ahead = (await cluster.redis.info('master_repl_offset')) - (await replica.info('slave_repl_offset'));
    note(`the replica is ${ahead} bytes behind`);
    if (ahead <= 0) throw new Error('the replica does not lag');
    mark('Redis killed');
    await cluster.redis.kill();
    await replica.call('REPLICAOF', 'NO', 'ONE');
    for (const service of [...cluster.pods, ...cluster.keepers]) service.wire('redis').redirect(replica);
    mark('its replica is promoted');
    await cluster.untilMode('CLOSING', 30_000).catch(() => {}); // the mode may already have changed again
    await cluster.untilBack();
  },
};
