import { describe, expect, it } from 'vitest';
import { TransitUnavailable } from '../../domain/leg-rules.ts';
import type { LegName } from '../../domain/leg-types.ts';
import type { Problem } from '../../domain/problem.ts';
import { calendarFrom } from '../../domain/testing/business-days.ts';
import { legOf } from '../../domain/testing/legs.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { accountOf, summaryOf } from '../../domain/testing/orders.ts';
import type { Account, TransferOrder } from '../../domain/types.ts';
import { commandLost } from '../../journal/testing/faulty-cache.ts';
import { postAll } from '../direct/decide.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const TRANSIT = '~transit:EUR:0';
const NAMES = ['out', 'in', 'back', 'returns'] as const;

/** A pod's ledger in a shard, with a transit account and an account of returns. */
async function benchWith(store: string, ...accounts: Account[]) {
  const bench = await SwitchBench.open();
  await bench.model.setCalendar(bench.keeper, calendarFrom(bench.clock.now()));
  const inner = (id: string) => accountOf(id, { external: true });
  for (const account of [inner(TRANSIT), inner('~transit:EUR:1'), inner('~returns:EUR'), ...accounts])
    bench.database.accounts.set(account.accountId, account);
  if (store === 'MySQL') {
    bench.close();
    bench.toDirect();
  }
  return bench;
}
const send = async (bench: SwitchBench, ...orders: TransferOrder[]) =>
  bench.clock.until(bench.ledger.apply(orders, 'cache'));
const balances = async (bench: SwitchBench, ...ids: string[]) => {
  const views = await bench.clock.until(bench.ledger.read(ids));
  return views.map((view) => ('balance' in view ? view.balance : view.code));
};
function reasonIn(answer: unknown): string {
  return answer instanceof TransitUnavailable ? `${answer.account} ${answer.reason}` : summaryOf(answer as Problem);
}

describe.each(['Redis', 'MySQL'])('While %s decides, a leg', (store) => {
  it('moves money between its account and a transit account', async () => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }));
    const [out, into, back] = [legOf('out'), legOf('in'), legOf('back')];
    expect((await send(bench, out)).map(summaryOf)).toEqual(['POSTED']);
    expect(await balances(bench, 'a', TRANSIT)).toEqual([400, 100]);
    expect((await send(bench, back, into)).map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    expect(await balances(bench, 'a', TRANSIT, 'b')).toEqual([500, -100, 100]);
    expect((await send(bench, legOf('returns'))).map(summaryOf)).toEqual(['POSTED']);
    expect(await balances(bench, '~returns:EUR')).toEqual([100]);
  });

  it('is posted once, even if it is repeated with another transit account', async () => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }));
    const out = legOf('out');
    const again = legOf('out', { transactionId: out.transactionId }, { stripe: 1 });
    await send(bench, out);
    expect((await send(bench, again)).map(summaryOf)).toEqual(['again POSTED']);
    const other = legOf('out', { transactionId: out.transactionId, destination: 'c' });
    expect((await send(bench, other)).map(summaryOf)).toEqual(['transaction_id_reused']);
    expect(await balances(bench, 'a', TRANSIT, '~transit:EUR:1')).toEqual([400, 100, 0]);
  });

  it('is distinguished from the other legs of the same transfer', async () => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }));
    const { transactionId } = legOf('out');
    const legs = NAMES.map((name) => legOf(name, { transactionId }));
    expect((await send(bench, ...legs)).map(summaryOf)).toEqual(['POSTED', 'POSTED', 'POSTED', 'POSTED']);
    expect((await send(bench, ...legs)).map(summaryOf)).toEqual(NAMES.map(() => 'again POSTED'));
  });

  it('is refused for the reason that it carries, or for a reason of its source that the rules check earlier', async () => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }), accountOf('c', { status: 'SUSPENDED' }));
    const limit = { limit: 'balanceMax', value: 9, remaining: 4 } as const;
    const carrying = (source: string, refusal: Parameters<typeof legOf>[2]) => legOf('out', { source }, refusal);
    const answers = await send(
      bench,
      carrying('a', { leg: { refusal: { refusal: 'account_frozen' } } }),
      carrying('c', { leg: { refusal: { refusal: 'account_frozen' } } }),
      carrying('c', { leg: { refusal: { refusal: 'limit_exceeded', limit } } }),
      carrying('a', { leg: { refusal: { refusal: 'limit_exceeded', limit } } }),
    );
    expect(answers.map(summaryOf)).toEqual(['account_frozen', 'account_frozen', 'account_suspended', 'limit_exceeded']);
    expect(answers[3]).toMatchObject({ limit });
    expect(answers[2]).not.toHaveProperty('limit');
    expect(await balances(bench, 'a', 'c', TRANSIT)).toEqual([500, 0, 0]);
  });

  it('keeps its refusal, even if the next attempt carries none', async () => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }));
    const refused = legOf('out', {}, { leg: { refusal: { refusal: 'account_closed' } } });
    await send(bench, refused);
    const again = legOf('out', { transactionId: refused.transactionId });
    expect((await send(bench, again)).map(summaryOf)).toEqual(['again account_closed']);
  });

  it.each(['back', 'returns'] as const)(
    '`%s` is refused if the account is closed or would exceed the exact range',
    async (name) => {
      const target = name === 'back' ? 'a' : '~returns:EUR';
      const refusedBy = async (different: Partial<Account>) => {
        const bench = await benchWith(store, accountOf(target, different));
        return (await send(bench, legOf(name))).map(summaryOf);
      };
      expect(await refusedBy({ status: 'CLOSED' })).toEqual(['account_closed']);
      expect(await refusedBy({ balance: MAX - 99 })).toEqual(['balance_out_of_range']);
      expect(await refusedBy({ balance: MAX - 100, status: 'FROZEN' })).toEqual(['POSTED']);
    },
  );

  it.each(NAMES)('`%s` has no outcome if its transit account cannot be used', async (name: LegName) => {
    const full = name === 'out' ? MAX - 99 : 99 - MAX;
    const transits: [Partial<Account>, string][] = [
      [{ balance: full }, 'full'],
      [{ status: 'FROZEN' }, 'inactive'],
      [{ status: 'SUSPENDED' }, 'inactive'],
      [{ currency: 'JPY' }, 'inactive'],
    ];
    for (const [different, reason] of transits) {
      const bench = await benchWith(
        store,
        accountOf('a', { balance: 500 }),
        accountOf(TRANSIT, { external: true, ...different }),
      );
      const leg = legOf(name);
      expect((await send(bench, leg)).map(reasonIn)).toEqual([`${TRANSIT} ${reason}`]);
      const elsewhere = { ...legOf(name, { transactionId: legOf('out').transactionId }, { stripe: 1 }) };
      expect((await send(bench, { ...elsewhere, transactionId: leg.transactionId })).map(summaryOf)).toEqual([
        'POSTED',
      ]);
    }
  });

  it.each(NAMES)('`%s` has no outcome if its transit account does not exist', async (name) => {
    const bench = await benchWith(store, accountOf('a', { balance: 500 }));
    bench.database.accounts.delete(TRANSIT);
    expect((await send(bench, legOf(name))).map(reasonIn)).toEqual([`${TRANSIT} missing`]);
    expect(await balances(bench, 'a', 'b')).toEqual([500, 0]);
  });

  it('whose own account does not exist gets account_not_found', async () => {
    const bench = await benchWith(store);
    const [out, into] = [legOf('out', { source: 'nobody' }), legOf('in', { destination: 'nobody' })];
    expect((await send(bench, out, into)).map(summaryOf)).toEqual(['account_not_found', 'account_not_found']);
  });

  it('can be previewed', async () => {
    const bench = await benchWith(store, accountOf('c', { status: 'CLOSED' }));
    const preview = (order: TransferOrder) =>
      bench.clock.until(bench.ledger.preview([order], 'transfers', async () => null));
    expect(await preview(legOf('in'))).toMatchObject({ sides: [{ destination: { balance: 100 } }] });
    expect(await preview(legOf('in', { destination: 'c' }))).toEqual({ index: 0, refusal: 'account_closed' });
    bench.database.accounts.delete('~transit:EUR:1');
    await expect(preview(legOf('in', {}, { stripe: 1 }))).rejects.toMatchObject({ reason: 'missing' });
    bench.database.accounts.set('~transit:EUR:2', accountOf('~transit:EUR:2', { external: true, status: 'FROZEN' }));
    await expect(preview(legOf('in', {}, { stripe: 2 }))).rejects.toMatchObject({ reason: 'inactive' });
    await expect(preview(legOf('in', { destination: 'nobody' }))).rejects.toMatchObject({ code: 'account_not_found' });
  });
});

describe('While MySQL decides, a leg', () => {
  it('has no outcome if its transit account waits for a journal', async () => {
    const bench = await SwitchBench.open();
    for (const id of [TRANSIT, 'a'])
      bench.database.accounts.set(id, accountOf(id, { balance: 500, external: id === TRANSIT }));
    bench.database.frozen.add(TRANSIT);
    bench.close();
    bench.toDirect(false);
    expect((await send(bench, legOf('out'))).map(reasonIn)).toEqual([`${TRANSIT} unsettled`]);
    expect((await send(bench, legOf('out', { source: 'b' }, { stripe: 0 }))).map(reasonIn)).toEqual([
      `${TRANSIT} unsettled`,
    ]);
  });
});

describe('While Redis decides, a leg', () => {
  const store = 'Redis';

  it('`in` obeys the rules and the limits of its destination', async () => {
    const limits = { ...NO_LIMITS, balanceMax: 150, usage: NO_USAGE };
    const bench = await benchWith(store, accountOf('b', { limits }), accountOf('c', { status: 'FROZEN' }));
    const answers = await send(bench, legOf('in'), legOf('in'), legOf('in', { destination: 'c' }));
    expect(answers.map(summaryOf)).toEqual(['POSTED', 'limit_exceeded', 'account_frozen']);
    expect(answers[0]).toMatchObject({ counted: 2 });
    expect((await send(bench, legOf('in', { kind: 'reversal' }))).map(summaryOf)).toEqual(['POSTED']);
  });

  it('`back` ignores status and limits, and subtracts the debit of `out` from the windows', async () => {
    const limits = { ...NO_LIMITS, dailyDebitMax: 100, balanceMax: 0, usage: NO_USAGE };
    const bench = await benchWith(store, accountOf('a', { balance: 500, limits }));
    const out = legOf('out');
    const [posted] = await send(bench, out);
    expect(posted).toMatchObject({ status: 'POSTED', counted: 1 });
    expect((await send(bench, legOf('out', { amount: 1 }))).map(summaryOf)).toEqual(['limit_exceeded']);
    await bench.clock.until(
      bench.ledger.changeAccount({
        accountId: 'a',
        changeId: out.transactionId,
        status: 'FROZEN',
        user: 'u',
        correlationId: 'c',
      }),
    );
    const at = (posted as { acceptedAt: number }).acceptedAt;
    const back = legOf('back', { transactionId: out.transactionId }, { leg: { counted: { at } } });
    expect((await send(bench, back)).map(summaryOf)).toEqual(['POSTED']);
    const [account] = await bench.clock.until(bench.ledger.read(['a']));
    expect(account).toMatchObject({
      balance: 500,
      status: 'FROZEN',
      limits: { usage: { dayDebit: 0, monthDebit: 0 } },
    });
  });
});

describe('A preview of a leg', () => {
  const inner = accountOf(TRANSIT, { external: true });
  const preview = (bench: SwitchBench) =>
    bench.clock.until(bench.ledger.preview([legOf('in')], 'transfers', async () => null));

  it('reports a transit account that waits for a journal', async () => {
    const bench = await SwitchBench.open();
    bench.database.accounts.set(TRANSIT, inner);
    bench.database.frozen.add(TRANSIT);
    bench.close();
    bench.toDirect(false);
    await expect(preview(bench)).rejects.toMatchObject({ code: 'transit_unavailable', reason: 'unsettled' });
  });

  it('reports no waiting transit account if the cache has just failed or the authority has just moved', async () => {
    const bench = await SwitchBench.open();
    bench.database.accounts.set(TRANSIT, inner);
    bench.cache.next('read', commandLost);
    await expect(preview(bench)).rejects.toMatchObject({ code: 'ledger_switching' });
    bench.close();
    bench.database.whileLoading = async () => void bench.toDirect();
    await expect(preview(bench)).rejects.toMatchObject({ code: 'ledger_switching' });
    bench.database.whileLoading = async () => {};
    expect(await preview(bench)).toMatchObject({ sides: [{ destination: { balance: 100 } }] });
  });
});

describe('While MySQL decides, the windows of an account', () => {
  it('no longer count the debit of `out` after `back`', () => {
    const windows = { dayStart: 200, monthStart: 100 };
    const limits = { ...NO_LIMITS, dailyDebitMax: 100, usage: NO_USAGE };
    const accounts = new Map(
      [accountOf('a', { balance: 500, limits }), accountOf(TRANSIT, { external: true })].map((one) => [
        one.accountId,
        one,
      ]),
    );
    const used = () => accounts.get('a')?.limits?.usage;
    postAll([legOf('out')], accounts, windows);
    expect(used()).toMatchObject({ dayDebit: 100, monthDebit: 100 });
    postAll([legOf('back', {}, { leg: { counted: { at: 250 } } })], accounts, windows);
    expect(used()).toMatchObject({ dayDebit: 0, monthDebit: 0 });
  });
});
