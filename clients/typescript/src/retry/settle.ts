import type { Clock } from '../clock.ts';
import { waitMs } from './back-off.ts';
import { type Progress, type Settled, stepAfter, UNTRIED } from './progress.ts';
import type { Verdict } from './verdict.ts';

/** How to send items together in one attempt, and how to look one up. */
export interface Exchange<Item, V> {
  /** One attempt: one verdict per item, in order. Never rejects. */
  send(items: readonly Item[], limits: AttemptLimits): Promise<readonly Verdict<V>[]>;
  /** The outcome of an earlier attempt, or null if none is visible. Never rejects. */
  lookUp?(item: Item, limits: AttemptLimits): Promise<LookedUp<V> | null>;
  /** Whether an attempt made by an earlier call may have been carried out. */
  isInDoubt?(item: Item): boolean;
}

export type LookedUp<V> = Extract<Verdict<V>, { verdict: 'accepted' | 'refused' | 'failed' }>;

export interface AttemptLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RetryOptions {
  /** Time from the first attempt after which the client gives up, ms. */
  readonly deadlineMs: number;
  /** Time for one attempt, ms. */
  readonly attemptTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** No deadline allows this many attempts. The limit ends a loop that, for whatever reason, runs without waiting. */
const ATTEMPTS_MAX = 10_000;
/** The time at the end of the deadline that is reserved for look-ups, ms. */
const LOOK_UP_MS = 2_000;
/** The shortest time worth starting an attempt for, ms. A shorter attempt would only end in doubt. */
const ATTEMPT_MS_MIN = 500;
/** The largest share of the deadline that either of these two times may take. */
const SHARE_MAX = 0.2;
/** After a batch, more items than this are not looked up one by one: sending the batch again is cheaper. */
const LOOK_UPS_MAX = 100;
const LOOK_UPS_TOGETHER = 8;

interface Open<Item> {
  readonly item: Item;
  readonly index: number;
  readonly progress: Progress;
  readonly error: Error;
  readonly retryAfterMs: number | null;
}

/**
 * Sends items until each has an outcome, or the deadline has passed. Items that may be sent again are sent together,
 * always with the same content and under the same id. This also reveals the outcome of a lost attempt. At the end, what
 * is still in doubt is looked up once. Never rejects.
 */
export async function settle<Item, V>(
  items: readonly Item[],
  exchange: Exchange<Item, V>,
  options: RetryOptions,
  clock: Clock,
): Promise<Settled<V>[]> {
  const { deadlineMs, attemptTimeoutMs, signal } = options;
  const startedAt = clock.monotonic();
  const reserveMs = exchange.lookUp ? Math.min(LOOK_UP_MS, deadlineMs * SHARE_MAX) : 0;
  const attemptMsMin = Math.min(ATTEMPT_MS_MIN, deadlineMs * SHARE_MAX);
  const leftMs = () => deadlineMs - reserveMs - (clock.monotonic() - startedAt);
  const settled: Settled<V>[] = [];
  const stuck: Open<Item>[] = [];
  let open: Open<Item>[] = items.map((item, index) => ({
    item,
    index,
    progress: exchange.isInDoubt?.(item) ? { ...UNTRIED, inDoubt: true } : UNTRIED,
    error: signal?.aborted ? reasonOf(signal) : new Error('not sent'),
    retryAfterMs: null,
  }));

  for (let attempts = 1; attempts <= ATTEMPTS_MAX && open.length > 0 && !signal?.aborted; attempts++) {
    const timeoutMs = Math.min(attemptTimeoutMs, leftMs());
    const verdicts = await exchange.send(
      open.map(({ item }) => item),
      { timeoutMs, signal },
    );
    const next: Open<Item>[] = [];
    for (const [i, { item, index, progress }] of open.entries()) {
      const step = stepAfter(progress, verdicts[i] ?? missing(open.length, verdicts.length));
      if (step.step === 'finish') settled[index] = step.settled;
      else if (step.step === 'again') next.push({ ...step, item, index });
      else stuck.push({ ...step, item, index, retryAfterMs: null });
    }
    open = next;
    if (open.length === 0) break;
    const retryAfterMs = longest(open.map((one) => one.retryAfterMs));
    const pauseMs = waitMs(attempts, retryAfterMs, clock);
    // There would be no time for another attempt after the wait.
    if (pauseMs + attemptMsMin > leftMs()) break;
    await clock.sleep(pauseMs, signal);
  }

  const left = [...stuck, ...open];
  const found = await lookUpAll(left, exchange, { untilMs: clock.monotonic() + reserveMs, clock, signal });
  for (const [i, one] of left.entries()) settled[one.index] = found[i] ?? unsettled(one, signal);
  return settled;
}

/** Like `settle`, for one item. */
export async function settleOne<V>(
  exchange: Exchange<undefined, V>,
  options: RetryOptions,
  clock: Clock,
): Promise<Settled<V>> {
  const [settled] = await settle([undefined], exchange, options, clock);
  return settled ?? missing(1, 0);
}

async function lookUpAll<Item, V>(
  left: readonly Open<Item>[],
  exchange: Exchange<Item, V>,
  { untilMs, clock, signal }: { untilMs: number; clock: Clock; signal: AbortSignal | undefined },
): Promise<(Settled<V> | null)[]> {
  const found: (Settled<V> | null)[] = left.map(() => null);
  const doubtful = [...left.entries()].filter(([, { progress }]) => progress.inDoubt);
  if (!exchange.lookUp || signal?.aborted || doubtful.length > LOOK_UPS_MAX) return found;
  const queue = doubtful.values();
  const work = async () => {
    for (const [i, { item, progress }] of queue) {
      const timeoutMs = untilMs - clock.monotonic();
      if (timeoutMs <= 0) return;
      const verdict = await exchange.lookUp?.(item, { timeoutMs, signal });
      const step = verdict ? stepAfter(progress, verdict) : null;
      found[i] = step?.step === 'finish' ? step.settled : null;
    }
  };
  await Promise.all(Array.from({ length: LOOK_UPS_TOGETHER }, work));
  return found;
}

function unsettled<V>({ progress, error, retryAfterMs }: Open<unknown>, signal: AbortSignal | undefined): Settled<V> {
  const { attempts, inDoubt } = progress;
  const reason = signal?.aborted ? reasonOf(signal) : error;
  return inDoubt
    ? { kind: 'unknown', error: reason, retryAfterMs, attempts }
    : { kind: 'failed', error: reason, attempts };
}

const longest = (all: readonly (number | null)[]): number | null =>
  all.reduce((max, one) => (one === null ? max : Math.max(max ?? 0, one)), null);

const reasonOf = ({ reason }: AbortSignal): Error => (reason instanceof Error ? reason : new Error(String(reason)));

function missing(items: number, verdicts: number): never {
  throw new Error(`${items} items, but ${verdicts} verdicts`);
}
