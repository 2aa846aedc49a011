import { describe, expect, it } from 'vitest';
import { notFound } from '../../domain/account-problems.ts';
import { Problem } from '../../domain/problem.ts';
import { accountOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import { decideChange, decideTransfers, type Found, LedgerTime } from '../direct/decide.ts';
import type { DirectChange } from '../ports/direct-server.ts';

const EPOCH = 9;
const item = (transactionId: string, different: Parameters<typeof orderOf>[0] = {}) => ({
  order: orderOf({ transactionId, ...different }),
  takenAt: 5,
});

function found(different: Partial<Omit<Found, 'accounts'>> & { accounts?: Account[] } = {}): Found {
  const accounts = different.accounts ?? [accountOf('world'), accountOf('a', { balance: 50, version: 3 })];
  return {
    epoch: EPOCH,
    existing: new Map(),
    frozen: new Set(),
    unsettled: new Set(),
    time: new LedgerTime(1000, new Map()),
    ...different,
    accounts: new Map(accounts.map((account) => [account.accountId, account])),
  };
}

function existing(transactionId: string): Map<string, Outcome> {
  const [outcome] = decideTransfers([item(transactionId)], found()).outcomes;
  return new Map(outcome ? [[transactionId, outcome]] : []);
}

describe('decideTransfers', () => {
  it('decides each transfer on the accounts as left by the previous transfers', () => {
    const accounts = [accountOf('world'), accountOf('b', { settingsVersion: 4 }), accountOf('a')];
    const decided = decideTransfers(
      [
        item('1', { destination: 'a', amount: 30 }),
        item('2', { source: 'a', destination: 'b', amount: 31 }),
        item('3', { source: 'a', destination: 'b', amount: 30 }),
      ],
      found({ accounts }),
    );
    expect(decided.answers.map(summaryOf)).toEqual(['POSTED', 'insufficient_funds', 'POSTED']);
    expect(decided.answers).toEqual(decided.outcomes);
    const common = { acceptedAt: 1000, takenAt: 5, epoch: EPOCH, seq: 0, replayed: false, persisted: true };
    expect(decided.outcomes[2]).toMatchObject({
      ...common,
      source: { balance: 0, version: 2, settingsVersion: 1 },
      destination: { balance: 30, version: 1, settingsVersion: 4 },
    });
    expect(decided.outcomes[1]).toMatchObject({ ...common, status: 'REJECTED', refusal: 'insufficient_funds' });
    expect(decided.moves).toEqual([
      {
        accountId: 'a',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: 0,
        version: 2,
        acceptedAt: 1000,
      },
      {
        accountId: 'b',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: 30,
        version: 1,
        acceptedAt: 1000,
      },
      {
        accountId: 'world',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: -30,
        version: 1,
        acceptedAt: 1000,
      },
    ]);
    expect(accounts.map(({ version }) => version)).toEqual([0, 0, 0]);
  });

  it('accepts each transfer no earlier than the latest acceptance on its accounts, including those in the same call', () => {
    const accounts = ['world', 'a', 'b', 'c'].map((id) => accountOf(id, { balance: 100 }));
    const time = new LedgerTime(
      1000,
      new Map([
        ['a', 1500],
        ['b', 700],
      ]),
    );
    const decided = decideTransfers(
      [
        item('1', { source: 'world', destination: 'b' }),
        item('2', { source: 'a', destination: 'b' }),
        item('3', { source: 'b', destination: 'c' }),
        item('4', { source: 'world', destination: 'a', amount: 500 }),
      ],
      found({ accounts, time }),
    );
    expect(decided.outcomes.map(({ acceptedAt }) => acceptedAt)).toEqual([1000, 1500, 1500, 1500]);
    expect(decided.moves.map(({ acceptedAt }) => acceptedAt)).toEqual([1500, 1500, 1500, 1500]);
  });

  it('returns the committed outcome of a known id, whatever the request contains, and writes nothing', () => {
    const before = existing('1');
    const decided = decideTransfers(
      [item('1', { amount: 7, destination: 'nobody' })],
      found({ existing: before, frozen: new Set(['a', 'world']) }),
    );
    expect(decided).toEqual({ answers: [{ ...before.get('1'), replayed: true }], outcomes: [], moves: [] });
  });

  it('returns the first outcome, refused or posted, for an id that is repeated in one call', () => {
    const decided = decideTransfers(
      [
        item('1', { source: 'a', destination: 'world', amount: 51 }),
        item('1', { amount: 1 }),
        item('2'),
        item('2', { source: 'nobody' }),
      ],
      found(),
    );
    expect(decided.answers.map(summaryOf)).toEqual([
      'insufficient_funds',
      'again insufficient_funds',
      'POSTED',
      'again POSTED',
    ]);
    expect(decided.outcomes.map(({ order }) => order.transactionId)).toEqual(['1', '2']);
    expect(decided.moves.map(({ version }) => version)).toEqual([4, 1]);
  });

  it('reports which account is missing, as the cache does, and leaves the id free', () => {
    const decided = decideTransfers(
      [
        item('1', { source: 'no-1', destination: 'no-2' }),
        item('2', { destination: 'no-2', currency: 'JPY' }),
        item('1', { amount: 2 }),
      ],
      found({ frozen: new Set(['world']) }),
    );
    expect(decided.answers.slice(0, 2)).toEqual([notFound('no-1'), notFound('no-2')]);
    expect(summaryOf(decided.answers[2])).toBe('account_unsettled');
    expect(decided).toMatchObject({ outcomes: [], moves: [] });
  });

  it.each([
    ['source', 'world'],
    ['destination', 'a'],
  ])('decides nothing, not even a refusal, while the %s waits for the journal', (_side, frozen) => {
    const decided = decideTransfers([item('1', { currency: 'JPY' })], found({ frozen: new Set([frozen]) }));
    expect(decided.answers).toEqual([
      new Problem('account_unsettled', `account ${frozen} waits for the journal of the cache`),
    ]);
    expect(decided).toMatchObject({ outcomes: [], moves: [] });
  });

  it('returns account_unsettled for an id whose outcome is only in the journal, whatever the request contains', () => {
    const ground = found({ unsettled: new Set(['1']), existing: existing('1') });
    const { answers, outcomes } = decideTransfers([item('1'), item('1', { source: 'nobody' }), item('2')], ground);
    expect(answers.map(summaryOf)).toEqual(['account_unsettled', 'account_unsettled', 'POSTED']);
    expect(outcomes).toHaveLength(1);
  });
});

describe('decideChange', () => {
  const change = (different: Partial<DirectChange> = {}): DirectChange => ({
    changeId: 'c1',
    accountId: 'a',
    user: 'admin',
    correlationId: 'correlation',
    takenAt: 5,
    ...different,
  });
  const FREE = { done: false, frozen: false, unsettled: false, time: new LedgerTime(1000, new Map([['a', 1005]])) };
  const open = accountOf('a', { balance: 50, overdraftLimit: 10, settingsVersion: 3 });
  const code = (decided: ReturnType<typeof decideChange>) => (decided instanceof Problem ? decided.code : 'done');

  it('changes the requested settings, keeps the others, and adds 1 to the settings version', () => {
    const decided = decideChange(change({ status: 'SUSPENDED' }), { ...FREE, account: open });
    const write = { status: 'SUSPENDED', overdraftLimit: 10, settingsVersion: 4 };
    expect(decided).toEqual({
      account: { ...open, ...write },
      write: {
        changeId: 'c1',
        accountId: 'a',
        acceptedAt: 1005,
        takenAt: 5,
        user: 'admin',
        correlationId: 'correlation',
        seq: 0,
        ...write,
      },
    });
    const limit = decideChange(change({ overdraftLimit: 0, expectedSettingsVersion: 3 }), { ...FREE, account: open });
    expect(limit).toMatchObject({ account: { status: 'ACTIVE', overdraftLimit: 0 }, write: { overdraftLimit: 0 } });
  });

  it('returns the current account for a committed change, whatever the repeated request contains', () => {
    const closed = { ...open, status: 'CLOSED' as const };
    const again = change({ expectedSettingsVersion: 1, status: 'ACTIVE' });
    const decided = decideChange(again, { ...FREE, account: closed, done: true, frozen: true });
    expect(decided).toEqual({ account: closed, write: null });
  });

  it('refuses changes by the rules, and does not store refusals', () => {
    const refused = (different: Partial<DirectChange>, account: Account) =>
      code(decideChange(change(different), { ...FREE, account }));
    expect(refused({ expectedSettingsVersion: 2 }, open)).toBe('settings_version_mismatch');
    expect(refused({ status: 'CLOSED' }, open)).toBe('account_not_empty');
    expect(refused({ status: 'ACTIVE' }, { ...open, status: 'CLOSED' })).toBe('account_closed');
    const last = 2 ** 32 - 1;
    expect(refused({ status: 'ACTIVE' }, { ...open, settingsVersion: last - 1 })).toBe('done');
    expect(refused({ status: 'ACTIVE' }, { ...open, settingsVersion: last })).toBe('internal_error');
  });

  it('changes neither accounts that wait for the journal nor missing accounts', () => {
    const asked = (different: Partial<Parameters<typeof decideChange>[1]>) =>
      code(decideChange(change(), { ...FREE, account: open, ...different }));
    expect(asked({ frozen: true })).toBe('account_unsettled');
    expect(asked({ unsettled: true, done: true })).toBe('account_unsettled');
    expect(decideChange(change(), { ...FREE, account: undefined, frozen: true })).toEqual(notFound('a'));
  });
});
