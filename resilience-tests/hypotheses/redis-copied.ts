import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../devstack/install/packages.mjs';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { until } from '../../verification/harness/time.ts';
import { type Ground, type Hypothesis, NotHere, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

export const redisCopied: Hypothesis<Ground<Cluster>> = {
  name: 'redis-copied',
  expectation:
    'The data is copied with `redis-cli --rdb`, which changes the replication id. This causes one switch-over, during which no request fails.',
  pauseMsMax: 5_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  ground: () => ownCluster({ redis: { replicable: true } }),
  async fault({ ground: { stack: cluster }, mark }) {
    const program = findProgram('redis-cli');
    if (program === null) throw new NotHere('redis-cli is not installed');
    const { host, port } = cluster.redis;
    const epoch = await epochOf(cluster);
    mark('redis-cli --rdb');
    await promisify(execFile)(program, ['-h', host, '-p', String(port), '--rdb', join(cluster.dir, 'copy.rdb')]);
    await until('the next epoch begins', 60_000, async () => (await epochOf(cluster)) > epoch);
    await cluster.untilBack();
  },
};

async function epochOf(cluster: Cluster): Promise<number> {
  const [row] = await cluster.query('SELECT epoch FROM authority WHERE shard = 0');
  return Number(row?.['epoch']);
}
