import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import {
  bothPaths,
  holdFlush,
  ownShards,
  returnedCount,
  SHARDED,
  type ShardedGround,
  setHotAccounts,
} from '../harness/sharded.ts';

const ROUNDS = 3;
const FROM = 0;
const TO = 1;

export const shardsDestinationFrozen: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-destination-frozen',
  expectation:
    'Destination accounts are frozen between the preview and `in`: the MySQL of the source shard is so slow that `out` waits, and the freeze happens before `in`. The money comes back, and the client gets the refusal.',
  pauseMsMax: 2_000,
  errorsAllowed: /^(504 outcome_unknown|pending)$/,
  ground: () => ownShards({ wired: true }),
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    for (let round = 0; round < ROUNDS; round++) {
      const release = holdFlush(cluster, FROM);
      await sleep(1_000);
      await setHotAccounts(scene, TO, 'FROZEN');
      release();
      if (round === 0) scene.mark('accounts of shard 1 are frozen');
      await sleep(2_000);
      await setHotAccounts(scene, TO, 'ACTIVE');
      await sleep(1_000);
    }
    const returned = await returnedCount(cluster);
    scene.note(`${returned} transfers were returned`);
    if (returned === 0) scene.wrong('no transfer was returned');
  },
  afterwards: bothPaths,
};
