import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeRefusalOf, refusalOf } from './rules.ts';
import { accountOf } from './testing/orders.ts';
import type { Account } from './types.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const party = (different: Partial<Account> = {}) => accountOf('a', { balance: 100, ...different });

/** A second implementation of the rules, in unbounded integers and as a list: the first matching rule is the answer. */
function meant(source: Account, destination: Account, amount: number, currency: string): string | null {
  const left = BigInt(source.balance) - BigInt(amount);
  const right = BigInt(destination.balance) + BigInt(amount);
  const either = (test: (account: Account) => boolean) => test(source) || test(destination);
  const rules: [string, boolean][] = [
    ['currency_mismatch', either((account) => account.currency !== currency)],
    ['account_closed', either((account) => account.status === 'CLOSED')],
    ['account_frozen', either((account) => account.status === 'FROZEN')],
    ['account_suspended', source.status === 'SUSPENDED'],
    ['insufficient_funds', !source.external && left - BigInt(source.held) + BigInt(source.overdraftLimit) < 0n],
    ['balance_out_of_range', left < -BigInt(MAX) || right > BigInt(MAX)],
  ];
  return rules.find(([, applies]) => applies)?.[0] ?? null;
}

const money = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: 0, max: 5 }).map((n) => MAX - n),
  fc.integer({ min: 0, max: 5 }).map((n) => n - MAX),
  fc.maxSafeInteger(),
);
const anyParty = fc
  .record({
    currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'JPY'),
    status: fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED') as fc.Arbitrary<
      Account['status']
    >,
    external: fc.boolean(),
    balance: money,
    held: fc.constantFrom(0, 0, 1, 40),
    overdraftLimit: money.map(Math.abs),
  })
  .map((different) => party(different));

describe('refusalOf', () => {
  it('returns the first rule that applies, in exact arithmetic, for any accounts and amount', () => {
    fc.assert(
      fc.property(
        anyParty,
        anyParty,
        money.map((n) => Math.abs(n) || 1),
        fc.constantFrom('EUR', 'EUR', 'JPY'),
        (source, destination, amount, currency) => {
          expect(refusalOf(source, destination, amount, currency)).toBe(meant(source, destination, amount, currency));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['allows debiting the whole balance', party(), 100, null],
    ['does not allow one unit more', party(), 101, 'insufficient_funds'],
    ['adds the overdraft limit', party({ overdraftLimit: 5 }), 105, null],
    ['does not allow debiting what is held', party({ held: 30 }), 71, 'insufficient_funds'],
    ['allows debiting everything that is not held', party({ held: 30 }), 70, null],
    ['does not go beyond the overdraft limit', party({ overdraftLimit: 5 }), 106, 'insufficient_funds'],
    ['lets an external account go below zero', party({ external: true, balance: 0 }), MAX, null],
    ['does not let it go below −(2^53 − 1)', party({ external: true, balance: -MAX }), 1, 'balance_out_of_range'],
  ])('%s', (_, source, amount, refusal) => {
    expect(refusalOf(source, party({ balance: 0 }), amount, 'EUR')).toBe(refusal);
  });

  it.each([
    [MAX - 1, null],
    [MAX, 'balance_out_of_range'],
  ])('given a credit of 1 to a destination at %i, returns %s', (balance, refusal) => {
    expect(refusalOf(party(), party({ balance }), 1, 'EUR')).toBe(refusal);
  });

  it('allows credits to a suspended destination, but not to a frozen or closed one', () => {
    expect(refusalOf(party(), party({ status: 'SUSPENDED' }), 1, 'EUR')).toBeNull();
    expect(refusalOf(party(), party({ status: 'FROZEN' }), 1, 'EUR')).toBe('account_frozen');
    expect(refusalOf(party(), party({ status: 'CLOSED' }), 1, 'EUR')).toBe('account_closed');
  });
});

describe('changeRefusalOf', () => {
  const change = (account: Partial<Account>, wanted: Partial<Parameters<typeof changeRefusalOf>[1]>) =>
    changeRefusalOf(party({ settingsVersion: 3, ...account }), {
      status: undefined,
      expectedSettingsVersion: undefined,
      ...wanted,
    });

  it('checks the expected settings version, if given, before anything else', () => {
    expect(change({}, { expectedSettingsVersion: 3 })).toBeNull();
    expect(change({}, { expectedSettingsVersion: 2 })).toBe('settings_version_mismatch');
    expect(change({ status: 'CLOSED' }, { expectedSettingsVersion: 4 })).toBe('settings_version_mismatch');
  });

  it('allows closing only at a balance of zero, not above or below it', () => {
    expect(change({ balance: 0 }, { status: 'CLOSED' })).toBeNull();
    expect(change({ balance: 1 }, { status: 'CLOSED' })).toBe('account_not_empty');
    expect(change({ balance: -1 }, { status: 'CLOSED' })).toBe('account_not_empty');
    expect(change({ balance: 0, held: 1 }, { status: 'CLOSED' })).toBe('account_not_empty');
    expect(change({ balance: 1 }, { status: 'FROZEN' })).toBeNull();
  });

  it('never changes a closed account', () => {
    expect(change({ status: 'CLOSED', balance: 0 }, { status: 'ACTIVE' })).toBe('account_closed');
    expect(change({ status: 'CLOSED', balance: 0 }, {})).toBe('account_closed');
  });
});
