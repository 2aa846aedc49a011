import { sleep } from '../../verification/harness/time.ts';
import { CrossingSteps, isAnywhere, type LegsSeen } from '../harness/crossing-steps.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { BROKEN } from '../harness/seen.ts';
import { bothPaths, ownShards, returnedCount, SHARDED, type ShardedGround } from '../harness/sharded.ts';

const FROM = 0;
const TO = 1;
/** Long enough for a preview, which takes a few milliseconds. */
const PREVIEW_MS = 300;

interface Step {
  name: string;
  /** Brings transfers to this step in the first pod, and keeps them there. */
  reach(steps: CrossingSteps): Promise<void>;
  /** Whether a transfer is at this step, according to the outcomes in the stores. */
  isAt(legs: LegsSeen): boolean;
}

/** `out` is in the Redis of its shard, and waits for MySQL. */
async function outWaits(steps: CrossingSteps): Promise<void> {
  steps.holdFlush(FROM);
  steps.send();
  await steps.until('`out` is in Redis', ({ out }) => out.redis);
}

/** The destination has refused `in`, but MySQL does not have the refusal yet. */
async function refusalWaits(steps: CrossingSteps): Promise<void> {
  await outWaits(steps);
  await steps.freezeDestination();
  steps.holdFlush(TO);
  steps.releaseFlush(FROM);
  await steps.until('`in` is refused', (legs) => legs.in.redis);
}

const STEPS: readonly Step[] = [
  {
    name: 'after the preview, before out',
    async reach(steps) {
      steps.holdRedis(FROM);
      steps.send();
      await sleep(PREVIEW_MS);
    },
    isAt: ({ out }) => !isAnywhere(out),
  },
  {
    name: 'after out, before MySQL has it',
    reach: outWaits,
    isAt: ({ out }) => out.redis && out.mysql === null,
  },
  {
    name: 'after out, before in',
    async reach(steps) {
      await outWaits(steps);
      steps.holdRedis(TO);
      steps.releaseFlush(FROM);
    },
    isAt: (legs) => legs.out.mysql === 'POSTED' && !isAnywhere(legs.in),
  },
  {
    name: 'after in, before its answer',
    async reach(steps) {
      await outWaits(steps);
      steps.holdFlush(TO);
      steps.releaseFlush(FROM);
    },
    isAt: (legs) => legs.in.redis && legs.in.mysql === null,
  },
  {
    name: 'after the refusal of in, before MySQL has it',
    reach: refusalWaits,
    isAt: (legs) => legs.in.redis && legs.in.mysql === null,
  },
  {
    name: 'after back, before its answer',
    async reach(steps) {
      await refusalWaits(steps);
      steps.holdFlush(FROM);
      steps.releaseFlush(TO);
    },
    isAt: (legs) => legs.in.mysql === 'REJECTED' && legs.back.redis && legs.back.mysql === null,
  },
];

export const shardsPodKilledAtEachStep: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-pod-killed-at-each-step',
  expectation:
    'A pod is killed at each step of transfers between shards: after the preview, after `out`, after `in`, and after `back`. The stores confirm that its transfers have reached this step. The couriers of the other pods, or retries, finish them.',
  pauseMsMax: 2_000,
  errorsAllowed: new RegExp(`${BROKEN.source}|^(504 outcome_unknown|pending|no answer in time)$`),
  ground: () => ownShards({ wired: true }),
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    using steps = new CrossingSteps(scene, { from: FROM, to: TO });
    scene.mark('the first disturbance begins');
    for (const { name, reach, isAt } of STEPS) {
      await reach(steps);
      await steps.until(name, isAt);
      const interrupted = await steps.kill(isAt);
      scene.mark(`pod 1 killed ${name}`);
      scene.note(`${name}: ${interrupted} transfers of the killed pod were at this step`);
      if (interrupted === 0) scene.wrong(`no transfer was interrupted ${name}`);
      await steps.heal();
      await cluster.pod(0).start();
      await cluster.untilBack();
      await sleep(scene.short ? 300 : 1_500);
    }
    const returned = await returnedCount(cluster);
    scene.note(`${returned} transfers were returned`);
    if (returned === 0) scene.wrong('no transfer was returned');
  },
  afterwards: bothPaths,
};
