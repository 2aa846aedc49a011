import { beforeEach, describe, expect, it } from 'vitest';
import type { PodRow } from '../../domain/authority.ts';
import { account, type EpochUnderTest, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { Retirement } from './retirement.ts';

const RETIRE_MS = 15_000;
const ROUND_MS = 2_000;

let clock: TestClock;
let epoch: EpochUnderTest;
let pods: PodRow[];
let retirement: Retirement;
let log: ReturnType<typeof keptLog>;
let asked = true;

const row = (podId: string, silentMs: number, fields: Partial<PodRow> = {}): PodRow => ({
  podId,
  epoch: 1,
  observed: 0,
  handedOver: false,
  retiredSeq: null,
  silentMs,
  ...fields,
});

beforeEach(async () => {
  clock = new TestClock();
  epoch = await modelEpoch([account('world'), account('ada')]);
  pods = [];
  log = keptLog();
  asked = true;
  retirement = new Retirement({
    pods: async () => {
      if (!asked) throw new Error('MySQL is unavailable');
      return pods.map((pod) => ({ ...pod }));
    },
    markRetired: async (podId, seq) => {
      for (const pod of pods) if (pod.podId === podId) pod.retiredSeq = seq;
    },
    removePod: async (podId) => {
      pods = pods.filter((pod) => pod.podId !== podId);
    },
    cache: epoch.cache,
    clock,
    logger: log,
    retireAfterMs: RETIRE_MS,
  });
});

/** Runs rounds like the keeper, while the pods stay silent. */
async function rounds(count: number, cursor = 0): Promise<void> {
  for (let n = 0; n < count; n++) {
    await retirement.round(epoch.keeper, cursor);
    clock.advance(ROUND_MS);
    for (const pod of pods) pod.silentMs += ROUND_MS;
  }
}
const refused = async (): Promise<unknown> =>
  epoch.cache.read(epoch.pod, []).then(
    () => null,
    (error: { reason: string }) => error.reason,
  );

describe('A silent pod', () => {
  it('is retired: Redis refuses it permanently, and the row has the last seq that it can have received', async () => {
    await epoch.apply(order('t1'), order('t2'));
    pods = [row('pod', 0)];
    await rounds(8);
    expect(await refused()).toBeNull();
    await rounds(8);
    expect(await refused()).toBe('retired');
    expect(pods).toMatchObject([{ podId: 'pod', retiredSeq: 2 }]);
    expect(log.lines).toEqual([
      { level: 'warn', fields: { podId: 'pod', seq: 2 }, message: 'a silent pod was retired' },
    ]);
  });

  it('is retired only when this keeper has itself seen it silent for a while', async () => {
    pods = [row('pod', 10 * RETIRE_MS)];
    await rounds(4);
    expect(pods[0]?.retiredSeq).toBeNull();
    await rounds(1);
    expect(pods[0]?.retiredSeq).toBe(0);
  });

  it('that sends one heartbeat has its silence counted from zero again', async () => {
    pods = [row('pod', RETIRE_MS)];
    await rounds(3);
    pods = [row('pod', 0)];
    await rounds(1);
    pods = [row('pod', RETIRE_MS)];
    await rounds(4);
    expect(pods[0]?.retiredSeq).toBeNull();
  });

  it('is not counted as silent for the time in which MySQL or the keeper was unavailable', async () => {
    pods = [row('pod', RETIRE_MS)];
    await rounds(3);
    asked = false;
    for (let n = 0; n < 5; n++) {
      await expect(retirement.round(epoch.keeper, 0)).rejects.toThrow('unavailable');
      clock.advance(ROUND_MS);
    }
    asked = true;
    await rounds(4);
    expect(pods[0]?.retiredSeq).toBeNull();
    await rounds(1);
    expect(pods[0]?.retiredSeq).toBe(0);
  });

  it('that registers again under the same id has its silence counted from zero again', async () => {
    pods = [row('pod', RETIRE_MS)];
    await rounds(3);
    pods = [];
    await rounds(1);
    pods = [row('pod', RETIRE_MS)];
    await rounds(4);
    expect(pods[0]?.retiredSeq).toBeNull();
  });
});

describe('The registration of a retired pod', () => {
  it('is deleted only once the cursor has passed everything that the pod can have received', async () => {
    pods = [row('gone', 0, { retiredSeq: 5 }), row('live', 0)];
    await rounds(2, 4);
    expect(pods.map(({ podId }) => podId)).toEqual(['gone', 'live']);
    await rounds(1, 5);
    expect(pods.map(({ podId }) => podId)).toEqual(['live']);
  });

  it('of another epoch is left alone', async () => {
    pods = [row('old', 99 * RETIRE_MS, { epoch: 0 }), row('older', 0, { epoch: 0, retiredSeq: 0 })];
    await rounds(10, 10);
    expect(pods).toMatchObject([{ podId: 'old', retiredSeq: null }, { podId: 'older' }]);
  });
});
