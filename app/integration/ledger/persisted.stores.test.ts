import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { accountOf, orderOf, posted, summaryOf } from '../../domain/testing/orders.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import { commandLost } from '../../journal/testing/faulty-cache.ts';
import { ModelLedger } from '../../ledger/testing/model-ledger.ts';
import { RealLedger } from '../testing/real-ledger.ts';

/** Sends a transfer with the durability `persisted`, and reports whether it has been answered. */
function persisting(stage: ModelLedger, ...orders: TransferOrder[]) {
  const state = { answered: false, answers: Promise.resolve<(Outcome | Problem)[]>([]) };
  state.answers = stage.ledger.apply(orders, 'persisted').finally(() => {
    state.answered = true;
  });
  return state;
}
const persistedOutcome = (order: TransferOrder, epoch: number): Outcome => ({
  status: 'REJECTED',
  refusal: 'insufficient_funds',
  order,
  acceptedAt: 5,
  takenAt: 5,
  epoch,
  seq: 1,
  replayed: true,
  persisted: true,
});

describe('durability persisted', () => {
  it('waits until the cursor has passed the transfer, and reports it as persisted', async () => {
    const stage = await ModelLedger.open();
    const state = persisting(stage, stage.order(), stage.order());
    await stage.clock.pass(1_000);
    expect(state.answered).toBe(false);
    await stage.model.publish(stage.keeper, 1, 0);
    await stage.clock.pass(100);
    expect(state.answered).toBe(false);
    await stage.model.publish(stage.keeper, 2, 0);
    const answers = await stage.clock.until(state.answers);
    expect(answers.map(posted).map(({ persisted, replayed }) => [persisted, replayed])).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  it('lets at most 50,000 transfers wait', async () => {
    const stage = await ModelLedger.open();
    const order = stage.order();
    const [first] = await stage.clock.until(stage.ledger.apply([order], 'cache'));
    expect(posted(first).persisted).toBe(false);
    const again = Array.from({ length: 51 }, () => Array.from({ length: 1_000 }, () => order));
    const waiting: ReturnType<typeof persisting>[] = [];
    // As many transfers as the transfer queue accepts at a time.
    for (const orders of again) {
      waiting.push(persisting(stage, ...orders));
      await stage.clock.pass(10);
    }
    const last = waiting.at(-1);
    expect(waiting.filter(({ answered }) => answered)).toEqual([last]);
    for (const answer of (await last?.answers) ?? []) {
      expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: order.transactionId } });
    }
    await stage.model.publish(stage.keeper, 1, 0);
    for (const { answers } of waiting.slice(0, 50)) {
      expect((await stage.clock.until(answers)).every((answer) => !(answer instanceof Problem))).toBe(true);
    }
  }, 60_000);

  it('waits for refusals, too: they are outcomes', async () => {
    const stage = await ModelLedger.open();
    const state = persisting(stage, stage.order({ source: 'b', destination: 'a' }));
    await stage.clock.pass(200);
    expect(state.answered).toBe(false);
    await stage.model.publish(stage.keeper, 1, 0);
    expect((await stage.clock.until(state.answers)).map(summaryOf)).toEqual(['insufficient_funds']);
  });

  it('does not wait if there is no outcome', async () => {
    const stage = await ModelLedger.open();
    const [answer] = await stage.clock.until(stage.ledger.apply([stage.order({ destination: 'nobody' })], 'persisted'));
    expect(summaryOf(answer)).toBe('account_not_found');
    expect(stage.cache.calls('read')).toBe(0);
  });

  it('does not wait for a replay from MySQL', async () => {
    const stage = await ModelLedger.open();
    const one = stage.order({ transactionId: 'mine' });
    stage.database.outcomes.set('mine', persistedOutcome(one, 0));
    const before = stage.clock.monotonic();
    expect((await stage.clock.until(stage.ledger.apply([one], 'persisted'))).map(summaryOf)).toEqual([
      'again insufficient_funds',
    ]);
    expect(stage.clock.monotonic()).toBe(before);
  });

  it('keeps reading after the cache failed to answer', async () => {
    const stage = await ModelLedger.open();
    stage.cache.next('read', commandLost, commandLost);
    const state = persisting(stage, stage.order());
    await stage.clock.pass(100);
    await stage.model.publish(stage.keeper, 1, 0);
    expect((await stage.clock.until(state.answers)).map(summaryOf)).toEqual(['POSTED']);
    expect(stage.session.suspicions).toHaveLength(2);
  });

  it('returns 504 outcome_unknown with the id at its deadline, and the transfer remains posted', async () => {
    const stage = await ModelLedger.open();
    const one = stage.order();
    const [answer] = await stage.clock.until(stage.ledger.apply([one], 'persisted'));
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
    expect(await stage.balance('a')).toBe(100);
  });

  it('returns the same if its deadline passes while the session is closed', async () => {
    const stage = await ModelLedger.open();
    const state = persisting(stage, stage.order());
    await stage.clock.pass(50);
    stage.session.close();
    expect((await stage.clock.until(state.answers)).map(summaryOf)).toEqual(['outcome_unknown']);
  });
});

describe('durability persisted across a change of epoch', () => {
  async function acrossEpochs() {
    const stage = await ModelLedger.open();
    const one = stage.order();
    const state = persisting(stage, one);
    await stage.clock.pass(50);
    stage.session.close();
    await stage.clock.pass(100);
    await stage.begin(2);
    return { stage, one, state };
  }

  it('is confirmed by looking the id up in MySQL, not by the cursor of the new epoch', async () => {
    const { stage, one, state } = await acrossEpochs();
    // In the new epoch, the cursor passes the seq that the transfer had in the old one.
    await stage.apply(stage.order(), stage.order());
    await stage.model.publish(stage.keeper, 2, 0);
    await stage.clock.pass(500);
    expect(state.answered).toBe(false);
    stage.database.outcomes.set(one.transactionId, persistedOutcome(one, 1));
    const [answer] = await stage.clock.until(state.answers);
    expect(answer).toMatchObject({ epoch: 1, persisted: true, replayed: false });
  });

  it('returns 409, and never the 201 of the other transfer, if the transfer was dropped and its id belongs to another', async () => {
    const { stage, one, state } = await acrossEpochs();
    stage.database.outcomes.set(one.transactionId, persistedOutcome({ ...one, amount: one.amount + 1 }, 2));
    const [answer] = await stage.clock.until(state.answers);
    expect(answer).toBeInstanceOf(Problem);
    expect(answer).toMatchObject({ code: 'transaction_id_reused', extras: { transactionId: one.transactionId } });
  });

  it('is a replay if the transfer was dropped and sent again in the meantime', async () => {
    const { stage, one, state } = await acrossEpochs();
    stage.database.outcomes.set(one.transactionId, persistedOutcome(one, 2));
    const [answer] = await stage.clock.until(state.answers);
    expect(answer).toMatchObject({ epoch: 2, persisted: true, replayed: true });
  });

  it('keeps waiting while MySQL is unavailable, and returns 504 at its deadline', async () => {
    const { stage, state } = await acrossEpochs();
    stage.database.broken = new Problem('database_unavailable', 'away');
    await stage.clock.pass(500);
    expect(state.answered).toBe(false);
    expect((await stage.clock.until(state.answers)).map(summaryOf)).toEqual(['outcome_unknown']);
  });
});

describe('durability persisted, with real stores', () => {
  let real: RealLedger;
  beforeAll(async () => {
    real = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
    await real.begin();
    await real.open(accountOf('world'), accountOf('a'));
  });
  afterAll(() => real[Symbol.asyncDispose]());

  it('is answered when the row is in MySQL', async () => {
    const pod = await real.pod();
    const one = orderOf();
    const stopped = new AbortController();
    const flushing = real.flusher().run(() => real.keeper, stopped.signal);
    const [answer] = await pod.apply([one], 'persisted');
    const rows = await real.database.rows('SELECT seq FROM transfers WHERE transaction_id = ?', [one.transactionId]);
    stopped.abort();
    await flushing;
    expect(posted(answer)).toMatchObject({ persisted: true, replayed: false });
    expect(rows).toEqual([{ seq: posted(answer).seq }]);
  });
});
