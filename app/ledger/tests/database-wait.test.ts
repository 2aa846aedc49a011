import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { accountOf, summaryOf } from '../../domain/testing/orders.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { encodeOrder, outcomesOf } from '../../journal/codec.ts';
import { commandLost, Gate } from '../../journal/testing/faulty-cache.ts';
import { LIMITS, ModelLedger } from '../testing/model-ledger.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

const away = new Problem('database_unavailable', 'away');
const OUTAGE_MS = 4_000;

let stage: ModelLedger;
let ids: number;
beforeEach(async () => {
  ids = 0;
  stage = await ModelLedger.open({ databaseWaitRequestsMax: 2 });
  await stage.apply(stage.order({ amount: 1_000 }));
});

/** An order whose id is not a UUIDv7. */
const foreign = (different: Partial<TransferOrder> = {}) =>
  stage.order({ transactionId: `order-${++ids}`, ...different });
const submit = (...orders: TransferOrder[]) => stage.ledger.apply(orders, 'cache');
const summaries = async (answers: Promise<unknown[]>) => (await stage.clock.until(answers)).map(summaryOf as never);

describe('While MySQL is unavailable for a few seconds', () => {
  it.each([
    ['an id that is not a UUIDv7', () => foreign()],
    ['an account that is not in Redis', () => stage.order({ destination: 'c' })],
  ])('a transfer with %s waits, and is posted when MySQL is back', async (_what, order) => {
    stage.database.broken = away;
    const waiting = submit(order());
    await stage.clock.pass(OUTAGE_MS);
    expect(stage.ledger.open).toBe(1);
    expect(stage.ledger.requestsWaitingForDatabase).toBe(1);
    stage.database.broken = null;
    const backAt = stage.clock.monotonic();
    expect(await summaries(waiting)).toEqual(['POSTED']);
    expect(stage.clock.monotonic() - backAt).toBeLessThan(2_000);
    expect(stage.ledger.requestsWaitingForDatabase).toBe(0);
  });

  it('a repeated id that Redis knows is answered without MySQL', async () => {
    const one = foreign();
    await stage.apply(one);
    stage.database.broken = away;
    const [answer] = await stage.apply(one);
    expect(answer).toMatchObject({ status: 'POSTED', replayed: true });
    expect(stage.ledger.requestsWaitingForDatabase).toBe(0);
  });

  it('a repeated id whose outcome is only in MySQL waits, and is replayed', async () => {
    const one = stage.order();
    const [first] = await stage.apply(one);
    await stage.model.publish(stage.keeper, 2, 2);
    stage.database.broken = away;
    const waiting = submit(one);
    await stage.clock.pass(OUTAGE_MS);
    expect(stage.ledger.open).toBe(1);
    if (!first || first instanceof Problem) throw new Error('it was not posted');
    stage.database.outcomes.set(one.transactionId, { ...first, persisted: true });
    stage.database.broken = null;
    expect(await stage.clock.until(waiting)).toMatchObject([{ status: 'POSTED', replayed: true }]);
  });

  it('a transfer gets a 503 at its deadline, or a 504 if an attempt is in doubt', async () => {
    stage.database.broken = away;
    stage.cache.next('apply', commandLost);
    const inDoubt = submit(stage.order({ destination: 'c' }));
    await stage.clock.settle();
    const waiting = submit(foreign());
    expect(await summaries(inDoubt)).toEqual(['outcome_unknown']);
    expect(await summaries(waiting)).toEqual(['database_unavailable']);
    expect(stage.clock.monotonic()).toBeGreaterThanOrEqual(LIMITS.requestTimeoutMs);
    expect([stage.ledger.open, stage.ledger.requestsWaitingForDatabase]).toEqual([0, 0]);
  });

  it('a transfer waits until the deadline of its request, however far away that is', async () => {
    stage = await ModelLedger.open({ requestTimeoutMs: 120_000 });
    stage.database.broken = away;
    expect((await stage.apply(foreign())).map(summaryOf)).toEqual(['database_unavailable']);
    expect(stage.clock.monotonic()).toBeGreaterThanOrEqual(120_000);
  });

  it('a limited number of requests wait; further requests get a 503, and transfers with a UUIDv7 are not affected', async () => {
    stage.database.broken = away;
    const waiting = [submit(foreign(), foreign()), submit(foreign())];
    await stage.clock.pass(OUTAGE_MS);
    const before = stage.clock.monotonic();
    expect(await stage.apply(foreign())).toMatchObject([
      { code: 'database_unavailable', status: 503, retryable: true },
    ]);
    expect(await summaries(submit(stage.order()))).toEqual(['POSTED']);
    expect(stage.clock.monotonic()).toBe(before);
    stage.database.broken = null;
    for (const answers of waiting) await stage.clock.until(answers);
    expect((await stage.apply(foreign())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('the number of waiting transfers with missing accounts is limited, too', async () => {
    stage.database.broken = away;
    const waiting = [1, 2].map(() => submit(stage.order({ destination: 'c' })));
    await stage.clock.pass(OUTAGE_MS);
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['database_unavailable']);
    stage.database.broken = null;
    expect((await stage.clock.until(Promise.all(waiting))).flat().map(summaryOf)).toEqual(['POSTED', 'POSTED']);
  });

  it('the transfers of large requests fill no more than half the queue', async () => {
    stage = await ModelLedger.open({ queueTransfersMax: 10 });
    await stage.apply(stage.order());
    stage.database.broken = away;
    const answers = submit(...Array.from({ length: 8 }, () => foreign()));
    await stage.clock.settle();
    expect(stage.ledger.open).toBe(5);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
    expect((await summaries(answers)).sort()).toEqual([
      ...Array(5).fill('database_unavailable'),
      ...Array(3).fill('overloaded'),
    ]);
  });
});

it('While MySQL does not answer at all, the same limit applies to transfers whose id is not a UUIDv7', async () => {
  let answers = () => {};
  const silent = new Promise<void>((resolve) => {
    answers = resolve;
  });
  stage.database.whileReading = () => silent;
  const waiting = [submit(foreign()), submit(foreign())];
  await stage.clock.settle();
  expect(stage.ledger.requestsWaitingForDatabase).toBe(2);
  expect((await stage.apply(foreign())).map(summaryOf)).toEqual(['overloaded']);
  expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
  answers();
  expect((await stage.clock.until(Promise.all(waiting))).flat().map(summaryOf)).toEqual(['POSTED', 'POSTED']);
});

it('A transfer whose deadline passes before Redis replies is not counted as waiting after the reply', async () => {
  stage.database.broken = away;
  const gate = new Gate();
  stage.cache.next('apply', gate.reply);
  const waiting = submit(foreign());
  await stage.clock.until(gate.reached);
  expect(await summaries(waiting)).toEqual(['outcome_unknown']);
  gate.open();
  await stage.clock.pass(OUTAGE_MS);
  expect([stage.ledger.open, stage.ledger.requestsWaitingForDatabase]).toEqual([0, 0]);
});

describe('A lookup that was made before the wait', () => {
  /** Sends a transfer whose id was not in MySQL. It then waits for an account, because MySQL has become unavailable. */
  async function lookedUpAndWaiting() {
    const one = foreign({ destination: 'c' });
    stage.database.whileLoading = () => Promise.reject(away);
    const waiting = submit(one);
    await stage.clock.pass(OUTAGE_MS);
    expect(stage.ledger.requestsWaitingForDatabase).toBe(1);
    const lookups = stage.database.reads.outcomes;
    return { one, waiting, lookups };
  }

  it('is still valid as long as Redis has lost no data', async () => {
    const { waiting, lookups } = await lookedUpAndWaiting();
    stage.database.whileLoading = async () => {};
    expect(await summaries(waiting)).toEqual(['POSTED']);
    expect(stage.database.reads.outcomes).toBe(lookups);
  });

  it('proves nothing once Redis has forgotten ids: an outcome that another pod has produced in the meantime is replayed', async () => {
    const { one, waiting, lookups } = await lookedUpAndWaiting();
    const other = { ...stage.caller, podId: 'pod-2' };
    await stage.model.register(other);
    await stage.model.install(other, [accountOf('c')], 0, 1_000);
    const item = { order: one, payload: encodeOrder(one, 1), lookupCursor: 0 };
    const { entries, head } = await stage.model.apply(other, [item]);
    const [outcome] = entries.flatMap((entry) => outcomesOf(entry, 1));
    if (!outcome) throw new Error('the other pod has not posted it');
    await stage.model.publish(stage.keeper, head.seq, head.seq);
    for (let turn = 0; turn < 2; turn++) await stage.model.forget(stage.keeper, [], true);
    stage.database.stamp = { epoch: 1, cursor: head.seq };
    stage.database.outcomes.set(one.transactionId, { ...outcome, persisted: true });
    stage.database.whileLoading = async () => {};
    expect(await stage.clock.until(waiting)).toMatchObject([{ status: 'POSTED', replayed: true, seq: outcome.seq }]);
    expect(stage.database.reads.outcomes).toBeGreaterThan(lookups);
    expect(await stage.balance('c')).toBe(one.amount);
  });

  it('proves nothing in another epoch', async () => {
    const { waiting, lookups } = await lookedUpAndWaiting();
    stage.session.close();
    stage.database.whileLoading = async () => {};
    await stage.begin(3);
    expect(await summaries(waiting)).toEqual(['POSTED']);
    expect(stage.database.reads.outcomes).toBeGreaterThan(lookups);
  });
});

describe('When Redis is also lost while a transfer waits for MySQL', () => {
  it('the transfer waits for the ledger, and gets the reason for the wait at its deadline', async () => {
    stage.database.broken = away;
    const waiting = submit(foreign());
    await stage.clock.pass(OUTAGE_MS);
    stage.session.close();
    expect(await summaries(waiting)).toEqual(['ledger_switching']);
    expect(stage.ledger.requestsWaitingForDatabase).toBe(0);
  });

  it('the transfer runs in MySQL once MySQL has the authority', async () => {
    const bench = await SwitchBench.open();
    bench.database.broken = away;
    const waiting = bench.ledger.apply([bench.order({ transactionId: 'mine' })], 'cache');
    await bench.clock.pass(OUTAGE_MS);
    bench.close();
    bench.database.broken = null;
    await bench.settle();
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.direct.calls).toEqual([['mine']]);
    expect(bench.ledger.requestsWaitingForDatabase).toBe(0);
  });
});
