import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { attempt, except, RecoveryBench } from '../../mysql/authority/testing/recovery-bench.ts';
import { startApi } from '../api-role.ts';
import { API_KEY, Role } from '../testing/roles-under-test.ts';
import { processOf, testConfig, testContext } from '../testing/test-context.ts';

/** Longer than any request may wait. */
const SLOW_MS = 10_000;

/** A recovery that processes one entry per page, and a pod that reports its progress. */
let bench: RecoveryBench;
let clock: TestClock;
let api: Role;
beforeEach(async () => {
  bench = await RecoveryBench.start({ outcomesMax: 1, bytesMax: 1 });
  clock = new TestClock();
  await bench.begin();
});
afterEach(async () => {
  await api.stop();
  await bench.db.drop();
});

/** Starts a pod whose clock jumps ahead whenever it is read, so that each request has time for only one page. */
async function slowPod(): Promise<void> {
  const config = testConfig(bench.db.url, { REDIS_URL: 'redis://127.0.0.1:1', BOOTSTRAP_API_KEY: API_KEY });
  const context = Object.assign(await testContext(config), { recoveryStore: bench.recoveryStore, clock });
  api = new Role(context, await startApi(processOf(context)));
  await until('the key is known', async () => (await api.request('GET', '/v1/ops/status')).status === 200);
  clock.monotonic = () => {
    clock.advance(SLOW_MS);
    return clock.monotonicMs;
  };
}

const statusOfRecovery = async () => (await api.request('GET', '/v1/ops/status')).json['recovery'];

it('accepting a loss is answered with 202 if it takes long, and the status shows it until it is done', async () => {
  const journal = await bench.journal(
    ['t1', 'world', 'ada', 500],
    ['t2', 'bob', 'cy', 7],
    ['t3', 'cy', 'bob', 2],
    ['t4', 'world', 'ada', 50],
  );
  const closing = await bench.closing();
  await bench.handOver('pod', except(journal, 2), [attempt('t2', 'bob', 'cy')], 4);
  await slowPod();
  const acceptance = { epoch: closing.epoch, reason: 'the node was destroyed' };
  const first = await api.request('POST', '/v1/ops/loss-acceptances', acceptance);
  expect(first).toMatchObject({
    status: 202,
    json: { epoch: closing.epoch, mode: 'CLOSING', dropped: 0, done: false },
  });
  expect(await statusOfRecovery()).toMatchObject({
    cacheEpoch: 1,
    phase: 'posting',
    bound: 4,
    accepted: 'bootstrap',
  });
  const last = await until('it is done', async () => {
    const answer = await api.request('POST', '/v1/ops/loss-acceptances', acceptance);
    return answer.status === 202 ? null : answer;
  });
  // The in-doubt attempt, the gap, and t3, which depends on the gap, are dropped.
  expect(last).toMatchObject({
    status: 200,
    json: { epoch: closing.epoch + 1, mode: 'DIRECT', dropped: 3, done: true },
  });
  expect(await statusOfRecovery()).toBeNull();
  expect(await bench.transfers()).toEqual(['t1', 't4']);
});

it('the status shows progress before the recovery begins, when only the cursor counts the posted entries', async () => {
  const journal = await bench.journal(
    ['t1', 'world', 'ada', 500],
    ['t2', 'world', 'ada', 7],
    ['t3', 'world', 'ada', 2],
  );
  const closing = await bench.closing();
  await bench.handOver('pod', journal, [], 3);
  await slowPod();
  const positions: unknown[] = [];
  for (;;) {
    positions.push(await statusOfRecovery());
    const step = await bench.recoveryStore.recoverFromHandOvers(closing, { keeper: 'k', reason: 'r' });
    if (step && 'authority' in step) break;
  }
  const flushing = { cacheEpoch: 1, phase: 'flushing', bound: 3, posted: 0, held: 0, accepted: null };
  expect(positions).toEqual([...[0, 1, 2].map((position) => ({ ...flushing, position })), null]);
  expect(await statusOfRecovery()).toBeNull();
});
