import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis, Scene } from '../harness/hypothesis.ts';
import { BROKEN } from '../harness/seen.ts';
import {
  bothPaths,
  holdFlush,
  ownShards,
  returnedCount,
  SHARDED,
  type ShardedGround,
  setHotAccounts,
} from '../harness/sharded.ts';

const FROM = 0;
const TO = 1;
const GATHER_MS = 900;

/** Brings transfers from shard 0 to shard 1 to one step in the first pod. @returns what ends the disturbance, after the kill */
type Step = (scene: Scene<ShardedGround>) => Promise<() => void | Promise<void>>;

const pod = ({ ground }: Scene<ShardedGround>) => ground.stack.pod(0);

/** Requests to, or replies from, a Redis do not pass, in the first pod. */
function holdRedis(scene: Scene<ShardedGround>, shard: number, way: 'requests' | 'replies'): () => void {
  const link = scene.ground.stack.wire(pod(scene), 'redis', shard);
  link.hold(way);
  return () => link.heal();
}

/** Transfers wait in `out`, and are refused by the destination when they go on. */
async function refused(scene: Scene<ShardedGround>): Promise<() => void> {
  const release = holdFlush(scene.ground.stack, FROM);
  await sleep(GATHER_MS);
  await setHotAccounts(scene, TO, 'FROZEN');
  return release;
}

const STEPS: Readonly<Record<string, Step>> = {
  async 'after the preview, before out'(scene) {
    const heal = holdRedis(scene, FROM, 'requests');
    await sleep(GATHER_MS);
    return heal;
  },
  async 'after out, before MySQL has it'(scene) {
    const release = holdFlush(scene.ground.stack, FROM);
    await sleep(GATHER_MS);
    return release;
  },
  async 'after out, before in'(scene) {
    const release = holdFlush(scene.ground.stack, FROM);
    await sleep(GATHER_MS);
    const heal = holdRedis(scene, TO, 'requests');
    release();
    await sleep(400);
    return heal;
  },
  async 'after in, before its answer'(scene) {
    const release = holdFlush(scene.ground.stack, FROM);
    await sleep(GATHER_MS);
    const heal = holdRedis(scene, TO, 'replies');
    release();
    await sleep(400);
    return heal;
  },
  async 'after the refusal of in, before MySQL has it'(scene) {
    const release = await refused(scene);
    const releaseThere = holdFlush(scene.ground.stack, TO);
    release();
    await sleep(400);
    return async () => {
      releaseThere();
      await sleep(2_000);
      await setHotAccounts(scene, TO, 'ACTIVE');
    };
  },
  async 'after back, before its answer'(scene) {
    const release = await refused(scene);
    const heal = holdRedis(scene, FROM, 'replies');
    release();
    await sleep(400);
    return async () => {
      heal();
      await sleep(2_000);
      await setHotAccounts(scene, TO, 'ACTIVE');
    };
  },
};

export const shardsPodKilledAtEachStep: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-pod-killed-at-each-step',
  expectation:
    'A pod is killed at each step of transfers between shards: after the preview, after `out`, after `in`, and after `back`. The couriers of the other pods finish what was open.',
  pauseMsMax: 2_000,
  errorsAllowed: new RegExp(`${BROKEN.source}|^(504 outcome_unknown|pending|no answer in time)$`),
  ground: () => ownShards({ wired: true }),
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    scene.mark('the first disturbance begins');
    for (const [name, reach] of Object.entries(STEPS)) {
      const release = await reach(scene);
      await pod(scene).kill();
      scene.mark(`pod 1 killed ${name}`);
      await release();
      scene.note(
        `${name}: MySQL had ${await cluster.withoutEnd(FROM, TO)} transfers without \`in\` just after the kill`,
      );
      await pod(scene).start();
      await cluster.untilBack();
      await sleep(scene.short ? 300 : 1_500);
    }
    const returned = await returnedCount(cluster);
    scene.note(`${returned} transfers were returned`);
    if (returned === 0) scene.wrong('no transfer was returned');
  },
  afterwards: bothPaths,
};
