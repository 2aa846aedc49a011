import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { BROKEN } from '../harness/seen.ts';

export const podKilled: Hypothesis<Ground<Cluster>> = {
  name: 'pod-killed',
  expectation:
    'One of three pods is killed with requests in flight and unflushed outcomes in its memory. Only those requests fail, and when they are repeated under the same ids, each has one outcome.',
  pauseMsMax: 1_000,
  errorsAllowed: BROKEN,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 4 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    mark('pod 1 killed');
    await cluster.pod(0).kill();
    await sleep(short ? 1_000 : 10_000);
    await cluster.pod(0).start();
    mark('pod 1 is back');
    await cluster.untilReady();
  },
  afterwards({ ground: { stack: cluster }, wrong, note }, { broken }) {
    const others = [...broken.keys()].filter((url) => url !== cluster.pod(0).url);
    note(`requests to the killed pod that got no response: ${broken.get(cluster.pod(0).url) ?? 0}`);
    if (others.length > 0) wrong(`connections to other pods broke, too: ${others.join(', ')}`);
  },
};
