import { describe, expect, it } from 'vitest';
import { accountOf, orderOf } from '../../app/domain/testing/orders.ts';
import type { Account, Outcome, Posted, TransferOrder } from '../../app/domain/types.ts';
import { Tables } from '../mysql/tables.ts';
import { check } from './check.ts';
import { type Attempt, forgive, History } from './history.ts';
import type { ViolationKind } from './violations.ts';

/** Three accounts, two transfers, one read, one change: all told, all in MySQL. */
class Books {
  readonly tables = new Tables();
  readonly history = new History();
  readonly opened: Account[] = ['world', 'a', 'b'].map((id) => accountOf(id, { overdraftLimit: id === 'a' ? 0 : 50 }));
  readonly first: Posted;
  readonly second: Posted;

  constructor() {
    for (const account of this.opened) this.tables.accounts.set(account.accountId, { ...account });
    this.first = this.post(
      orderOf({ transactionId: 't1', source: 'world', destination: 'a', amount: 100 }),
      [-100, 1],
      [100, 1],
    );
    this.second = this.post(
      orderOf({ transactionId: 't2', source: 'a', destination: 'b', amount: 40 }),
      [60, 2],
      [40, 1],
    );
    this.tell(this.first, 10, 20);
    this.tell(this.second, 30, 40);
    this.read('a', 60, 2, 50);
    const change = { accountId: 'b', status: 'ACTIVE' as const, overdraftLimit: 10, settingsVersion: 2 };
    const who = { changeId: 'c1', correlationId: 'c1', acceptedAt: 1, takenAt: 1, user: 'u', seq: 3 };
    this.tables.writeChange({ ...change, ...who }, 1);
    this.history.changes.push({
      ...change,
      correlationId: 'c1',
      sentAt: 60,
      endedAt: 70,
      answer: { kind: 'told', value: change },
    });
  }

  post(order: TransferOrder, source: [number, number], destination: [number, number]): Posted {
    const outcome: Posted = {
      status: 'POSTED',
      order: { ...order, correlationId: order.transactionId },
      acceptedAt: 1,
      takenAt: 1,
      epoch: 1,
      seq: 1,
      replayed: false,
      persisted: false,
      source: { balance: source[0], version: source[1], settingsVersion: 1 },
      destination: { balance: destination[0], version: destination[1], settingsVersion: 1 },
    };
    this.tables.insertOutcomes([outcome]);
    this.move(order.source, ...source);
    this.move(order.destination, ...destination);
    return outcome;
  }
  move(accountId: string, balance: number, version: number): void {
    const account = this.tables.accounts.get(accountId);
    if (account) this.tables.accounts.set(accountId, { ...account, balance, version });
  }
  tell(outcome: Outcome, sentAt: number, endedAt: number): void {
    this.attempt(outcome.order, { kind: 'told', value: outcome }, sentAt, endedAt);
  }
  attempt(order: TransferOrder, answer: Attempt['answer'], sentAt: number, endedAt: number): void {
    this.history.of(order.transactionId).attempts.push({ order, sentAt, endedAt, pod: 'p', answer });
  }
  read(accountId: string, balance: number, version: number, at: number, stale = false): void {
    const settings = { overdraftLimit: accountId === 'a' ? 0 : 50, status: 'ACTIVE' as const, settingsVersion: 1 };
    this.history.reads.push({ accountId, balance, version, ...settings, stale, sentAt: at, endedAt: at + 1, pod: 'p' });
  }
  kinds(): ViolationKind[] {
    const { history, tables, opened } = this;
    const waiting = { accounts: new Set<string>(), ids: new Set<string>() };
    return [...new Set(check({ history, tables, opened, waiting }).map(({ kind }) => kind))];
  }
}

it('sound books are sound', () => expect(new Books().kinds()).toEqual([]));

const WRONG: [string, ViolationKind, (books: Books) => void][] = [
  ['a told outcome is gone', 'lost', ({ tables }) => void tables.transfers.delete('t2')],
  [
    'a 404 after the outcome was told',
    'lost',
    ({ history }) =>
      void history
        .of('t1')
        .sought.push({ sentAt: 25, endedAt: 26, answer: { kind: 'problem', code: 'transfer_not_found' } }),
  ],
  [
    'a version was accepted before the one that it follows',
    'time',
    ({ tables, second }) => {
      const stored = tables.transfers.get('t2');
      if (stored) tables.transfers.set('t2', { ...stored, acceptedAt: second.acceptedAt - 1 });
      second.acceptedAt -= 1;
    },
  ],
  ['two requests have both done it', 'doubled', (books) => books.tell(books.first, 80, 90)],
  [
    'another balance was told',
    'contradicted',
    (books) => books.tell({ ...books.first, replayed: true, source: { ...books.first.source, balance: 1 } }, 80, 90),
  ],
  [
    '409 where the content is the same',
    'contradicted',
    (books) => books.attempt(books.first.order, { kind: 'problem', code: 'transaction_id_reused' }, 80, 90),
  ],
  [
    'posted though every attempt was refused',
    'phantom',
    ({ history }) => {
      for (const attempt of history.of('t1').attempts) attempt.answer = { kind: 'problem', code: 'ledger_switching' };
    },
  ],
  ['posted though nobody asked', 'phantom', ({ history }) => void history.transfers.delete('t1')],
  ['a version is missing', 'gap', ({ tables }) => void tables.transfers.delete('t1')],
  [
    'a wrong sum',
    'arithmetic',
    ({ tables, second }) => void tables.transfers.set('t2', { ...second, source: { ...second.source, balance: 61 } }),
  ],
  ['an account elsewhere than its postings', 'arithmetic', (books) => books.move('b', 41, 1)],
  [
    'below the limit in force',
    'against-the-rules',
    (books) =>
      void books.post(orderOf({ transactionId: 't3', source: 'a', destination: 'b', amount: 61 }), [-1, 3], [101, 2]),
  ],
  ['a balance that never was', 'not-in-history', (books) => books.read('a', 59, 2, 50)],
  ['a balance that never was, marked stale', 'not-in-history', (books) => books.read('a', 59, 2, 50, true)],
  ['a read behind what was told before it', 'stale', (books) => books.read('a', 100, 1, 80)],
  ['money from nowhere', 'sum', (books) => books.move('world', -99, 1)],
  ['a change that is gone', 'lost', ({ tables }) => void tables.changes.clear()],
  [
    'a change that was refused and stands',
    'phantom',
    ({ history }) => {
      for (const change of history.changes) change.answer = { kind: 'problem', code: 'ledger_closed' };
    },
  ],
];

describe('finds what is wrong', () => {
  it.each(WRONG)('%s', (_what, kind, spoil) => {
    const books = new Books();
    spoil(books);
    expect(books.kinds()).toContain(kind);
  });
});

it('lets pass what is allowed: a stale read that says so, an unknown attempt that was done, the same outcome again', () => {
  const books = new Books();
  books.read('a', 100, 1, 80, true);
  books.attempt(books.first.order, { kind: 'lost' }, 80, 90);
  books.tell({ ...books.first, replayed: true }, 80, 90);
  expect(books.kinds()).toEqual([]);
});

it('what an operator gave up is as if it had not been told', () => {
  const books = new Books();
  books.tables.transfers.delete('t2');
  books.move('a', 100, 1);
  books.move('b', 0, 0);
  expect(books.kinds()).toContain('lost');
  expect(forgive(books.history, books.tables)).toBe(2);
  expect(books.kinds()).toEqual([]);
});
