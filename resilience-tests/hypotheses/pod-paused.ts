import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

export const podPaused: Hypothesis<Ground<Cluster>> = {
  name: 'pod-paused-past-its-retirement',
  expectation:
    'A pod with requests in flight is paused until a keeper has retired it, and then resumed. Its id is refused, and it continues under a new one.',
  pauseMsMax: 1_000,
  // The pod's clients get no answer in time, or a late one.
  errorsAllowed: /^(no answer in time|504 outcome_unknown|ledger_switching|ECONNRESET|socket hang up)$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 4 } },
  load: BUSY_LOAD,
  ground: (short) => ownCluster({ env: short ? { POD_RETIRE_AFTER_MS: '3000' } : {} }),
  async fault({ ground: { stack: cluster }, mark }) {
    const registered = async () => Number((await cluster.query('SELECT COUNT(*) AS pods FROM pods'))[0]?.['pods']);
    const before = await registered();
    cluster.pod(0).freeze();
    mark('pod 1 is paused');
    await until('its registration is gone', 90_000, async () => (await registered()) < before);
    mark('pod 1 was retired');
    await sleep(1_000);
    cluster.pod(0).wake();
    mark('pod 1 is resumed');
    await cluster.untilReady();
  },
};
