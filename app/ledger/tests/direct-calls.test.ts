import { beforeEach, describe, expect, it } from 'vitest';
import { said } from '../../domain/testing/orders.ts';
import { commandLost, failing, Gate, replyLost } from '../../journal/testing/faulty-cache.ts';
import { DirectError } from '../ports/direct-server.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
});

const unable = failing(new DirectError('unable', 'away'));
/** It was done, and nobody heard of the commit. */
const commitUnanswered = async <T>(run: () => Promise<T>): Promise<T> => {
  await run();
  throw new DirectError('in_doubt', 'the connection was lost');
};
/** It was not done, and nobody knows. */
const commitLost = failing(new DirectError('in_doubt', 'the connection was lost'));

describe('While MySQL has the authority', () => {
  let epoch: number;
  beforeEach(() => {
    bench.close();
    epoch = bench.toDirect();
  });

  it('transfers are made there, persisted, and Redis is not asked', async () => {
    const [answer] = await bench.apply(bench.order({ amount: 7 }));
    expect(answer).toMatchObject({
      status: 'POSTED',
      epoch,
      replayed: false,
      persisted: true,
      destination: { balance: 7, version: 1 },
    });
    expect(bench.stored('a')).toEqual({ balance: 7, version: 1 });
    expect(bench.cache.applied).toEqual([]);
  });

  it('each has an answer of its own: refusals, repetitions, other content, unknown accounts', async () => {
    const [one, poor] = [bench.order(), bench.order({ source: 'b', destination: 'a' })];
    const first = await bench.apply(one, poor, bench.order({ destination: 'nobody' }), one);
    expect(first.map(said)).toEqual(['POSTED', 'insufficient_funds', 'account_not_found', 'again POSTED']);
    const second = await bench.apply(one, poor, { ...one, amount: 1 });
    expect(second.map(said)).toEqual(['again POSTED', 'again insufficient_funds', 'transaction_id_reused']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('those that wait share a transaction, a bounded one', async () => {
    const answers = await bench.apply(...Array.from({ length: 450 }, () => bench.order({ amount: 1 })));
    expect(new Set(answers.map(said))).toEqual(new Set(['POSTED']));
    expect(bench.direct.calls.map((ids) => ids.length)).toEqual([200, 200, 50]);
    expect(bench.stored('a')).toEqual({ balance: 450, version: 450 });
    expect(bench.events.counts.applied).toBe(450);
  });

  it('a transfer that wants to be persisted is so at once', async () => {
    const [answer] = await bench.clock.until(bench.ledger.apply([bench.order()], 'persisted'));
    expect(answer).toMatchObject({ status: 'POSTED', persisted: true });
    expect(bench.clock.monotonic()).toBe(0);
  });

  it('one that finds the authority elsewhere waits until the pod may work again', async () => {
    bench.direct.next(failing(new DirectError('moved', 'it is REBUILDING')));
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(3_000);
    expect([bench.seat.movedFrom, bench.ledger.waiting, bench.direct.calls.length]).toEqual([[epoch], 1, 1]);
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.stored('a').version).toBe(1);
  });

  it('one that finds it elsewhere and waits for too long is 503: nothing was written', async () => {
    bench.direct.next(failing(new DirectError('moved', 'it is REBUILDING')));
    expect((await bench.apply(bench.order())).map(said)).toEqual(['ledger_switching']);
  });

  it('while MySQL is away transfers are tried again and again, and made when it is back', async () => {
    bench.direct.always(unable);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(5_000);
    expect(bench.ledger.open).toBe(1);
    expect(bench.direct.calls.length).toBeGreaterThan(4);
    bench.direct.always((run) => run());
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.clock.monotonic()).toBeLessThan(6_000);
  });

  it('when MySQL stays away it is 503 database_unavailable at the deadline, with bounded tries', async () => {
    bench.direct.always(unable);
    bench.seat.reason = 'database_unavailable';
    expect((await bench.apply(bench.order())).map(said)).toEqual(['database_unavailable']);
    expect(bench.clock.monotonic()).toBeLessThan(10_200);
    expect(bench.direct.calls.length).toBeLessThan(25);
  });

  it('a commit without an answer is repeated, and made once: its own outcome', async () => {
    bench.direct.next(commitUnanswered);
    expect((await bench.apply(bench.order())).map(said)).toEqual(['POSTED']);
    expect([bench.stored('a'), bench.direct.calls.length]).toEqual([{ balance: 100, version: 1 }, 2]);
  });

  it('a commit that was lost is made by the next attempt', async () => {
    bench.direct.next(commitLost, unable, commitLost);
    expect((await bench.apply(bench.order())).map(said)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('a commit in doubt, and MySQL away until the deadline, is 504 with the id; never 503', async () => {
    const one = bench.order();
    bench.direct.next(commitLost);
    bench.direct.always(unable);
    bench.seat.reason = 'database_unavailable';
    const [answer] = await bench.apply(one);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
  });

  it('an attempt under way at the deadline is 504; one that had no turn is 503 overloaded', async () => {
    bench = await SwitchBench.open({ applyCallsInFlightMax: 1 });
    bench.close();
    bench.toDirect();
    const gate = new Gate();
    bench.direct.next(gate.command);
    const first = bench.ledger.apply([bench.order()], 'cache');
    await gate.reached;
    const second = bench.ledger.apply([bench.order()], 'cache');
    expect((await bench.clock.until(first)).map(said)).toEqual(['outcome_unknown']);
    expect((await bench.clock.until(second)).map(said)).toEqual(['overloaded']);
    gate.open();
  });

  it.each([
    ['a fault of our own', failing(new TypeError('odd'))],
    ['too few answers', async <T>(run: () => Promise<T>) => ((await run()) as unknown[]).slice(1) as T],
  ])('%s is not tried for ever, and leaves it in doubt: 504', async (_, fault) => {
    bench.direct.always(fault);
    const one = bench.order();
    expect((await bench.apply(one)).map(said)).toEqual(['outcome_unknown']);
    expect([bench.direct.calls.length, bench.ledger.open]).toEqual([4, 0]);
    expect(bench.clock.monotonic()).toBeLessThan(3_000);
  });
});

describe('Accounts and ids that wait for the journal', () => {
  it('are 503 account_unsettled while nothing of the request has left the pod', async () => {
    bench.database.frozen.add('a');
    bench.database.unsettled.add('lost');
    bench.close();
    bench.toDirect(false);
    const answers = await bench.apply(
      bench.order(),
      bench.order({ transactionId: 'lost', destination: 'b' }),
      bench.order({ destination: 'b' }),
    );
    expect(answers.map(said)).toEqual(['account_unsettled', 'account_unsettled', 'POSTED']);
    expect(answers[0]).toMatchObject({ status: 503, retryable: true });
  });

  it('are 504 for a request whose attempt is in doubt, and 503 for another with the same id', async () => {
    const one = bench.order();
    bench.cache.always('apply', commandLost);
    const waiting = bench.ledger.apply([one], 'cache');
    await bench.clock.pass(50);
    bench.close();
    for (const id of [one.source, one.destination]) bench.database.frozen.add(id);
    bench.database.unsettled.add(one.transactionId);
    bench.toDirect(false);
    const [answer] = await bench.clock.until(waiting);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
    expect((await bench.apply(one)).map(said)).toEqual(['account_unsettled']);
    expect(bench.stored('a').version).toBe(0);
  });
});

describe('When the authority goes from Redis to MySQL', () => {
  it('what was held runs there, under its own id', async () => {
    bench.close();
    const orders = [bench.order(), bench.order({ transactionId: 'mine' })];
    const waiting = bench.ledger.apply(orders, 'cache');
    await bench.clock.pass(4_000);
    expect([bench.ledger.waiting, bench.direct.calls]).toEqual([2, []]);
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED', 'POSTED']);
    expect(bench.direct.calls).toEqual([orders.map(({ transactionId }) => transactionId)]);
    // None of them was looked up: the transaction itself sees whether an id stands.
    expect(bench.database.reads.outcomes).toBe(0);
  });

  it('what was in doubt and never ran is made there, once, and is no repetition', async () => {
    bench.cache.always('apply', commandLost);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(50);
    bench.close();
    await bench.settle();
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('what was in doubt and had run is found, and is no repetition either', async () => {
    await bench.apply(bench.order());
    bench.cache.next('apply', replyLost);
    bench.cache.always('apply', commandLost);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(10);
    bench.close();
    await bench.settle();
    bench.toDirect();
    const [answer] = await bench.clock.until(waiting);
    expect(answer).toMatchObject({ status: 'POSTED', replayed: false, epoch: 1, seq: 2 });
    expect(bench.stored('a')).toEqual({ balance: 200, version: 2 });
  });

  it('a reply that comes after the end counts for nothing, and what it did is found', async () => {
    await bench.apply(bench.order());
    const gate = new Gate();
    bench.cache.next('apply', gate.reply);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await gate.reached;
    bench.close();
    await bench.settle();
    gate.open();
    await bench.clock.settle();
    expect(bench.ledger.open).toBe(1);
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 200, version: 2 });
  });

  it('one that waited for its account goes on there', async () => {
    const gate = new Gate();
    bench.database.whileLoading = () => gate.reply(async () => {});
    const waiting = bench.ledger.apply([bench.order({ destination: 'c' })], 'cache');
    await gate.reached;
    bench.close();
    bench.toDirect();
    gate.open();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.stored('c').version).toBe(1);
  });

  it('one that was looked up meanwhile goes on there', async () => {
    const gate = new Gate();
    bench.database.whileReading = () => gate.reply(async () => {});
    const waiting = bench.ledger.apply([bench.order({ transactionId: 'mine' })], 'cache');
    await gate.reached;
    bench.close();
    bench.toDirect();
    gate.open();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.direct.calls).toEqual([['mine']]);
  });
});

describe('When the authority goes back to Redis', () => {
  beforeEach(() => {
    bench.close();
    bench.toDirect();
  });

  it('what was held runs there', async () => {
    await bench.apply(bench.order());
    bench.rebuild();
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(1_000);
    const view = await bench.toCache();
    const [answer] = await bench.clock.until(waiting);
    expect(answer).toMatchObject({ status: 'POSTED', epoch: view.caller.epoch, destination: { version: 2 } });
  });

  it('a commit in doubt that was done is found in MySQL: its id is not later than M', async () => {
    bench.direct.next(commitUnanswered);
    bench.direct.always(unable);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(100);
    bench.rebuild();
    await bench.clock.pass(1_000);
    await bench.toCache();
    const [answer] = await bench.clock.until(waiting);
    expect(answer).toMatchObject({ status: 'POSTED', replayed: false, persisted: true });
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
    expect(bench.cache.applied.flat()).toHaveLength(1);
  });

  it('many tries in MySQL do not count against those in Redis, nor make them wait longer', async () => {
    bench.direct.always(unable);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(6_000);
    bench.rebuild();
    bench.cache.next('apply', commandLost);
    await bench.toCache();
    const back = bench.clock.monotonic();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect(bench.clock.monotonic() - back).toBeLessThan(1_500);
  });
});

describe('At the door', () => {
  it('a ledger that is closed refuses at once, and keeps nothing', async () => {
    bench.close();
    bench.seat.reason = 'ledger_closed';
    const [answer] = await bench.apply(bench.order());
    expect(answer).toMatchObject({ code: 'ledger_closed', status: 503, extras: { retryAfterSeconds: 5 } });
    expect([bench.ledger.open, bench.clock.monotonic()]).toEqual([0, 0]);
  });

  it('one that is only on its way holds; and one that is open takes, whatever it was before', async () => {
    bench.close();
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    bench.seat.reason = 'ledger_closed';
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(said)).toEqual(['POSTED']);
    expect((await bench.apply(bench.order())).map(said)).toEqual(['POSTED']);
  });

  it('too many in doubt are refused: each may hold up a switch, and costs memory', async () => {
    const view = bench.seat.view();
    if (!view) throw new Error('the seat is closed');
    const attempts = Array.from({ length: 10_000 }, (_, n) => ({
      doubt: () => ({ kind: 'transfers' as const, id: `t${n}`, accounts: ['a', 'b'] }),
    }));
    view.doubts.leave(attempts, 'pod-1', 0);
    expect((await bench.apply(bench.order())).map(said)).toEqual(['POSTED']);
    view.doubts.leave([{ doubt: () => ({ kind: 'transfers', id: 'one more', accounts: ['a', 'b'] }) }], 'pod-1', 0);
    expect((await bench.apply(bench.order())).map(said)).toEqual(['overloaded']);
    view.doubts.settled('transfers', 't5');
    expect((await bench.apply(bench.order())).map(said)).toEqual(['POSTED']);
  });
});
