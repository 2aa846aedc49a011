import { Client } from '../../verification/harness/client.ts';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { fieldsOf } from '../../verification/load/answers.ts';
import { readFrozen } from '../../verification/load/given-up.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { smallTown } from '../../verification/load/population.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { loseReplies } from '../harness/lost-replies.ts';

const WRITTEN_DOWN = 'Test: the disk of Redis is permanently lost.';

export const lossAccepted: Hypothesis<Ground<Cluster>> = {
  name: 'loss-accepted',
  expectation:
    'Like replies-lost, but the disk of Redis is also lost. The accounts stay frozen until an operator accepts the loss; afterwards only the entries recorded as given up are missing, and the holds of these accounts are as recorded in MySQL.',
  pauseMsMax: 10_000,
  // `transfer_not_found` and `hold_not_found`: the lookup of an attempt, or the capture of a hold, that was given up.
  errorsAllowed: /^(account_unsettled|transfer_not_found|hold_not_found|504 outcome_unknown)$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  // The load changes no account settings: if a change were given up, the service would list it under an id that no
  // client knows.
  load: { ...BUSY_LOAD, changes: 0, groups: 0 },
  population: (prefix) => smallTown(prefix, 2_000),
  ground: () => ownCluster({ wired: true }),
  async fault(scene) {
    const { ground, short, givesUp, mark, note, wrong } = scene;
    const { stack: cluster } = ground;
    await loseReplies(scene);
    cluster.redis.loseDisk();
    await cluster.redis.start();
    mark('Redis is back, empty');
    await sleep(short ? 5_000 : 10_000);
    const mode = await cluster.mode();
    if (mode !== 'DIRECT') wrong(`the authority is ${mode}, and accounts wait for a journal`);
    givesUp(await readFrozen(cluster.file.mysql));
    using operator = new Client(() => cluster.addresses, cluster.file.apiKey);
    const unsettled = await operator.get('/v1/ops/unsettled');
    const { epoch } = fieldsOf(unsettled.body);
    const accepted = await operator.post('/v1/ops/loss-acceptances', { epoch, reason: WRITTEN_DOWN });
    mark('the loss is accepted');
    note(`the acceptance was answered with ${accepted.status} ${JSON.stringify(accepted.body)}`);
    await cluster.untilBack();
  },
};
