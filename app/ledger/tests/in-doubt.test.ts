import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { summaryOf } from '../../domain/testing/orders.ts';
import { CacheError } from '../../journal/cache-port.ts';
import type { ResultRecord } from '../../journal/codec.ts';
import { commandLost, failing, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

let stage: ModelLedger;
beforeEach(async () => {
  stage = await ModelLedger.open();
  // The accounts exist, so that a transfer takes a single call.
  await stage.apply(stage.order({ amount: 1_000 }), stage.order({ destination: 'b' }));
  stage.cache.applied.length = 0;
});
const callsOf = (id: string): number => stage.cache.applied.filter((ids) => ids.includes(id)).length;

describe('A reply that is lost after the script ran', () => {
  it('is followed by a retry with the same id, and the transfer is posted and answered once', async () => {
    const one = stage.order({ amount: 7 });
    stage.cache.next('apply', replyLost);
    const [answer] = await stage.apply(one);
    // The answer is an outcome of its own and not a replay, because this request has posted the transfer.
    expect(summaryOf(answer)).toBe('POSTED');
    expect(await stage.balance('a')).toBe(1_007);
    expect(callsOf(one.transactionId)).toBe(2);
  });

  it('does not keep the entry out of the tail, because the lookup by id returns it', async () => {
    stage.cache.next('apply', replyLost);
    const one = stage.order({ amount: 7 });
    await stage.apply(one);
    const kept = stage.session.view()?.tail.snapshot() ?? [];
    expect(kept.some(({ payload }) => payload.includes(one.transactionId))).toBe(true);
  });

  it('is followed by the same reply if it was a refusal, even if the account has been funded since', async () => {
    const one = stage.order({ source: 'b', destination: 'a', amount: 500 });
    stage.cache.next('apply', async (run) => {
      await run();
      await stage.model.apply(stage.caller, [itemOf(stage.order({ destination: 'b', amount: 500 }))]);
      throw new CacheError('in_doubt', 'Command timed out');
    });
    expect((await stage.apply(one)).map(summaryOf)).toEqual(['insufficient_funds']);
  });

  it('leaves every transfer of the call in doubt, and each is answered once', async () => {
    const many = Array.from({ length: 5 }, () => stage.order({ amount: 1 }));
    stage.cache.next('apply', replyLost);
    expect((await stage.apply(...many)).map(summaryOf)).toEqual(many.map(() => 'POSTED'));
    expect(await stage.balance('a')).toBe(1_005);
  });

  it('leads to a replay for another request with the same id', async () => {
    const one = stage.order({ amount: 7 });
    stage.cache.next('apply', replyLost);
    await stage.apply(one);
    expect((await stage.apply({ ...one, correlationId: 'another request' })).map(summaryOf)).toEqual(['again POSTED']);
  });
});

describe('An in-doubt attempt', () => {
  it('leads to a second attempt, which posts the transfer if the first did not run', async () => {
    stage.cache.next('apply', commandLost, commandLost, commandLost);
    expect((await stage.apply(stage.order({ amount: 7 }))).map(summaryOf)).toEqual(['POSTED']);
    expect(await stage.balance('a')).toBe(1_007);
  });

  it('is retried three times at most, then returns 504 with its id', async () => {
    const one = stage.order();
    stage.cache.always('apply', commandLost);
    const started = stage.clock.monotonic();
    const [answer] = await stage.apply(one);
    expect(answer).toMatchObject({
      code: 'outcome_unknown',
      status: 504,
      extras: { transactionId: one.transactionId },
    });
    expect(callsOf(one.transactionId)).toBe(4);
    expect(stage.clock.monotonic() - started).toBeLessThan(10_000);
  });

  it('waits longer before each new attempt', async () => {
    const times: number[] = [];
    stage.cache.always('apply', async () => {
      times.push(stage.clock.monotonic());
      throw new CacheError('in_doubt', 'Command timed out');
    });
    await stage.apply(stage.order());
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(waits).toEqual([100, 200, 400]);
  });

  it('stays in doubt if later attempts were refused or never sent: 504, not 503', async () => {
    const one = stage.order();
    stage.cache.next('apply', commandLost);
    stage.cache.always('apply', failing(new CacheError('refused', 'fenced')));
    const [answer] = await stage.apply(one);
    expect(summaryOf(answer)).toBe('outcome_unknown');
  });

  it('is retried until the deadline if the prologue refuses the retries: they do not count as attempts', async () => {
    stage.cache.next(
      'apply',
      commandLost,
      ...Array.from({ length: 10 }, () => failing(new CacheError('refused', 'fenced'))),
    );
    expect((await stage.apply(stage.order({ amount: 7 }))).map(summaryOf)).toEqual(['POSTED']);
  });

  it('is also what a call leaves behind if it fails with an unknown error', async () => {
    stage.cache.always('apply', failing(new TypeError('something else')));
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['outcome_unknown']);
  });

  it.each([
    ['with too few records', () => []],
    [
      'with a record of unknown status',
      (records: ResultRecord[]) => records.map((record) => ({ ...record, status: 0 })),
    ],
  ])('stays in doubt if the reply cannot be parsed: %s', async (_, spoil) => {
    stage.cache.always('apply', async (run) => {
      const reply = await run();
      const { records } = reply as { records: ResultRecord[] };
      return { ...reply, records: spoil(records) };
    });
    const one = stage.order();
    expect((await stage.apply(one)).map(summaryOf)).toEqual(['outcome_unknown']);
    expect(stage.ledger.open).toBe(0);
    stage.cache.always('apply', passing);
    expect((await stage.apply(one)).map(summaryOf)).toEqual(['again POSTED']);
  });

  it('returns 504 if the retry finds an unknown account, which proves nothing', async () => {
    stage.cache.next('apply', commandLost);
    expect((await stage.apply(stage.order({ destination: 'nobody' }))).map(summaryOf)).toEqual(['outcome_unknown']);
  });
});

describe('A request past its deadline', () => {
  it('returns 504 outcome_unknown with its id while an attempt is in flight', async () => {
    const gate = new Gate();
    const one = stage.order();
    stage.cache.always('apply', gate.reply);
    const started = stage.clock.monotonic();
    const [answer] = await stage.apply(one);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
    expect(stage.clock.monotonic() - started).toBeLessThan(10_200);
    gate.open();
    await stage.clock.settle();
    expect(stage.ledger.open).toBe(0);
    expect(await stage.balance('a')).toBe(1_100);
  });

  it('returns 503 if no attempt ever left the pod', async () => {
    stage.session.close();
    const [answer] = await stage.apply(stage.order());
    expect(answer).toMatchObject({ code: 'ledger_switching', status: 503, retryable: true });
    expect(stage.cache.applied).toEqual([]);
  });

  it('returns 503 if every attempt was proven to have written nothing', async () => {
    stage.cache.always('apply', failing(new CacheError('not_sent', "Stream isn't writeable")));
    const [answer] = await stage.apply(stage.order());
    expect(answer).toBeInstanceOf(Problem);
    expect(summaryOf(answer)).toBe('overloaded');
  });

  it('returns 503 after three attempts if Redis reports that it cannot accept the transfer', async () => {
    stage.cache.always('apply', failing(new CacheError('unable', 'OOM')));
    const one = stage.order();
    const [answer] = await stage.apply(one);
    expect(answer).toMatchObject({ code: 'overloaded', retryable: true });
    expect((answer as Problem).message).toContain('OOM');
    expect(callsOf(one.transactionId)).toBe(4);
  });
});

describe('A failed call', () => {
  it('is reported to the session', async () => {
    stage.cache.next('apply', commandLost);
    await stage.apply(stage.order());
    expect(stage.session.suspicions).toMatchObject([{ kind: 'in_doubt' }]);
    expect(stage.events.counts.retried).toBe(1);
  });
});

const itemOf = (order: ReturnType<ModelLedger['order']>) => ({
  order,
  payload: JSON.stringify([order.transactionId]),
  lookupCursor: -1,
});
