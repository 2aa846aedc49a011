import { beforeEach, describe, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { commandLost, failing, Gate, replyLost } from '../../journal/testing/faulty-cache.ts';
import { DirectError } from '../ports/direct-server.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
});

const unable = failing(new DirectError('unable', 'away'));
/** The call was carried out, but the reply to the commit was lost. */
const commitUnanswered = async <T>(run: () => Promise<T>): Promise<T> => {
  await run();
  throw new DirectError('in_doubt', 'the connection was lost');
};
/** The call was not carried out, but no reply shows that. */
const commitLost = failing(new DirectError('in_doubt', 'the connection was lost'));

describe('While MySQL has the authority', () => {
  let epoch: number;
  beforeEach(() => {
    bench.close();
    epoch = bench.toDirect();
  });

  it('transfers run and are persisted there, and Redis is not called', async () => {
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

  it('each transfer has its own answer: refusals, replays, different content, unknown accounts', async () => {
    const [one, poor] = [bench.order(), bench.order({ source: 'b', destination: 'a' })];
    const first = await bench.apply(one, poor, bench.order({ destination: 'nobody' }), one);
    expect(first.map(summaryOf)).toEqual(['POSTED', 'insufficient_funds', 'account_not_found', 'again POSTED']);
    const second = await bench.apply(one, poor, { ...one, amount: 1 });
    expect(second.map(summaryOf)).toEqual(['again POSTED', 'again insufficient_funds', 'transaction_id_reused']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('waiting transfers share a transaction of limited size', async () => {
    const answers = await bench.apply(...Array.from({ length: 450 }, () => bench.order({ amount: 1 })));
    expect(new Set(answers.map(summaryOf))).toEqual(new Set(['POSTED']));
    expect(bench.direct.calls.map((ids) => ids.length)).toEqual([200, 200, 50]);
    expect(bench.stored('a')).toEqual({ balance: 450, version: 450 });
    expect(bench.events.counts.applied).toBe(450);
  });

  it('a transfer with durability persisted is answered immediately', async () => {
    const [answer] = await bench.clock.until(bench.ledger.apply([bench.order()], 'persisted'));
    expect(answer).toMatchObject({ status: 'POSTED', persisted: true });
    expect(bench.clock.monotonic()).toBe(0);
  });

  it('a transfer waits until the pod may work again if the authority turns out to be elsewhere', async () => {
    bench.direct.next(failing(new DirectError('moved', 'it is REBUILDING')));
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(3_000);
    expect([bench.session.movedFrom, bench.ledger.waiting, bench.direct.calls.length]).toEqual([[epoch], 1, 1]);
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.stored('a').version).toBe(1);
  });

  it('a transfer that waits too long for the authority returns 503: nothing was written', async () => {
    bench.direct.next(failing(new DirectError('moved', 'it is REBUILDING')));
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['ledger_switching']);
  });

  it('while MySQL is unavailable, transfers are retried, and they succeed when it is back', async () => {
    bench.direct.always(unable);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(5_000);
    expect(bench.ledger.open).toBe(1);
    expect(bench.direct.calls.length).toBeGreaterThan(4);
    bench.direct.always((run) => run());
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.clock.monotonic()).toBeLessThan(6_000);
  });

  it('if MySQL stays unavailable, transfers return 503 database_unavailable at the deadline, after a limited number of attempts', async () => {
    bench.direct.always(unable);
    bench.session.reason = 'database_unavailable';
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['database_unavailable']);
    expect(bench.clock.monotonic()).toBeLessThan(10_200);
    expect(bench.direct.calls.length).toBeLessThan(25);
  });

  it('a commit without an answer is repeated, and takes effect once: the request gets its own outcome', async () => {
    bench.direct.next(commitUnanswered);
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['POSTED']);
    expect([bench.stored('a'), bench.direct.calls.length]).toEqual([{ balance: 100, version: 1 }, 2]);
  });

  it('after a lost commit, the next attempt posts the transfer', async () => {
    bench.direct.next(commitLost, unable, commitLost);
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('a commit that is in doubt returns 504 with the id, never 503, if MySQL is unavailable until the deadline', async () => {
    const one = bench.order();
    bench.direct.next(commitLost);
    bench.direct.always(unable);
    bench.session.reason = 'database_unavailable';
    const [answer] = await bench.apply(one);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
  });

  it('an attempt in progress at the deadline returns 504; a transfer that was never sent returns 503 overloaded', async () => {
    bench = await SwitchBench.open({ applyCallsInFlightMax: 1 });
    bench.close();
    bench.toDirect();
    const gate = new Gate();
    bench.direct.next(gate.command);
    const first = bench.ledger.apply([bench.order()], 'cache');
    await gate.reached;
    const second = bench.ledger.apply([bench.order()], 'cache');
    expect((await bench.clock.until(first)).map(summaryOf)).toEqual(['outcome_unknown']);
    expect((await bench.clock.until(second)).map(summaryOf)).toEqual(['overloaded']);
    gate.open();
  });

  it.each([
    ['a bug on our side', failing(new TypeError('odd'))],
    ['too few answers', async <T>(run: () => Promise<T>) => ((await run()) as unknown[]).slice(1) as T],
  ])('%s is not retried forever, and leaves the transfer in doubt, which returns 504', async (_, fault) => {
    bench.direct.always(fault);
    const one = bench.order();
    expect((await bench.apply(one)).map(summaryOf)).toEqual(['outcome_unknown']);
    expect([bench.direct.calls.length, bench.ledger.open]).toEqual([4, 0]);
    expect(bench.clock.monotonic()).toBeLessThan(3_000);
  });
});

describe('Accounts and ids that wait for the journal', () => {
  it('return 503 account_unsettled while no attempt of the request has left the pod', async () => {
    bench.database.frozen.add('a');
    bench.database.unsettled.add('lost');
    bench.close();
    bench.toDirect(false);
    const answers = await bench.apply(
      bench.order(),
      bench.order({ transactionId: 'lost', destination: 'b' }),
      bench.order({ destination: 'b' }),
    );
    expect(answers.map(summaryOf)).toEqual(['account_unsettled', 'account_unsettled', 'POSTED']);
    expect(answers[0]).toMatchObject({ status: 503, retryable: true });
  });

  it('return 504 for a request whose attempt is in doubt, and 503 for another request with the same id', async () => {
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
    expect((await bench.apply(one)).map(summaryOf)).toEqual(['account_unsettled']);
    expect(bench.stored('a').version).toBe(0);
  });
});

describe('When the authority moves from Redis to MySQL', () => {
  it('held transfers run there, under their own ids', async () => {
    bench.close();
    const orders = [bench.order(), bench.order({ transactionId: 'mine' })];
    const waiting = bench.ledger.apply(orders, 'cache');
    await bench.clock.pass(4_000);
    expect([bench.ledger.waiting, bench.direct.calls]).toEqual([2, []]);
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    expect(bench.direct.calls).toEqual([orders.map(({ transactionId }) => transactionId)]);
    // None of them was looked up: the transaction itself checks whether an id is committed.
    expect(bench.database.reads.outcomes).toBe(0);
  });

  it('in-doubt transfers that never ran are posted there, once, and are not replays', async () => {
    bench.cache.always('apply', commandLost);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(50);
    bench.close();
    await bench.settle();
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 100, version: 1 });
  });

  it('in-doubt transfers that had run are found, and are not reported as replays', async () => {
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

  it('a reply after the end of its epoch is ignored, and its transfer is found in MySQL', async () => {
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
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.stored('a')).toEqual({ balance: 200, version: 2 });
  });

  it('a transfer that waited for its account continues there', async () => {
    const gate = new Gate();
    bench.database.whileLoading = () => gate.reply(async () => {});
    const waiting = bench.ledger.apply([bench.order({ destination: 'c' })], 'cache');
    await gate.reached;
    bench.close();
    bench.toDirect();
    gate.open();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.stored('c').version).toBe(1);
  });

  it('a transfer whose id was being looked up continues there', async () => {
    const gate = new Gate();
    bench.database.whileReading = () => gate.reply(async () => {});
    const waiting = bench.ledger.apply([bench.order({ transactionId: 'mine' })], 'cache');
    await gate.reached;
    bench.close();
    bench.toDirect();
    gate.open();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.direct.calls).toEqual([['mine']]);
  });
});

describe('When the authority returns to Redis', () => {
  beforeEach(() => {
    bench.close();
    bench.toDirect();
  });

  it('held transfers run there', async () => {
    await bench.apply(bench.order());
    bench.rebuild();
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(1_000);
    const view = await bench.toCache();
    const [answer] = await bench.clock.until(waiting);
    expect(answer).toMatchObject({ status: 'POSTED', epoch: view.caller.epoch, destination: { version: 2 } });
  });

  it('an in-doubt commit that succeeded is found in MySQL: its id is not later than the lookup horizon', async () => {
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

  it('many attempts in MySQL do not reduce the number of attempts allowed in Redis, nor lengthen the waits between them', async () => {
    bench.direct.always(unable);
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    await bench.clock.pass(6_000);
    bench.rebuild();
    bench.cache.next('apply', commandLost);
    await bench.toCache();
    const back = bench.clock.monotonic();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(bench.clock.monotonic() - back).toBeLessThan(1_500);
  });
});

describe('Load shedding', () => {
  it('a closed ledger rejects transfers immediately, and holds none', async () => {
    bench.close();
    bench.session.reason = 'ledger_closed';
    const [answer] = await bench.apply(bench.order());
    expect(answer).toMatchObject({ code: 'ledger_closed', status: 503, extras: { retryAfterSeconds: 5 } });
    expect([bench.ledger.open, bench.clock.monotonic()]).toEqual([0, 0]);
  });

  it('while the authority moves, transfers are held; an open ledger accepts them, whatever its state before', async () => {
    bench.close();
    const waiting = bench.ledger.apply([bench.order()], 'cache');
    bench.session.reason = 'ledger_closed';
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('too many in-doubt transfers are rejected: each may delay a switch-over, and uses memory', async () => {
    const view = bench.session.view();
    if (!view) throw new Error('the session is closed');
    const attempts = Array.from({ length: 10_000 }, (_, n) => ({
      inDoubtAttempts: () => [{ kind: 'transfers' as const, id: `t${n}`, accounts: ['a', 'b'] }],
    }));
    view.inDoubt.leave(attempts, 'pod-1', 0);
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['POSTED']);
    view.inDoubt.leave(
      [{ inDoubtAttempts: () => [{ kind: 'transfers', id: 'one more', accounts: ['a', 'b'] }] }],
      'pod-1',
      0,
    );
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['overloaded']);
    view.inDoubt.resolved('transfers', 't5');
    expect((await bench.apply(bench.order())).map(summaryOf)).toEqual(['POSTED']);
  });
});
