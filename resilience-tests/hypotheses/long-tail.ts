import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

export const longTail: Hypothesis<Ground<Cluster>> = {
  name: 'long-tail',
  expectation:
    "No keeper runs for a while, and then Redis loses its disk. Thousands of transfers are in neither store, and all of them are recovered from the pods' tails.",
  pauseMsMax: 15_000,
  // Without a keeper, a request that waits until its transfer is persisted times out.
  errorsAllowed: /^504 outcome_unknown$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark, note }) {
    mark('all keepers killed');
    await Promise.all(cluster.keepers.map((keeper) => keeper.kill()));
    await sleep(short ? 4_000 : 8_000);
    const cursor = async () => Number((await cluster.query('SELECT seq FROM flush_cursor'))[0]?.['seq']);
    const before = await cursor();
    await cluster.redis.kill();
    cluster.redis.loseDisk();
    await cluster.redis.start();
    mark('Redis killed and its disk lost');
    await Promise.all(cluster.keepers.map((keeper) => keeper.start()));
    mark('the keepers are back');
    await cluster.untilMode('DIRECT', 60_000);
    note(`the tails raised seq from ${before} to ${await cursor()}`);
    await cluster.untilBack();
  },
};
