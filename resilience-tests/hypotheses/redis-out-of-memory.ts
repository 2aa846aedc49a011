import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

const ROOM_BYTES = 512 * 1024;

export const redisOutOfMemory: Hypothesis<Ground<Cluster>> = {
  name: 'redis-out-of-memory',
  expectation:
    'Redis has reached its maxmemory. Commands that need more memory are refused with a specific error before anything is written. Other commands continue, and everything works again once memory is free.',
  pauseMsMax: 40_000,
  errorsAllowed: /^overloaded$/,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark, note }) {
    const { redis } = cluster;
    const before = await redis.info('maxmemory');
    await redis.call('CONFIG', 'SET', 'maxmemory', String((await redis.info('used_memory')) + ROOM_BYTES));
    mark(`Redis has ${ROOM_BYTES / 1024} KiB left`);
    await sleep(short ? 6_000 : 20_000);
    note(`Redis refused ${await redis.errorCount('OOM')} calls`);
    await redis.call('CONFIG', 'SET', 'maxmemory', String(before));
    mark('Redis has free memory again');
  },
  afterwards({ wrong }, { moves, errors }) {
    if (moves.length > 0) wrong('the authority has moved');
    if (errors.size === 0) wrong('nothing was refused: too much memory was free');
  },
};
