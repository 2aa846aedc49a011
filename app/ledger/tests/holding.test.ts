import { beforeEach, describe, expect, it } from 'vitest';
import { accountOf, codeOf, summaryOf } from '../../domain/testing/orders.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { commandLost, failing, Gate } from '../../journal/testing/faulty-cache.ts';
import { LIMITS, ModelLedger } from '../testing/model-ledger.ts';

let stage: ModelLedger;
beforeEach(async () => {
  stage = await ModelLedger.open();
  await stage.apply(stage.order({ amount: 1_000 }));
  stage.cache.applied.length = 0;
});

describe('While the session is closed', () => {
  it('transfers wait, nothing is sent, and all continue when it opens', async () => {
    const view = stage.session.view();
    stage.session.close();
    const waiting = stage.ledger.apply([stage.order(), stage.order({ amount: 5 })], 'cache');
    await stage.clock.pass(5_000);
    expect([stage.ledger.open, stage.cache.applied]).toEqual([2, []]);
    if (view) stage.session.open(view);
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    expect(stage.ledger.open).toBe(0);
  });

  it('ids that need a lookup are looked up when it opens', async () => {
    stage.session.close();
    const waiting = stage.ledger.apply([stage.order({ transactionId: 'mine' })], 'cache');
    await stage.clock.pass(1_000);
    expect(stage.database.reads.outcomes).toBe(0);
    await stage.sit();
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(stage.database.reads.outcomes).toBe(1);
  });

  it('a transfer that waits for its account keeps waiting when the session closes, and is posted when it opens', async () => {
    const closing = { done: false };
    stage.database.whileLoading = async () => {
      if (!closing.done) stage.session.close();
      closing.done = true;
    };
    stage.cache.next('install', failing(new CacheError('refused', 'fenced')));
    const waiting = stage.ledger.apply([stage.order({ destination: 'c' })], 'cache');
    await stage.clock.pass(3_000);
    expect(stage.ledger.open).toBe(1);
    await stage.sit();
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
  });

  it('transfers are removed at their deadline, so that they do not fill the memory while the session stays closed', async () => {
    stage.session.close();
    for (let n = 0; n < 10; n++) {
      const answers = stage.ledger.apply([stage.order(), stage.order()], 'cache');
      expect((await stage.clock.until(answers)).map(summaryOf)).toEqual(['ledger_switching', 'ledger_switching']);
    }
    expect([stage.ledger.open, stage.ledger.waiting]).toEqual([0, 0]);
  });

  it('a transfer returns 503 at its deadline, with the reason for the wait', async () => {
    stage.session.close();
    stage.session.reason = 'database_unavailable';
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['database_unavailable']);
  });
});

describe('A reply of an ended epoch', () => {
  it('is ignored: its transfer is found under its id in the next epoch', async () => {
    const gate = new Gate();
    const one = stage.order({ amount: 7 });
    stage.cache.next('apply', gate.reply);
    const waiting = stage.ledger.apply([one], 'cache');
    await gate.reached;
    const old = stage.session.view();
    stage.session.close();
    // The old epoch was recovered: MySQL has the transfer.
    stage.database.outcomes.set(one.transactionId, {
      status: 'POSTED',
      order: one,
      acceptedAt: stage.clock.now(),
      takenAt: stage.clock.now(),
      epoch: 1,
      seq: 2,
      replayed: true,
      persisted: true,
      source: { balance: -1_007, version: 2, settingsVersion: 1 },
      destination: { balance: 1_007, version: 2, settingsVersion: 1 },
    });
    await stage.clock.pass(2_000);
    await stage.model.activate({ epoch: 2, format: 1 }, 'replid', 'marker-2', stage.clock.now());
    stage.database.stamp = { epoch: 2, cursor: 0 };
    stage.caller = { ...stage.caller, epoch: 2 };
    const view = await stage.sit();
    gate.open();
    const [answer] = await stage.clock.until(waiting);
    expect(answer).toMatchObject({ status: 'POSTED', epoch: 1, seq: 2, persisted: true });
    // Nothing in the late reply was used.
    expect([old?.observed, old?.tail.size, view.observed]).toEqual([1, 1, 0]);
  });

  it('is also ignored if it is a refusal by the rules', async () => {
    const gate = new Gate();
    stage.cache.next('apply', gate.reply);
    const waiting = stage.ledger.apply([stage.order({ source: 'b', destination: 'a', amount: 5 })], 'cache');
    await gate.reached;
    stage.session.close();
    gate.open();
    await stage.clock.settle();
    expect(stage.ledger.open).toBe(1);
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['outcome_unknown']);
  });

  it('causes a read to be repeated', async () => {
    const gate = new Gate();
    stage.cache.next('read', gate.reply);
    const reading = stage.ledger.read(['a']);
    await gate.reached;
    stage.session.close();
    gate.open();
    const [found] = await stage.clock.until(reading);
    expect(found).toMatchObject({ source: 'database', stale: true, balance: 0 });
  });

  it('does not determine the outcome of an id', async () => {
    const one = stage.order();
    await stage.apply(one);
    const gate = new Gate();
    stage.cache.next('find', gate.reply);
    const asking = stage.ledger.outcome(one.transactionId);
    await gate.reached;
    stage.session.close();
    gate.open();
    await expect(stage.clock.until(asking)).rejects.toMatchObject({ code: 'ledger_switching' });
    expect(stage.clock.monotonic()).toBeGreaterThanOrEqual(LIMITS.requestTimeoutMs);
  });

  it('is reported immediately to a lookup that must not be held', async () => {
    stage.session.close();
    const by = { held: false };
    const { ledger, clock } = stage;
    const asks: (() => Promise<unknown>)[] = [
      () => ledger.outcome('nothing', by),
      () => ledger.groupOutcome('nothing', by),
      () => ledger.holds.factsOf('nothing', by),
      () => ledger.holds.hold('nothing', by),
    ];
    const began = clock.monotonic();
    for (const ask of asks) expect(await codeOf(clock.until(ask()))).toBe('ledger_switching');
    expect(clock.monotonic() - began).toBeLessThan(LIMITS.requestTimeoutMs / 10);
  });

  it('does not determine that a transfer is absent if the epoch ended during the read of MySQL', async () => {
    stage.database.whileReading = async () => stage.session.close();
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('ledger_switching');
  });
});

describe('Concurrent calls', () => {
  it('are made until the limit is reached, the second only with enough transfers; the others share the next call', async () => {
    stage = await ModelLedger.open({ applyCallsInFlightMax: 2, secondCallTransfersMin: 32 });
    await stage.apply(stage.order());
    stage.cache.applied.length = 0;
    const gate = new Gate();
    stage.cache.next('apply', gate.reply, gate.reply);
    const answers: Promise<unknown>[] = [];
    const ask = async (count: number) => {
      for (let n = 0; n < count; n++) {
        answers.push(stage.ledger.apply([stage.order()], 'cache'));
        await stage.clock.settle();
      }
      return stage.cache.applied.map((ids) => ids.length);
    };
    expect(await ask(32)).toEqual([1]);
    expect(await ask(1)).toEqual([1, 32]);
    expect(await ask(40)).toEqual([1, 32]);
    gate.open();
    await stage.clock.until(Promise.all(answers));
    expect(stage.cache.applied.map((ids) => ids.length)).toEqual([1, 32, 40]);
  });

  it('are not needed for fewer transfers: these are sent when the first call returns', async () => {
    stage = await ModelLedger.open({ applyCallsInFlightMax: 2, secondCallTransfersMin: 32 });
    await stage.apply(stage.order());
    const gate = new Gate();
    stage.cache.next('apply', gate.reply);
    const first = stage.ledger.apply([stage.order()], 'cache');
    await gate.reached;
    const second = stage.ledger.apply([stage.order()], 'cache');
    gate.open();
    expect((await stage.clock.until(Promise.all([first, second]))).flat().map(summaryOf)).toEqual(['POSTED', 'POSTED']);
  });

  it('count against the limit only until they fail', async () => {
    stage = await ModelLedger.open({ applyCallsInFlightMax: 1 });
    stage.cache.next('apply', commandLost, failing(new TypeError('odd')), async (run) => ({
      ...(await run()),
      records: [],
    }));
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
    const gate = new Gate();
    stage.cache.next('apply', gate.reply);
    const first = stage.ledger.apply([stage.order()], 'cache');
    await gate.reached;
    const before = stage.cache.calls('apply');
    const second = stage.ledger.apply([stage.order()], 'cache');
    await stage.clock.settle();
    expect(stage.cache.calls('apply')).toBe(before);
    gate.open();
    await stage.clock.until(Promise.all([first, second]));
  });

  it('contain no more than one batch each', async () => {
    stage = await ModelLedger.open({ applyBatchMax: 3 });
    await stage.apply(stage.order());
    stage.cache.applied.length = 0;
    const answers = await stage.apply(...Array.from({ length: 7 }, () => stage.order()));
    expect(answers.map(summaryOf)).toEqual(Array.from({ length: 7 }, () => 'POSTED'));
    expect(stage.cache.applied.map((ids) => ids.length)).toEqual([3, 3, 1]);
  });
});

describe('A transfer that keeps being retried', () => {
  it('is finally answered with overloaded if its accounts are evicted each time', async () => {
    stage.cache.always('install', async (run) => {
      const reply = await run();
      // Another pod needs the space, so all clean accounts are evicted.
      await stage.model.install(stage.caller, [accountOf('d')], 0, 1);
      return reply;
    });
    const [answer] = await stage.apply(stage.order({ source: 'b', destination: 'c' }));
    expect(answer).toMatchObject({ code: 'overloaded', message: 'the cache has no room for its accounts' });
    expect(stage.cache.applied).toHaveLength(101);
  });
});
