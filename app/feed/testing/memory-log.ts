import { createHash } from 'node:crypto';
import { encodeEntry } from '../../journal/sealed/entry-codec.ts';
import type { SealedEntry, SealedRow, SealedTransfer } from '../../journal/sealed/sealed-entry.ts';
import type { PersonalData, SealedLines, SealedLog } from '../../ledger/ports/sealed-log.ts';

const AT = Date.UTC(2026, 0, 31, 12);

/** A sealed log in memory. */
export class MemoryLog implements SealedLog {
  readonly rows: SealedRow[] = [];
  /** The rows before this position have been dropped. */
  oldest = 1;
  currency = 'EUR';
  /** Rows of another history have other hashes. */
  history = 'first';
  reads = 0;
  failure: Error | null = null;
  /** Each read awaits this before it returns what the log contains at that time. */
  held: Promise<void> = Promise.resolve();

  get newest(): number {
    return this.rows.length;
  }

  seal(...entries: SealedEntry[]): void {
    const position = this.rows.length + 1;
    const hash = `${position}-${this.history}`;
    this.rows.push({ position, sealedAt: AT, hash: createHash('sha256').update(hash).digest('hex'), entries });
  }

  async bounds() {
    if (this.failure) throw this.failure;
    return { oldest: this.oldest, newest: this.newest };
  }

  async read(after: number, max: { rows: number; bytes: number }): Promise<SealedRow[]> {
    this.reads += 1;
    await this.held;
    if (this.failure) throw this.failure;
    return this.rows.filter(({ position }) => position > after && position >= this.oldest).slice(0, max.rows);
  }

  /** How many entries were joined with the books. */
  joined = 0;

  async readLines(after: number, max: { rows: number; bytes: number }): Promise<SealedLines[]> {
    const rows = await this.read(after, max);
    return rows.map(({ position, hash, entries }) => ({ position, hash, lines: entries.map(lineOf) }));
  }

  async personal(entries: readonly SealedEntry[]): Promise<(PersonalData | null)[]> {
    if (this.failure) throw this.failure;
    this.joined += entries.length;
    return entries.map((entry) => {
      if (entry.kind === 'account-changed') return { currency: this.currency };
      return entry.kind === 'transfer' ? { user: 'ada', reference: `about ${entry.order.transactionId}` } : null;
    });
  }
}

export const lineOf = (entry: SealedEntry): string =>
  entry.kind === 'unknown' ? JSON.stringify([entry.type]) : encodeEntry(entry);

let count = 0;

/** A posted transfer of 1.00 EUR. The versions of its accounts are its number. */
export function sealedTransfer(
  fields: Partial<SealedTransfer['order']> = {},
): Extract<SealedTransfer, { status: 'POSTED' }> {
  count += 1;
  const side = { balance: 100 * count, version: count, settingsVersion: 1 };
  return {
    kind: 'transfer',
    digest: '',
    status: 'POSTED',
    order: {
      kind: 'transfer',
      transactionId: `t${count}`,
      source: 'ada',
      destination: 'bob',
      amount: 100,
      currency: 'EUR',
      timestamp: null,
      reverses: null,
      ...fields,
    },
    source: { ...side, balance: -side.balance },
    destination: side,
    acceptedAt: AT + count,
    epoch: 1,
    seq: count,
  };
}
