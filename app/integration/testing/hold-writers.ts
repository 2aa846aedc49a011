import type { HoldState } from '../../domain/hold-types.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { CaptureOrder, HoldRequest, Placing } from '../../ledger/ports/holds.ts';
import { Clients } from './clients.ts';
import type { PodBench } from './pod-bench.ts';

const RETRY_MS = 20;
const WHO = { user: 'shop', correlationId: 'c-1' };
/** Exceeds the sum of all balances, so a hold with this amount is refused. */
const TOO_MUCH = 1_000_000_000;

const newId = () => newUuidV7(systemClock.now());

export const holdOf = (amount: number, holdId = newId()) => ({
  holdId,
  account: 'ada',
  destination: 'bob',
  amount,
  currency: 'EUR',
  expiresAt: null,
  reference: null,
  metadata: null,
  ...WHO,
});

export function captureOf(holdId: string, amount: number | null, final: boolean): CaptureOrder {
  return {
    kind: 'capture',
    transactionId: newId(),
    source: 'ada',
    destination: 'bob',
    amount: amount ?? 0,
    currency: 'EUR',
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: null,
    ...WHO,
    capture: { holdId, amount, destination: null, final },
  };
}

export const requestFor = (holdId: string): HoldRequest => ({
  holdId,
  account: 'ada',
  currency: 'EUR',
  eventId: newId(),
  ...WHO,
});

/** The expected final state of a hold, whatever faults occurred. */
export interface Acknowledged {
  holdId: string;
  /** The hold in the last answer; null if it was refused. */
  hold: HoldState | null;
  captures: { order: CaptureOrder; outcome: Outcome }[];
}

/**
 * Clients that place, change, capture and void holds of ada until they are stopped. They repeat each request until it has
 * an answer.
 */
export class HoldWriters {
  readonly acknowledged: Acknowledged[] = [];
  readonly #pod: PodBench;
  readonly #clients: Clients;
  /** The problems that requests have received so far. */
  readonly #problems = new Set<string>();
  #numbers = 0;

  constructor(pod: PodBench, count: number) {
    this.#pod = pod;
    this.#clients = new Clients(count, async () => void this.acknowledged.push(await this.#oneHold(this.#numbers++)));
  }

  async #oneHold(number: number): Promise<Acknowledged> {
    const { holds } = this.#pod.ledger;
    const order = holdOf(number % 5 === 4 ? TOO_MUCH : 10);
    const placed: Placing = await this.#persistently(() => holds.place(order, 'cache'));
    const acknowledged: Acknowledged = { holdId: order.holdId, hold: placed.hold, captures: [] };
    if (placed.hold === null) return acknowledged;
    const { holdId } = order;
    const expectedRevision = placed.hold.revision;
    const wanted = { amount: 12, expiresAt: null, expectedRevision };
    // Repeats the same request until it has an answer: a new request would have to wait for a flush if the first one
    // had taken effect.
    const change = requestFor(holdId);
    acknowledged.hold = (await this.#persistently(() => holds.change(wanted, change, 'cache'))).hold;
    await this.#capture(acknowledged, 4, false);
    if (number % 3 === 0) {
      const ending = requestFor(holdId);
      acknowledged.hold = (await this.#persistently(() => holds.void(ending, 'cache'))).hold;
    } else if (number % 3 === 1) await this.#capture(acknowledged, null, true);
    return acknowledged;
  }

  async #capture(acknowledged: Acknowledged, amount: number | null, final: boolean): Promise<void> {
    const order = captureOf(acknowledged.holdId, amount, final);
    const outcome = await this.#persistently(async () => {
      const answer = await this.#pod.ledger.holds.capture(order, 'cache');
      if (answer instanceof Problem) throw answer;
      return answer;
    });
    acknowledged.captures.push({ order, outcome });
    if (outcome.status === 'POSTED' && outcome.hold) acknowledged.hold = outcome.hold.hold;
  }

  /** Waits until each writer has finished some more holds. */
  more(count = 3): Promise<void> {
    return this.#clients.more(count, () => ({
      problems: [...this.#problems],
      log: this.#pod.log.lines.slice(-20),
    }));
  }

  stop(): Promise<void> {
    return this.#clients.stop();
  }

  /** Repeats a request until it has an answer. */
  async #persistently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Problem) || !error.retryable) throw error;
        this.#problems.add(`${error.code}: ${error.message}`);
        await systemClock.sleep(RETRY_MS);
      }
    }
  }
}
