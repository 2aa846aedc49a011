import { Client } from '../../verification/harness/client.ts';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster, type Scene } from '../harness/hypothesis.ts';
import type { Seen } from '../harness/seen.ts';

const REASON = { reason: 'Test: everything is stopped under load.' };
/** How long pods may still make changes after the operator's request, ms. */
const STOPPED_WITHIN_MS = 1_000;

/** By scene, the times at which an operator requested the stop and the release, in ms of `now()`. */
const spans = new WeakMap<Scene<Ground<Cluster>>, { asked: number; released: number }>();

export const emergencyStop: Hypothesis<Ground<Cluster>> = {
  name: 'emergency-stop',
  expectation:
    'An operator stops the ledger through one pod, Redis and another pod are killed and restarted, and the operator releases the ledger through a third pod. From one second after the stop is requested until the release, no pod makes a transfer.',
  pauseMsMax: 60_000,
  errorsAllowed: null,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 4 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault(scene) {
    const { ground, short, mark, note, wrong } = scene;
    const { stack: cluster } = ground;
    const operators = cluster.pods.map(({ url }) => new Client(() => [url], cluster.file.apiKey));
    const ask = (pod: number, path: string) => (operators[pod] as Client).post(path, REASON);
    const asked = mark('an operator sends the stop to pod 1');
    const stopped = await ask(0, '/v1/ops/stop');
    const answered = mark('pod 1 has stopped the ledger');
    note(`the stop was answered with ${stopped.status} after ${Math.round(answered - asked)} ms`);
    if (stopped.status !== 200) wrong(`the stop was answered with ${stopped.status} ${JSON.stringify(stopped.body)}`);
    await sleep(short ? 1_000 : 3_000);
    cluster.pod(1).kill();
    await cluster.redis.kill();
    mark('Redis and pod 2 are killed');
    await sleep(short ? 1_000 : 3_000);
    await Promise.all([cluster.redis.start(), cluster.pod(1).start()]);
    await cluster.untilReady();
    mark('Redis and pod 2 are back');
    await sleep(short ? 1_000 : 3_000);
    const released = mark('an operator sends the release to pod 3');
    spans.set(scene, { asked, released });
    const after = await ask(2, '/v1/ops/release');
    if (after.status !== 200) wrong(`the release was answered with ${after.status} ${JSON.stringify(after.body)}`);
    for (const operator of operators) operator[Symbol.dispose]();
    await cluster.untilBack();
  },
  afterwards(scene, { history }: Seen) {
    const { asked, released } = spans.get(scene) ?? { asked: 0, released: 0 };
    const from = asked + STOPPED_WITHIN_MS;
    let refused = 0;
    for (const { transactionId, attempts } of history.transfers.values()) {
      refused += attempts.filter(({ answer }) => answer.kind === 'refused' && answer.code === 'ledger_stopped').length;
      // An id that was first sent before the stop may have received its outcome before the stop.
      if (attempts.some(({ sentAt }) => sentAt < from)) continue;
      if (attempts.some(({ answer, endedAt }) => answer.kind === 'posted' && endedAt < released))
        scene.wrong(`${transactionId} was posted while the ledger was stopped`);
    }
    scene.note(`${refused} attempts were refused as ledger_stopped`);
    if (refused === 0) scene.wrong('nobody was refused');
  },
};
