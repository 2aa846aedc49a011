import {
  type Answer,
  type Attempt,
  type ChangeHistory,
  fateOf,
  fateOfHold,
  type HoldAnswer,
  type HoldHistory,
  type HoldRequest,
  type OpenedAccount,
  type ReadHistory,
  Recording,
  type TransferContent,
  type TransferHistory,
} from '../checker/history.ts';
import { now } from '../harness/time.ts';

/** The share of the refused ids that are sent again; the others must not be in MySQL. */
const COMES_AGAIN = 0.5;
const COME_AGAIN = new Set([0, 429, 503]);

/** The service holds a request for 10 s at most. */
export const HELD_MS_MAX = 12_000;

/** A request without its times and its answer. */
type HoldAsked = HoldRequest extends infer R
  ? R extends HoldRequest
    ? Omit<R, 'sentAt' | 'endedAt' | 'answer'>
    : never
  : never;

export type WantedChange = Pick<ChangeHistory, 'overdraftLimit' | 'status'>;

/** Records every request when it is sent, and every answer when it arrives. */
export class Recorder extends Recording {
  readonly #successes: number[] = [];
  /** Ids whose outcome may safely be requested again. */
  readonly #known: TransferHistory[] = [];
  readonly #unresolved = new Set<TransferHistory>();
  #refused: TransferHistory[] = [];
  /** Holds that may have been placed or refused. */
  readonly #unresolvedHolds = new Set<HoldHistory>();
  #correlations = 0;
  requests = 0;
  /** The number of reads by the source of the answer. */
  readonly readsBySource = new Map<string, number>();
  /** The error answers to requests other than transfers. */
  readonly otherErrors = new Map<string, number>();

  constructor(accounts: readonly OpenedAccount[], heldMsMax = HELD_MS_MAX) {
    super(heldMsMax);
    // Added one by one, because a call with a million arguments overflows the stack.
    for (const account of accounts) this.accounts.push(account);
  }

  /** The correlation id of one request, which is also in its rows in MySQL. */
  newCorrelationId(): string {
    this.#correlations += 1;
    return `request-${this.#correlations}`;
  }

  /** Begins an attempt; its result is unknown until it is completed. */
  attempt(transactionId: string, content: TransferContent, correlationId: string): (answer: Answer) => void {
    const transfer = this.of(transactionId);
    const answer: Answer = { kind: 'unknown', reason: 'not answered yet' };
    const attempt: Attempt = { content, correlationId, sentAt: now(), endedAt: Number.POSITIVE_INFINITY, answer };
    transfer.attempts.push(attempt);
    this.#unresolved.add(transfer);
    return (answer) => {
      attempt.endedAt = now();
      attempt.answer = answer;
      this.#noteFate(transfer);
      if (answer.kind === 'refused' && COME_AGAIN.has(answer.status) && Math.random() < COMES_AGAIN) {
        this.#refused.push(transfer);
      }
      // MySQL answers replays even while nothing can be changed.
      if (answer.kind !== 'posted' || answer.replayed) return;
      this.#successes.push(attempt.endedAt);
      this.#known.push(transfer);
    };
  }

  /** Begins a request about a hold other than a capture; its result is unknown until it is completed. */
  holdRequest(holdId: string, what: HoldAsked): (answer: HoldAnswer) => void {
    const hold = this.ofHold(holdId);
    const answer: HoldAnswer = { kind: 'unknown', reason: 'not answered yet' };
    const request: HoldRequest = { ...what, sentAt: now(), endedAt: Number.POSITIVE_INFINITY, answer };
    hold.requests.push(request);
    if (what.op === 'place') this.#unresolvedHolds.add(hold);
    return (answer) => {
      request.endedAt = now();
      request.answer = answer;
      if (fateOfHold(hold) !== 'unknown') this.#unresolvedHolds.delete(hold);
    };
  }

  /** Holds that were requested and have no outcome so far, except those with a request that is still in progress. */
  unresolvedHolds(): HoldHistory[] {
    const isOver = ({ endedAt }: HoldRequest) => Number.isFinite(endedAt);
    return [...this.#unresolvedHolds].filter(({ requests }) => requests.every(isOver));
  }

  /** Begins a lookup. @returns a function that records its answer */
  lookUp(transactionId: string): (answer: Answer) => void {
    const transfer = this.of(transactionId);
    const sentAt = now();
    return (answer) => {
      transfer.lookUps.push({ sentAt, endedAt: now(), answer });
      this.#noteFate(transfer);
    };
  }

  #noteFate(transfer: TransferHistory): void {
    if (fateOf(transfer, this.heldMsMax) !== 'unknown') this.#unresolved.delete(transfer);
  }

  /** Whether an attempt under the id may still be executed. */
  isUnderWay({ attempts }: TransferHistory): boolean {
    return attempts.some(({ answer, sentAt }) => answer.kind === 'unknown' && now() - sentAt < this.heldMsMax);
  }

  read(read: ReadHistory, source: string): void {
    this.reads.push(read);
    this.#countRead(read.stale ? `${source}, stale` : source);
  }
  /** Records the error of a read, or of a request to change an overdraft limit. */
  failed(why: string): void {
    this.otherErrors.set(why, (this.otherErrors.get(why) ?? 0) + 1);
  }
  #countRead(what: string): void {
    this.readsBySource.set(what, (this.readsBySource.get(what) ?? 0) + 1);
  }

  /** Begins a request to change settings. */
  change(accountId: string, wanted: WantedChange, correlationId: string): (answer: ChangeHistory['answer']) => void {
    const change: ChangeHistory = {
      accountId,
      ...wanted,
      correlationId,
      sentAt: now(),
      endedAt: Number.POSITIVE_INFINITY,
      answer: { kind: 'unknown' },
    };
    this.changes.push(change);
    return (answer) => {
      change.endedAt = now();
      change.answer = answer;
    };
  }

  /** Transfers that were sent and have no outcome so far, including those in progress. */
  unresolved(): TransferHistory[] {
    return [...this.#unresolved];
  }

  /** Refused transfers that are to be sent again; each is returned once. */
  takeRefused(): TransferHistory[] {
    const refused = this.#refused;
    this.#refused = [];
    return refused.filter((transfer) => fateOf(transfer, this.heldMsMax) === 'failed');
  }

  /** The time at which the first transfer after a moment was posted; null if there was none. */
  firstPostedAfter(at: number): number | null {
    // The times are in ascending order, because they are recorded as the answers arrive.
    return this.#successes[firstAfter(this.#successes, at)] ?? null;
  }

  /** One of the transfers known to be posted, most likely a recent one. */
  somePosted(): TransferHistory | null {
    const recent = Math.floor(Math.random() ** 2 * this.#known.length);
    return this.#known[this.#known.length - 1 - recent] ?? null;
  }

  /** The longest time within [from, to] in which no transfer was posted, ms. */
  longestPauseMs(from: number, to: number): number {
    const moments = this.#successes.filter((at) => at > from && at < to);
    let last = from;
    let longest = 0;
    for (const at of [...moments, to]) {
      longest = Math.max(longest, at - last);
      last = at;
    }
    return longest;
  }
}

/** The index of the first number above `limit` in an ascending list. */
function firstAfter(list: readonly number[], limit: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
