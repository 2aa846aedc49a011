import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountStatus } from '../../app/domain/types.ts';
import { check, checkBooks } from './check.ts';
import { withoutGivenUp } from './given-up.ts';
import type { ChangeHistory } from './history.ts';
import { at, booked, posted, Sound } from './testing/sound.ts';

let sound: Sound;
beforeEach(() => {
  sound = new Sound();
});

/** The kinds of violations found, in alphabetical order. */
const found = () => Object.keys(check(sound.history, sound.books).counts).sort();
const inBooks = () => [...new Set(checkBooks(sound.history.accounts, sound.books).map(({ kind }) => kind))].sort();

describe('the postings of an account', () => {
  it('gap: a version is missing', () => {
    sound.row('t2').source = booked(70, 3);
    sound.transfer('t2').attempts.pop();
    sound.row('t2').correlationId = 'c2';
    sound.history.reads.splice(0);
    expect(found()).toEqual(['balance', 'gap']);
    expect(inBooks()).toEqual(found());
  });
  it('gap: a version exists twice', () => {
    sound.row('t2').source = booked(70, 1);
    expect(inBooks()).toContain('gap');
  });
  it('arithmetic: a cent too much', () => {
    sound.row('t2').destination = booked(31, 1);
    for (const attempt of sound.transfer('t2').attempts) attempt.answer = posted(at(70, 2), at(31, 1));
    expect(found()).toEqual(['arithmetic', 'balance']);
    expect(inBooks()).toEqual(found());
  });
  it('time: a version was accepted before the one that it follows', () => {
    sound.row('t2').acceptedAt = 0.5;
    expect(found()).toEqual(['time']);
    sound.row('t2').acceptedAt = null;
    expect(found()).toEqual([]);
  });
  it('overdrawn: the balance is below the limit at one version, but not at the end', () => {
    for (const account of sound.history.accounts) account.external = false;
    expect(check(sound.history, sound.books)).toMatchObject({ verdict: 'invalid', overdrawn: 1 });
    expect(inBooks()).toEqual(['overdrawn']);
    for (const account of sound.history.accounts) {
      account.overdraftLimit = 100;
      sound.move(account.accountId, { overdraftLimit: 100 });
    }
    expect(found()).toEqual([]);
  });
  it('limits: the debits of one day exceed the limit, or differ from the usage of the account', () => {
    const b = sound.history.accounts.find(({ accountId }) => accountId === 'a');
    if (!b) throw new Error('there is no account a');
    const limited = (
      dailyDebitMax: number,
      businessDays: number[],
      counted: { dayStart: number; dayDebit: number },
    ) => {
      b.dailyDebitMax = dailyDebitMax;
      sound.books.businessDays = businessDays;
      sound.move('a', { counted });
      return inBooks();
    };
    expect(limited(30, [1, 5], { dayStart: 1, dayDebit: 30 })).toEqual([]);
    expect(limited(29, [1, 5], { dayStart: 1, dayDebit: 30 })).toEqual(['limits']);
    expect(limited(30, [1, 5], { dayStart: 1, dayDebit: 29 })).toEqual(['limits']);
    expect(limited(30, [1, 2], { dayStart: 1, dayDebit: 0 })).toEqual(['limits']);
    expect(limited(30, [1, 2], { dayStart: 2, dayDebit: 30 })).toEqual([]);
  });
  it('rules: a transfer is posted to an account in another currency', () => {
    for (const account of sound.history.accounts) if (account.accountId === 'b') account.currency = 'JPY';
    expect(found()).toEqual(['rules']);
  });
  it('phantom: MySQL has an account that was never opened', () => {
    sound.history.accounts.pop();
    expect(inBooks()).toEqual(['phantom']);
  });
});

describe('the final balances', () => {
  it.each([0, 1])('balance: MySQL or the API shows a different balance from the postings', (which) => {
    const { books } = sound;
    const { accounts } = [books, ...books.views][which] ?? books;
    Object.assign(accounts[2] ?? {}, { balance: 29 });
    expect(found()).toEqual(['balance']);
  });
  it('balance: an account is missing', () => {
    sound.books.accounts.pop();
    expect(inBooks()).toEqual(['balance']);
  });
  it('sum: money was created', () => {
    Object.assign(sound.books.sums, { EUR: 1n });
    expect(inBooks()).toEqual(['sum']);
  });
});

describe('changes of settings', () => {
  /** The limit of account a became 50 after t1 and before t2. */
  const change: ChangeHistory = {
    ...{ accountId: 'a', correlationId: 'k1', overdraftLimit: 50, sentAt: 1.2, endedAt: 1.5 },
    answer: { kind: 'changed', settingsVersion: 2, overdraftLimit: 50, status: 'ACTIVE' },
  };
  const row = {
    accountId: 'a',
    correlationId: 'k1',
    settingsVersion: 2,
    overdraftLimit: 50,
    status: 'ACTIVE',
  } as const;
  beforeEach(() => {
    sound.history.changes.push({ ...change });
    sound.books.changes.push({ ...row });
    sound.move('a', { overdraftLimit: 50, settingsVersion: 2 });
    sound.row('t2').source = booked(70, 2, 2);
  });
  const changed = (different: Partial<ChangeHistory>) => Object.assign(sound.history.changes[0] ?? {}, different);

  it('may be answered and stored in MySQL', () => expect(found()).toEqual([]));
  it('lost: a change that was reported as made is not in MySQL', () => {
    sound.books.changes.pop();
    expect(found()).toEqual(['lost', 'not-in-history', 'settings']);
  });
  it('contradicted: a change is in MySQL with settings that were not requested', () => {
    Object.assign(sound.books.changes[0] ?? {}, { overdraftLimit: 51 });
    sound.move('a', { overdraftLimit: 51 });
    expect(found()).toEqual(['contradicted', 'not-in-history']);
  });
  it('contradicted: a change also changed a setting that was not requested', () => {
    Object.assign(sound.books.changes[0] ?? {}, { status: 'SUSPENDED' });
    sound.move('a', { status: 'SUSPENDED' });
    expect(found()).toContain('contradicted');
  });
  it('doubled: a change was made twice', () => {
    sound.books.changes.push({ ...row, settingsVersion: 3 });
    sound.move('a', { settingsVersion: 3 });
    expect(found()).toEqual(['doubled']);
  });
  it('may be answered with the settings after a concurrent change that was applied later', () => {
    const answer = { kind: 'changed', settingsVersion: 3, overdraftLimit: 60, status: 'ACTIVE' } as const;
    changed({ answer });
    sound.history.changes.push({ ...change, correlationId: 'k2', overdraftLimit: 60, answer });
    sound.books.changes.push({ ...row, correlationId: 'k2', settingsVersion: 3, overdraftLimit: 60 });
    sound.move('a', { overdraftLimit: 60, settingsVersion: 3 });
    sound.row('t2').source = booked(70, 2, 3);
    expect(found()).toEqual([]);
  });
  it('may be answered with the settings after a later change whose loss an operator accepted', () => {
    changed({ answer: { kind: 'changed', settingsVersion: 3, overdraftLimit: 60, status: 'ACTIVE' } });
    const accounts = new Map([['a', { version: 2, settingsVersion: 2 }]]);
    const without = (at: number) => withoutGivenUp(sound.history, { at, transactionIds: new Set(), accounts });
    expect(check(without(change.sentAt), sound.books).violations).toEqual([]);
    expect(check(without(change.sentAt - 1), sound.books).counts).toEqual({ 'not-in-history': 1 });
  });
  it('settings: the answer to a change shows an earlier version than the one that the change made', () => {
    changed({ answer: { kind: 'changed', settingsVersion: 1, overdraftLimit: 0, status: 'ACTIVE' } });
    expect(found()).toEqual(['settings']);
  });
  it('phantom: MySQL has a change that nobody requested, or that was refused', () => {
    changed({ answer: { kind: 'refused' } });
    expect(found()).toEqual(['phantom']);
    changed({ answer: { kind: 'unknown' } });
    expect(found()).toEqual([]);
    sound.history.changes.pop();
    expect(found()).toEqual(['phantom']);
  });
  it('rules: a change was made to a settings version other than the requested one', () => {
    changed({ expectedSettingsVersion: 1 });
    expect(found()).toEqual([]);
    changed({ expectedSettingsVersion: 0 });
    expect(found()).toEqual(['rules']);
  });
  it('settings: a version is missing', () => {
    Object.assign(sound.books.changes[0] ?? {}, { settingsVersion: 3 });
    expect(found()).toContain('settings');
  });
  it('settings: a posting returns to an earlier version', () => {
    sound.row('t1').destination = booked(100, 1, 2);
    sound.row('t2').source = booked(70, 2, 1);
    changed({ answer: { kind: 'unknown' } });
    expect(found()).toEqual(['settings']);
  });
  it('settings: a posting has settings that do not exist', () => {
    sound.row('t2').destination = booked(30, 1, 2);
    expect(inBooks()).toEqual(['settings']);
  });
  it('settings: a change does not apply to a transfer that was sent after the answer', () => {
    sound.row('t2').source = booked(70, 2, 1);
    expect(found()).toEqual(['settings']);
  });
  it('settings: a change applies to a transfer that was answered before the change was requested', () => {
    changed({ sentAt: 5.5, endedAt: 6 });
    expect(found()).toEqual(['settings']);
  });
  it('settings: the account differs from the latest change', () => {
    sound.move('a', { overdraftLimit: 0 });
    expect(inBooks()).toEqual(['settings']);
  });
  it('overdrawn: a posting exceeds the limit in its settings version', () => {
    const moved = { ...sound.row('t1').content, source: 'a', destination: 'b', amount: 130 };
    Object.assign(sound.row('t2'), { content: moved, source: booked(-30, 2, 2), destination: booked(130, 1) });
    expect(inBooks()).not.toContain('overdrawn');
    sound.row('t2').source = booked(-30, 2, 1);
    expect(inBooks()).toContain('overdrawn');
  });
  it('may leave a debt larger than the new limit, as long as only credits follow', () => {
    Object.assign(sound.books.changes[0] ?? {}, { overdraftLimit: 10 });
    changed({ overdraftLimit: 10, answer: { kind: 'unknown' } });
    sound.move('a', { overdraftLimit: 10 });
    for (const account of sound.history.accounts) if (account.accountId === 'a') account.overdraftLimit = 200;
    Object.assign(sound.row('t1'), { content: { source: 'a', destination: 'b', amount: 100, currency: 'EUR' } });
    Object.assign(sound.row('t1'), { source: booked(-100, 1), destination: booked(100, 1) });
    Object.assign(sound.row('t2'), { content: { source: 'b', destination: 'a', amount: 30, currency: 'EUR' } });
    Object.assign(sound.row('t2'), { source: booked(70, 2), destination: booked(-70, 2, 2) });
    expect(inBooks()).not.toContain('overdrawn');
    sound.row('t1').source = booked(-100, 1, 2);
    expect(inBooks()).toContain('overdrawn');
  });
  describe('of the status', () => {
    const status = (value: AccountStatus) => {
      changed({ status: value, answer: { kind: 'unknown' } });
      Object.assign(sound.books.changes[0] ?? {}, { status: value });
      sound.move('a', { status: value });
    };
    it.each(['SUSPENDED', 'FROZEN', 'CLOSED'] as const)('rules: an account that is %s is debited', (value) => {
      status(value);
      expect(inBooks()).toEqual(['rules']);
    });
    it('rules: a frozen account is credited; a suspended account may be credited', () => {
      sound.deleteRow('t2');
      sound.move('a', at(100, 1));
      sound.move('b', at(0, 0));
      sound.row('t1').destination = booked(100, 1, 2);
      status('SUSPENDED');
      expect(inBooks()).toEqual([]);
      status('FROZEN');
      expect(inBooks()).toEqual(['rules']);
    });
  });
});
