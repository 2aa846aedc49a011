import type { BookedPosition, BookedTransfer, Books } from '../books.ts';
import {
  type Answer,
  type Attempt,
  type Position,
  Recording,
  type TransferContent,
  type TransferHistory,
} from '../history.ts';

export const at = (balance: number, version: number): Position => ({ balance, version });
export const booked = (balance: number, version: number, settingsVersion = 1): BookedPosition => ({
  ...at(balance, version),
  settingsVersion,
});
export const posted = (source: Position, destination: Position): Answer & { kind: 'posted' } => ({
  kind: 'posted',
  source,
  destination,
});
export const unknown: Answer = { kind: 'unknown', reason: 'socket hang up' };
export const refused = (status: number): Answer => ({ kind: 'refused', status, code: 'some_code' });

const EUR = 'EUR';
const T1 = { source: 'world', destination: 'a', amount: 100, currency: EUR };
const T2 = { source: 'a', destination: 'b', amount: 30, currency: EUR };
const T3 = { source: 'b', destination: 'a', amount: 40, currency: EUR };
const OPENED = { overdraftLimit: 0, status: 'ACTIVE' } as const;

const row = (
  transactionId: string,
  correlationId: string,
  content: TransferContent,
  more: Partial<BookedTransfer>,
): BookedTransfer => ({
  ...{ transactionId, correlationId, content, acceptedAt: null, refusal: null, source: null, destination: null },
  ...more,
});
const end = (accountId: string, balance: number, version: number) => ({ accountId, ...at(balance, version) });

/** A client's requests and the books: world → a 100 (t1), a → b 30 (t2), b → a 40 rejected (t3), a read of a; all correct. */
export class Sound {
  readonly history = new Recording(10);
  readonly books: Books & {
    transfers: BookedTransfer[];
    accounts: Books['accounts'][number][];
    changes: Books['changes'][number][];
    businessDays?: readonly number[];
  } = {
    transfers: [
      row('t1', 'c1', T1, { acceptedAt: 1, source: booked(-100, 1), destination: booked(100, 1) }),
      row('t2', 'c3', T2, { acceptedAt: 2, source: booked(70, 2), destination: booked(30, 1) }),
      row('t3', 'c4', T3, { acceptedAt: 3, refusal: 'insufficient_funds' }),
    ],
    accounts: [
      { accountId: 'world', currency: EUR, ...OPENED, ...booked(-100, 1) },
      { accountId: 'a', currency: EUR, ...OPENED, ...booked(70, 2) },
      { accountId: 'b', currency: EUR, ...OPENED, ...booked(30, 1) },
    ],
    changes: [],
    sums: { EUR: 0n },
    views: [{ of: 'the API', accounts: [end('world', -100, 1), end('a', 70, 2), end('b', 30, 1)] }],
  };

  constructor() {
    const { history } = this;
    for (const accountId of ['world', 'a', 'b']) {
      history.accounts.push({ accountId, currency: EUR, overdraftLimit: 0, external: accountId === 'world' });
    }
    this.attempt('t1', {
      content: T1,
      correlationId: 'c1',
      sentAt: 0,
      endedAt: 1,
      answer: posted(at(-100, 1), at(100, 1)),
    });
    this.attempt('t2', { content: T2, correlationId: 'c2', sentAt: 2, endedAt: 3, answer: unknown });
    this.attempt('t2', {
      content: T2,
      correlationId: 'c3',
      sentAt: 4,
      endedAt: 5,
      answer: posted(at(70, 2), at(30, 1)),
    });
    const answer = { kind: 'rejected', code: 'insufficient_funds' } as const;
    this.attempt('t3', { content: T3, correlationId: 'c4', sentAt: 6, endedAt: 7, answer });
    this.read('a', at(70, 2), 8);
  }

  /** Adds an attempt with the content of the last one, unless other content is given. */
  attempt(transactionId: string, attempt: Partial<Attempt>): void {
    const { attempts } = this.history.of(transactionId);
    const { content = T1, correlationId = 'c' } = attempts.at(-1) ?? {};
    attempts.push({ content, correlationId, sentAt: 10, endedAt: 11, answer: unknown, ...attempt });
  }
  lookUp(transactionId: string, sentAt: number, answer: Answer = { kind: 'absent' }): void {
    this.history.of(transactionId).lookUps.push({ sentAt, endedAt: sentAt + 1, answer });
  }
  read(accountId: string, position: Position, sentAt: number, stale = false): void {
    this.history.reads.push({ accountId, ...position, sentAt, endedAt: sentAt + 1, stale, by: 'a read' });
  }

  transfer(transactionId: string): TransferHistory {
    const found = this.history.transfers.get(transactionId);
    if (!found) throw new RangeError(transactionId);
    return found;
  }
  row(transactionId: string): BookedTransfer {
    const found = this.books.transfers.find((one) => one.transactionId === transactionId);
    if (!found) throw new RangeError(transactionId);
    return found;
  }
  deleteRow(transactionId: string): void {
    this.books.transfers.splice(this.books.transfers.indexOf(this.row(transactionId)), 1);
  }
  /** Changes an account in MySQL, and in the other views of its balance. */
  move(accountId: string, to: Partial<Books['accounts'][number]>): void {
    const { books } = this;
    for (const { accounts } of [books, ...books.views]) {
      Object.assign(accounts.find((account) => account.accountId === accountId) ?? {}, to);
    }
  }
}
