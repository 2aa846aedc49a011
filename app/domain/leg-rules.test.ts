import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outOrder } from './crossing.ts';
import { limitsAfterBack, transitRefusalOf, verdictOnAny } from './leg-rules.ts';
import type { LegName } from './leg-types.ts';
import { type AccountLimits, counting, usageIn, type Windows } from './limits.ts';
import { verdictOn } from './rules.ts';
import { legOf } from './testing/legs.ts';
import { anyLimits, NO_LIMITS, NO_USAGE } from './testing/limits.ts';
import { accountOf, orderOf } from './testing/orders.ts';
import type { Account, AccountStatus } from './types.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const TRANSIT = '~transit:EUR:0';
const RETURNS = '~returns:EUR';

const money = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: 0, max: 5 }).map((n) => MAX - n),
  fc.integer({ min: 0, max: 5 }).map((n) => n - MAX),
);
const anyAmount = money.map((n) => Math.abs(n) || 1);
const anyStatus = fc.constantFrom<AccountStatus>('ACTIVE', 'ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED');
const small = fc.integer({ min: 0, max: 400 });
const anyAccount = (accountId: string) =>
  fc
    .record({
      currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'JPY'),
      status: anyStatus,
      external: fc.boolean(),
      balance: money,
      held: fc.constantFrom(0, 0, 1, 40),
      overdraftLimit: small,
      limits: fc.option(anyLimits(small)),
    })
    .map((different) => accountOf(accountId, different));
const transit = (different: Partial<Account> = {}) => accountOf(TRANSIT, { external: true, ...different });
const anyWindows = fc.record<Windows>({ dayStart: small, monthStart: small });

describe('a transfer between shards', () => {
  it('gets the verdict that it would get inside a shard, limits included', () => {
    fc.assert(
      fc.property(
        anyAccount('a'),
        anyAccount('b'),
        anyAmount,
        fc.constantFrom('transfer' as const, 'reversal' as const),
        anyWindows,
        (source, destination, amount, kind, windows) => {
          const order = orderOf({ kind, source: 'a', destination: 'b', amount });
          const looked = verdictOnAny(legOf('in', order), transit(), destination, windows);
          const out = outOrder(order, { transit: TRANSIT, toShard: 2, refusal: looked });
          expect(verdictOnAny(out, source, transit(), windows)).toEqual(verdictOn(order, source, destination, windows));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('is decided by the client accounts alone, whatever the state of the transit account', () => {
    fc.assert(
      fc.property(
        anyAccount(TRANSIT),
        anyAccount('a'),
        anyAmount,
        anyWindows,
        fc.constantFrom('out' as const, 'in' as const),
        (inner, account, amount, windows, name) => {
          const leg = legOf(name, { amount });
          const verdictWith = (other: Account) =>
            name === 'out' ? verdictOnAny(leg, account, other, windows) : verdictOnAny(leg, other, account, windows);
          expect(verdictWith({ ...inner, limits: null })).toEqual(verdictWith(transit()));
        },
      ),
    );
  });
});

describe('money that comes back', () => {
  it.each(['back', 'returns'] as const)(
    'as %s is refused only if the account is closed or would leave the exact range',
    (name) => {
      fc.assert(
        fc.property(anyAccount('a'), anyAmount, (account, amount) => {
          const leg = legOf(name, { amount });
          const expected =
            account.status === 'CLOSED'
              ? 'account_closed'
              : BigInt(account.balance) + BigInt(amount) > BigInt(MAX)
                ? 'balance_out_of_range'
                : null;
          expect(verdictOnAny(leg, transit(), account, 'calendar_unavailable')?.refusal ?? null).toBe(expected);
        }),
        { numRuns: 1_000 },
      );
    },
  );

  it('is paid from the transit account to the source, or to the account of returns', () => {
    const [back, returns] = [legOf('back'), legOf('returns')];
    expect([back.source, back.destination, returns.source, returns.destination]).toEqual([
      TRANSIT,
      'a',
      TRANSIT,
      RETURNS,
    ]);
  });

  it('subtracts the debit of `out` from the windows that counted it, if they are still the latest', () => {
    const windows = { dayStart: 200, monthStart: 100 };
    const used = { ...NO_USAGE, ...windows, dayDebit: 70, dayCredit: 9, monthDebit: 170 };
    const limits: AccountLimits = { ...NO_LIMITS, dailyDebitMax: 500, usage: counting(used, windows, { debit: 30 }) };
    const back = legOf('back', { amount: 30 }, { out: { counted: 1, acceptedAt: 250 } });
    expect(limitsAfterBack(back, limits)?.usage).toEqual(used);
    // A new day: only the month still counts it.
    const tomorrow = { ...limits, usage: usageIn(limits.usage, { dayStart: 300, monthStart: 100 }) };
    expect(limitsAfterBack(back, tomorrow)?.usage).toMatchObject({ dayDebit: 0, monthDebit: 170 });
    const nextMonth = { ...limits, usage: usageIn(limits.usage, { dayStart: 400, monthStart: 400 }) };
    expect(limitsAfterBack(back, nextMonth)).toEqual(nextMonth);
    // The account got new limits after `out`.
    const since = { ...limits, usage: { ...limits.usage, countedSince: 251 } };
    expect(limitsAfterBack(back, since)).toEqual(since);
    expect(limitsAfterBack(back, null)).toBeNull();
  });

  it('subtracts nothing if `out` was not counted', () => {
    const limits = { ...NO_LIMITS, usage: { ...NO_USAGE, dayDebit: 70 } };
    expect(limitsAfterBack(legOf('back'), limits)).toBe(limits);
    expect(limitsAfterBack(legOf('back', {}, { out: { counted: 2 } }), limits)).toBe(limits);
  });
});

describe('a transit account', () => {
  const refusal = (name: LegName, different: Partial<Account>) => {
    const [inner, account] = [transit(different), accountOf('a')];
    const leg = legOf(name, { amount: 10 });
    return name === 'out' ? transitRefusalOf(leg, account, inner) : transitRefusalOf(leg, inner, account);
  };

  it('takes part while it is active and stays in the exact range', () => {
    expect([refusal('out', { balance: MAX - 10 }), refusal('out', { balance: MAX - 9 })]).toEqual([null, 'full']);
    for (const name of ['in', 'back', 'returns'] as const)
      expect([refusal(name, { balance: 10 - MAX }), refusal(name, { balance: 9 - MAX })]).toEqual([null, 'full']);
  });

  it.each(['SUSPENDED', 'FROZEN', 'CLOSED'] as const)('does not take part while it is %s', (status) => {
    for (const name of ['out', 'in', 'back', 'returns'] as const) expect(refusal(name, { status })).toBe('inactive');
  });

  it('does not take part in another currency', () => {
    expect(refusal('out', { currency: 'JPY' })).toBe('inactive');
  });
});
