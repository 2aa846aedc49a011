import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { CLOSED } from '../harness/seen.ts';

export const podAndRedisKilled: Hypothesis<Ground<Cluster>> = {
  name: 'pod-and-redis-killed',
  expectation:
    'A pod that has the only copy of its latest acknowledged transfers is killed together with Redis. The ledger stays closed until Redis is back with its disk.',
  pauseMsMax: 30_000,
  errorsAllowed: CLOSED,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark, wrong }) {
    mark('Redis and pod 1 killed');
    await Promise.all([cluster.redis.kill(), cluster.pod(0).kill()]);
    await cluster.untilMode('CLOSING', 20_000);
    await sleep(short ? 4_000 : 15_000);
    const mode = await cluster.mode();
    if (mode !== 'CLOSING') wrong(`the authority is ${mode}, and a pod has not handed over`);
    await cluster.redis.start();
    mark('Redis is back');
    await cluster.untilMode('CACHE', 60_000);
    await cluster.pod(0).start();
    await cluster.untilReady();
  },
};
