import { beforeEach, describe, expect, it } from 'vitest';
import type { GroupOutcome } from '../../domain/group.ts';
import { usageSince, type Windows } from '../../domain/limits.ts';
import { Problem } from '../../domain/problem.ts';
import { calendarFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { commandLost, failing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { DirectError } from '../ports/direct-server.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

const NO_WINDOWS = async () => null;

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
});

const order = (different: Partial<TransferOrder>) => orderOf(different, bench.clock.now());
/** Money that passes through `a`. */
const through = (): TransferOrder[] => [
  order({ source: 'world', destination: 'a', amount: 100 }),
  order({ source: 'a', destination: 'b', amount: 60 }),
];
const refusedAtTheEnd = (): TransferOrder[] => [
  order({ source: 'world', destination: 'a', amount: 100 }),
  order({ source: 'b', destination: 'c', amount: 1 }),
];
const send = (groupId: string, orders: readonly TransferOrder[], durability: 'cache' | 'persisted' = 'cache') =>
  bench.clock.until(
    bench.ledger.applyGroup({ groupId, orders: orders.map((one) => ({ ...one, groupId })), split: null }, durability),
  );
function said(answer: GroupOutcome | Problem): string {
  if (answer instanceof Problem) return answer.code;
  const again = answer.replayed ? 'again ' : '';
  return again + (answer.status === 'POSTED' ? 'POSTED' : `${answer.refusal} at ${answer.index}`);
}
const toDirect = () => {
  bench.close();
  return bench.toDirect();
};

describe.each(['Redis', 'MySQL'])('While %s decides, a group', (store) => {
  beforeEach(() => {
    if (store === 'MySQL') toDirect();
  });

  it('is posted as a whole, and each transfer is found under its own id', async () => {
    const orders = through();
    expect(said(await send('g', orders))).toBe('POSTED');
    for (const { transactionId } of orders)
      expect(await bench.clock.until(bench.ledger.outcome(transactionId))).toMatchObject({ status: 'POSTED' });
    expect(await bench.clock.until(bench.ledger.groupOutcome('g'))).toMatchObject({ status: 'POSTED' });
  });

  it('is refused as a whole and permanently, and leaves the ids of its transfers free', async () => {
    const orders = refusedAtTheEnd();
    expect(said(await send('g', orders))).toBe('insufficient_funds at 1');
    expect(said(await send('g', orders))).toBe('again insufficient_funds at 1');
    const [first] = orders;
    if (first)
      expect((await bench.apply(first)).map((answer) => (answer as { status: string }).status)).toEqual(['POSTED']);
  });

  it('returns 409 for different content, and 409 with the index of a transfer whose id is known', async () => {
    const orders = through();
    await send('g', orders);
    expect(said(await send('g', orders.toReversed()))).toBe('group_id_reused');
    const fresh = order({ source: 'world', destination: 'a' });
    expect(await send('h', [fresh, ...orders.slice(1)])).toMatchObject({
      code: 'transaction_id_reused',
      extras: { index: 1 },
    });
    // Nothing was remembered.
    expect(said(await send('h', [fresh, order({ destination: 'c' })]))).toBe('POSTED');
  });

  it('prevents a single transfer from using the id of one of its members', async () => {
    const orders = through();
    await send('g', orders);
    const [first] = orders;
    if (first)
      expect((await bench.apply(first)).map((answer) => (answer as Problem).code)).toEqual(['transaction_id_reused']);
  });

  it('gets account_not_found if an account does not exist, and leaves its ids free', async () => {
    const [first] = through();
    if (!first) throw new Error('there is no first order');
    expect(said(await send('g', [first, order({ source: 'a', destination: 'nobody' })]))).toBe('account_not_found');
    expect(said(await send('g', [first, order({ source: 'a', destination: 'b', amount: 1 })]))).toBe('POSTED');
  });
});

describe('A group in doubt', () => {
  it('is retried under its own id, and gets its own outcome, not a replay, if the first attempt was carried out', async () => {
    bench.cache.next('apply', replyLost);
    expect(said(await send('g', through()))).toBe('POSTED');
    bench.cache.next('apply', commandLost);
    expect(said(await send('h', through()))).toBe('POSTED');
  });

  it('counts as one in-doubt attempt with all its seqs, and as one without seqs for each of its transfers', async () => {
    await send('earlier', through());
    bench.cache.always('apply', replyLost);
    const orders = through();
    const answer = await send('g', orders);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { groupId: 'g' } });
    const ids = orders.map(({ transactionId }) => transactionId);
    expect(bench.session.view()?.inDoubt.snapshot()).toEqual([
      { kind: 'group', id: 'g', accounts: ['world', 'a'], seqs: 2 },
      { kind: 'transfers', id: ids[0], accounts: ['world', 'a'], seqs: 0, groupId: 'g' },
      { kind: 'transfers', id: ids[1], accounts: ['a', 'b'], seqs: 0, groupId: 'g' },
    ]);
    // A reply resolves all these attempts.
    bench.cache.always('apply', (run) => run());
    expect(said(await send('g', orders))).toBe('again POSTED');
    expect(bench.session.view()?.inDoubt.none).toBe(true);
  });

  it('continues in MySQL when the authority moves, and is posted once', async () => {
    const orders = through();
    bench.cache.always('apply', replyLost);
    const sent = bench.ledger.applyGroup(
      { groupId: 'g', orders: orders.map((one) => ({ ...one, groupId: 'g' })), split: null },
      'cache',
    );
    await bench.clock.pass(10);
    bench.close();
    await bench.settle();
    bench.toDirect();
    expect(said(await bench.clock.until(sent))).toBe('POSTED');
    expect(bench.stored('b')).toEqual({ balance: 60, version: 1 });
  });

  it('returns 504 with its id while the outcome of its commit is unknown', async () => {
    toDirect();
    bench.direct.always(failing(new DirectError('in_doubt', 'the connection was lost')));
    expect(await send('g', through())).toMatchObject({ code: 'outcome_unknown', extras: { groupId: 'g' } });
  });
});

describe('A group', () => {
  it('is reported once, with the limit that refused it', async () => {
    await bench.model.setCalendar(bench.keeper, calendarFrom(bench.clock.now()));
    const limits = { ...NO_LIMITS, transferMax: 50, usage: NO_USAGE };
    bench.database.accounts.set('a', accountOf('a', { balance: 90, limits }));
    const orders = through();
    expect(said(await send('g', orders))).toBe('limit_exceeded at 1');
    expect(said(await send('g', orders))).toBe('again limit_exceeded at 1');
    expect(bench.events.limits).toEqual(['transferMax']);
  });

  it('counts as all its transfers wherever capacity is limited', async () => {
    bench = await SwitchBench.open({ queueTransfersMax: 3 });
    expect(said(await send('g', [...through(), ...through()]))).toBe('overloaded');
    expect(said(await send('g', through()))).toBe('POSTED');
    expect([bench.ledger.open, bench.ledger.waiting]).toEqual([0, 0]);
  });

  it('is not divided, even if it has more transfers than a call may take', async () => {
    bench = await SwitchBench.open({ applyBatchMax: 2 });
    expect(said(await send('g', [...through(), ...through()]))).toBe('POSTED');
  });

  it('that would take more than 64 KiB in the journal is refused', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n}`, 'x'.repeat(256)]));
    const orders = Array.from({ length: 20 }, () => order({ metadata }));
    expect(said(await send('g', orders))).toBe('payload_too_large');
  });

  it('needs rule format 2', async () => {
    bench.session.rules = 1;
    expect(said(await send('g', through()))).toBe('feature_not_active');
    await expect(bench.ledger.groupOutcome('g')).rejects.toMatchObject({ code: 'feature_not_active' });
    await expect(bench.ledger.preview(through(), 'group', NO_WINDOWS)).rejects.toMatchObject({
      code: 'feature_not_active',
    });
  });
});

describe('A preview', () => {
  it('applies the limits of accounts, by the business day of the store', async () => {
    toDirect();
    const none = {
      transferMax: null,
      dailyDebitMax: null,
      monthlyDebitMax: null,
      dailyCreditMax: null,
      balanceMax: null,
    };
    const usage = { ...usageSince(0), dayStart: 5, monthStart: 5, dayDebit: 50 };
    bench.database.accounts.set('a', accountOf('a', { balance: 90, limits: { ...none, dailyDebitMax: 100, usage } }));
    const orders = [order({ source: 'a', destination: 'b', amount: 60 })];
    const preview = (windows: Windows | null) =>
      bench.clock.until(bench.ledger.preview(orders, 'transfers', async () => windows));
    expect(await preview({ dayStart: 5, monthStart: 5 })).toMatchObject({
      refusal: 'limit_exceeded',
      limit: { limit: 'dailyDebitMax', remaining: 50 },
    });
    expect(await preview({ dayStart: 6, monthStart: 5 })).toMatchObject({ sides: [{ source: { balance: 30 } }] });
    await expect(preview(null)).rejects.toMatchObject({ code: 'calendar_unavailable' });
  });

  it('shows what transfers would do in the store that decides, and changes nothing', async () => {
    const expected = {
      sides: [{ destination: { balance: 100 } }, { source: { balance: 40 }, destination: { balance: 60 } }],
    };
    expect(await bench.clock.until(bench.ledger.preview(through(), 'group', NO_WINDOWS))).toMatchObject(expected);
    toDirect();
    expect(await bench.clock.until(bench.ledger.preview(through(), 'group', NO_WINDOWS))).toMatchObject(expected);
    expect(await bench.clock.until(bench.ledger.preview(refusedAtTheEnd(), 'group', NO_WINDOWS))).toEqual({
      index: 1,
      refusal: 'insufficient_funds',
    });
  });

  it('returns 503 while no store decides', async () => {
    bench.close();
    await expect(bench.clock.until(bench.ledger.preview(through(), 'transfers', NO_WINDOWS))).rejects.toMatchObject({
      status: 503,
    });
  });
});
