import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

export const podCutOffFromRedis: Hypothesis<Ground<Cluster>> = {
  name: 'pod-cut-off-from-redis',
  expectation:
    'A single pod loses Redis twice: first its connection breaks, later it goes silent. Each time, the pod becomes unready; its waiting requests continue afterwards or get an error after 10 s, and the authority does not move.',
  pauseMsMax: 1_000,
  errorsAllowed: /^(ledger_switching|overloaded|504 outcome_unknown)$/,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster({ wired: true }),
  async fault({ ground: { stack: cluster }, short, mark }) {
    const wire = cluster.pod(0).wire('redis');
    for (const how of ['cut', 'hold'] as const) {
      wire[how]();
      mark(how === 'cut' ? 'the link is cut' : 'the link is silent');
      await sleep(short ? 3_000 : 7_000);
      wire.heal();
      mark('the link works again');
      await cluster.untilReady();
    }
  },
  afterwards({ wrong }, { moves }) {
    if (moves.length > 0) wrong('the authority has moved');
  },
};
