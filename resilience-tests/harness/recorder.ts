import type { Answer, Attempt, History, OpenedAccount, TransferContent, TransferHistory } from '../checker/history.ts';
import { fateOf } from '../checker/history.ts';
import { now } from './time.ts';

/** Writes down every invocation when it is made, and every completion when it comes. */
export class Recorder {
  readonly #transfers = new Map<string, TransferHistory>();
  readonly #reads: History['reads'] = [];
  readonly #successes: number[] = [];
  /** Ids whose outcome may be asked for again without harm. */
  readonly #known: TransferHistory[] = [];
  readonly #unresolved = new Set<TransferHistory>();
  requests = 0;
  readsFailed = 0;

  /** An attempt begins: until it is completed, what became of it is unknown. */
  invoke(transactionId: string, content: TransferContent): (answer: Answer) => void {
    let transfer = this.#transfers.get(transactionId);
    if (!transfer) {
      transfer = { transactionId, content, attempts: [] };
      this.#transfers.set(transactionId, transfer);
    }
    const { attempts } = transfer;
    const entry = transfer;
    const attempt: Attempt = {
      sentAt: now(),
      endedAt: Number.POSITIVE_INFINITY,
      answer: { kind: 'unknown', reason: 'not answered yet' },
    };
    attempts.push(attempt);
    this.#unresolved.add(entry);
    return (answer) => {
      attempt.endedAt = now();
      attempt.answer = answer;
      if (fateOf(entry) !== 'unknown') this.#unresolved.delete(entry);
      if (answer.kind !== 'posted') return;
      this.#successes.push(attempt.endedAt);
      if (!answer.replayed) this.#known.push(entry);
    };
  }

  read(read: History['reads'][number]): void {
    this.#reads.push(read);
  }

  /** Sent, and without an outcome so far; those under way, too. */
  unresolved(): TransferHistory[] {
    return [...this.#unresolved];
  }

  /** One of the transfers known to be posted, most likely a recent one. */
  somePosted(): TransferHistory | null {
    const recent = Math.floor(Math.random() ** 2 * this.#known.length);
    return this.#known[this.#known.length - 1 - recent] ?? null;
  }

  /** The longest time within [from, to] in which no transfer was posted, ms. */
  longestPauseMs(from: number, to: number): number {
    const moments = this.#successes.filter((at) => at > from && at < to).sort((a, b) => a - b);
    let last = from;
    let longest = 0;
    for (const at of [...moments, to]) {
      longest = Math.max(longest, at - last);
      last = at;
    }
    return longest;
  }

  history(accounts: readonly OpenedAccount[]): History {
    return { accounts: [...accounts], transfers: [...this.#transfers.values()], reads: this.#reads };
  }
}
