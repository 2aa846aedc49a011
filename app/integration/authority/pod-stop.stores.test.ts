import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { commandLost, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { StopStore } from '../../mysql/authority/stop-store.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { AWAY, PodBench } from '../testing/pod-bench.ts';

const BY = { user: 'operator', reason: 'a test', correlationId: null };
let db: TestDatabase;
let stops: StopStore;
let pod: PodBench;
beforeAll(async () => {
  db = await migratedDatabase();
  stops = new StopStore(db.database);
});
afterAll(() => db.drop());
beforeEach(async () => {
  pod = await PodBench.start(db);
  await pod.serve();
});
afterEach(() => pod.stop());

/** The stop, as the pod that got it from an operator carries it out. */
async function stop(by: PodBench): Promise<void> {
  await stops.set(true, BY);
  expect(await by.session.bringStops(await by.store.read())).toBe(true);
}
const answersOf = async (bench: PodBench, ...orders: Parameters<PodBench['apply']>) =>
  (await bench.apply(...orders)).map(summaryOf);

it('A stop is obeyed by a pod that cannot read it from MySQL', async () => {
  const other = await pod.another();
  other.away = AWAY;
  await stop(pod);
  expect(await answersOf(other, other.order())).toEqual(['ledger_stopped']);
});

it('A stop that arrives late does not undo a release, and a release that arrives late does not undo a stop', async () => {
  const stopped = await stops.set(true, BY);
  const before = await pod.store.read();
  expect(await stops.set(false, BY)).toBe(stopped + 1);
  const { caller } = pod.view();
  await pod.cache.register(caller, before.marker ?? '', stopped + 1);
  await pod.cache.register(caller, before.marker ?? '', stopped);
  expect(await answersOf(pod, pod.order())).toEqual(['POSTED']);
  expect(await stops.set(true, BY)).toBe(stopped + 2);
  await pod.cache.register(caller, before.marker ?? '', stopped + 2);
  await pod.cache.register(caller, before.marker ?? '', stopped + 1);
  expect(await answersOf(pod, pod.order())).toEqual(['ledger_stopped']);
});

it('A transfer whose reply was lost before the stop is answered with its outcome', async () => {
  // Redis has the accounts, so that the next call makes the transfer.
  await pod.post();
  const one = pod.order();
  const gate = new Gate();
  pod.cache.next('apply', replyLost, gate.command);
  const answered = answersOf(pod, one);
  await gate.reached;
  await stop(pod);
  gate.open();
  expect(await answered).toEqual(['POSTED']);
});

it('A transfer that may have been made before the stop is never reported as not made', async () => {
  const one = pod.order();
  const gate = new Gate();
  pod.cache.next('apply', commandLost, gate.command);
  const answered = answersOf(pod, one);
  await gate.reached;
  await stop(pod);
  gate.open();
  expect(await answered).toEqual(['outcome_unknown']);
  // Its attempt stays in doubt, and can still be resolved while the ledger is stopped.
  expect(pod.view().inDoubt.size).toBe(1);
  pod.clock.push(31_000);
  await until('nothing is in doubt', () => pod.session.view()?.inDoubt.none ?? false);
  pod.cache.always('apply', passing);
  expect(await answersOf(pod, one)).toEqual(['ledger_stopped']);
});

it('A stop is in the Redis of an epoch before the first transfer, even if it came while no epoch was running', async () => {
  await pod.closing();
  await stops.set(true, BY);
  await pod.finishFromJournal();
  await pod.activate();
  await pod.open();
  expect(await answersOf(pod, pod.order())).toEqual(['ledger_stopped']);
});

it('The flush writes what was done before the stop to MySQL', async () => {
  const id = await pod.post();
  await stop(pod);
  await pod.flush();
  expect(await db.database.rows('SELECT 1 FROM transfers WHERE transaction_id = ?', [id])).toHaveLength(1);
});
