import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { LossyNamespace } from '../harness/lossy-namespace.ts';

interface Lossy extends Ground<Cluster> {
  namespace: LossyNamespace;
}

async function redisBehindALossyWire(): Promise<Lossy> {
  const namespace = new LossyNamespace();
  const redis = { host: namespace.address, wrap: namespace.inside.bind(namespace) };
  const ground = await ownCluster({ redis, cleanUp: () => namespace[Symbol.dispose]() });
  return { ...ground, namespace };
}

export const packetsLost: Hypothesis<Lossy> = {
  name: 'packets-lost',
  expectation: 'Of the packets to and from Redis, 5 % are lost in each direction, then 50 %, and finally none.',
  pauseMsMax: 20_000,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: redisBehindALossyWire,
  async fault({ ground: { stack: cluster, namespace }, short, mark }) {
    for (const [percent, ms] of [
      [5, short ? 4_000 : 15_000],
      [50, short ? 4_000 : 10_000],
    ] as const) {
      namespace.lose(percent);
      mark(`${percent} % lost`);
      await sleep(ms);
    }
    namespace.lose(0);
    mark('none lost');
    await cluster.untilBack();
  },
};
