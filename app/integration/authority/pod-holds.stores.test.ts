import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { commandLost, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { SqlHoldBooks } from '../../mysql/ledger/hold-books.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { reconcile } from '../testing/group-writers.ts';
import { captureOf, HoldWriters, holdOf, requestFor } from '../testing/hold-writers.ts';
import { PodBench } from '../testing/pod-bench.ts';

const WRITERS = 8;

let db: TestDatabase;
let server: OwnRedis;
let pod: PodBench;
let epoch: number;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  server = await OwnRedis.start();
  pod = await PodBench.start(db, { format: 2, redisUrl: server.url });
  epoch = (await pod.serve()).caller.epoch;
  await pod.post({ amount: 1_000_000 });
});
afterEach(async () => {
  await pod.stop();
  await server.stop();
});

/** Of every four calls, one is carried out, but its reply is lost, and one never arrives. */
function loseReplies(): void {
  let calls = 0;
  pod.cache.always('apply', (run) => ([replyLost, passing, commandLost, passing][calls++ % 4] ?? passing)(run));
}
const back = async () => {
  await pod.activate();
  await pod.open();
};

/** MySQL has every hold in the state that its last answer showed, and repeated captures get the same answers. */
async function expectAcknowledged({ acknowledged }: HoldWriters): Promise<void> {
  const { holds } = pod.ledger;
  const seen = new Set(acknowledged.map(({ hold }) => hold?.status ?? 'REFUSED'));
  expect([...seen].sort()).toEqual(['CAPTURED', 'OPEN', 'REFUSED', 'VOIDED']);
  await pod.flush();
  const stored = await new LedgerReader(db.database).loadHolds(acknowledged.map(({ holdId }) => holdId));
  const books = new SqlHoldBooks(db);
  for (const { holdId, hold, captures } of acknowledged) {
    const { account: _, currency: __, destination: ___, holdId: ____, ...state } = stored.holds.get(holdId) ?? {};
    expect(hold ? state : null, holdId).toEqual(hold);
    expect(await holds.hold(holdId)).toMatchObject({ hold, stale: false });
    const posted = captures.filter(({ outcome }) => outcome.status === 'POSTED');
    expect((await books.captures({ holdId }, 10)).map(({ transactionId }) => transactionId)).toEqual(
      posted.map(({ order }) => order.transactionId),
    );
    for (const { order, outcome } of captures)
      expect(await holds.capture(order, 'cache')).toMatchObject({
        replayed: true,
        status: outcome.status,
        epoch: outcome.epoch,
        seq: outcome.seq,
      });
  }
  expect(await reconcile(db.database)).toMatchObject({ clean: true, sums: { EUR: '0' } });
}

describe('Holds that clients use while the authority moves', () => {
  it('match their answers when Redis is killed with unflushed ones, and MySQL decides for a while', async () => {
    const writers = new HoldWriters(pod, WRITERS);
    loseReplies();
    await writers.more();
    await pod.flush();
    await writers.more();
    pod.cache.always('apply', passing);
    await writers.more();
    await server.kill();
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    expect(await pod.recoverFromHandOvers()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null, format: 2 });
    await pod.openDirectly();
    await writers.more();
    await server.startAgain();
    await pod.connected();
    await back();
    await writers.more();
    await writers.stop();
    await expectAcknowledged(writers);
  });

  it('match their answers when replies are lost until the epoch ends and is recovered from its journal', async () => {
    const writers = new HoldWriters(pod, WRITERS);
    loseReplies();
    await writers.more();
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    await pod.finishFromJournal('DIRECT');
    await pod.openDirectly();
    await writers.more();
    await back();
    await writers.more();
    await writers.stop();
    await expectAcknowledged(writers);
  });
});

describe('A hold in doubt that was not handed over', () => {
  it('keeps its account frozen until the journal returns, and then has the state that Redis decided', async () => {
    const { holds } = pod.ledger;
    // Loads the accounts into Redis, so that each hold takes a single call.
    await pod.ledger.read(['ada', 'bob']);
    const [doubtful, known] = [holdOf(10), holdOf(20)];
    const gate = new Gate();
    pod.cache.next('apply', gate.reply);
    const waiting = holds.place(doubtful, 'cache').catch((error: unknown) => error);
    await gate.reached;
    expect(await holds.place(known, 'cache')).toMatchObject({ hold: { status: 'OPEN' } });
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    gate.open();
    expect(await pod.recoverFromHandOvers()).toMatchObject({ mode: 'DIRECT', cacheEpoch: epoch });
    await pod.openDirectly();
    const unsettled = { code: 'account_unsettled' };
    const asked = [
      () => holds.place(doubtful, 'cache'),
      () => holds.hold(doubtful.holdId),
      () => holds.void(requestFor(known.holdId), 'cache'),
      () => holds.place(holdOf(1), 'cache'),
    ];
    for (const ask of asked) await expect(ask()).rejects.toMatchObject(unsettled);
    expect(await holds.capture(captureOf(known.holdId, null, true), 'cache')).toMatchObject(unsettled);
    await pod.unfreeze();
    const late = await until('the hold in doubt has its outcome', async () => {
      const answer = await holds.place(doubtful, 'cache').catch((error: unknown) => error);
      return answer instanceof Problem ? null : answer;
    });
    expect(late).toMatchObject({ replayed: true, hold: { status: 'OPEN', revision: 1 } });
    const first = await waiting;
    if (first instanceof Problem) expect(first.retryable).toBe(true);
    expect(await holds.capture(captureOf(known.holdId, null, true), 'cache')).toMatchObject({ status: 'POSTED' });
    await back();
    expect(await holds.capture(captureOf(doubtful.holdId, 4, true), 'cache')).toMatchObject({ status: 'POSTED' });
    await pod.flush();
    expect(await reconcile(db.database)).toMatchObject({ clean: true, sums: { EUR: '0' } });
  });
});

describe('A hold that Redis has evicted', () => {
  it('is loaded again for any request, which gets the same answer', async () => {
    const { holds } = pod.ledger;
    const other = await pod.another();
    const orders = [holdOf(10), holdOf(20), holdOf(30)];
    for (const order of orders) await holds.place(order, 'cache');
    await holds.capture(captureOf(orders[0]?.holdId ?? '', 4, false), 'cache');
    await pod.flush();
    const { replid } = pod.view().caller;
    const keeper = { fenceEpoch: epoch, epoch, format: 2 as const, replid };
    expect(await pod.scripts.evictHolds(keeper, 0)).toMatchObject({ evicted: 3, size: 0 });
    const [first, second, third] = orders.map(({ holdId }) => holdId);
    // A pod that has not placed these holds reads them from MySQL.
    const { holds: others } = other.ledger;
    expect(await others.factsOf(first ?? '')).toMatchObject({ account: 'ada', destination: 'bob' });
    expect(await others.hold(first ?? '')).toMatchObject({ hold: { captured: 4, revision: 2 }, persisted: true });
    expect(await others.capture(captureOf(first ?? '', null, true), 'cache')).toMatchObject({
      status: 'POSTED',
      order: { amount: 6 },
    });
    expect(await others.void(requestFor(second ?? ''), 'cache')).toMatchObject({ hold: { status: 'VOIDED' } });
    expect(await others.expire(requestFor(third ?? ''))).toBe(false);
    await pod.flush();
    expect(await reconcile(db.database)).toMatchObject({ clean: true, sums: { EUR: '0' } });
  });
});
