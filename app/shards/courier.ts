import { legIdOf } from '../domain/crossing.ts';
import { LEGS, type LegName } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';
import type { Outcome } from '../domain/types.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CrossingClosing, CrossingStore, OpenCrossing } from '../ledger/ports/crossings.ts';
import type { LedgerDatabase } from '../ledger/ports/ledger-database.ts';
import { closingOf } from './crossing-closing.ts';
import { nextStep } from './crossing-decision.ts';
import { type Between, type CrossingEvents, isUnexpected } from './crossing-events.ts';
import { type Legs, legStateOf } from './legs.ts';
import { openCrossings } from './open-crossings.ts';
import type { ShardMap } from './shard.ts';

export interface CourierTiming {
  /** Interval at which the courier searches for open crossings, ms. */
  everyMs: number;
  /** Crossings younger than this are left to their requests, ms. */
  minAgeMs: number;
  /** Maximum number of crossings that are read and closed together. */
  pageMax: number;
  /** Maximum number of legs toward one shard, or returns from it, that may be in flight at a time. */
  inFlightMax: number;
  /** The number of open crossings toward a shard at which no further one may begin. */
  openMax: number;
}

/** A turn lasts this many intervals. A courier whose clock is wrong leaves its turns to others for twice as long. */
const TURN_INTERVALS = 10;

/** Interval at which a crossing that cannot end is reported, ms, and the number of such crossings to remember. */
const REPORT_EVERY_MS = 60_000;
const REPORTED_MAX = 10_000;

interface CourierDependencies {
  shards: ShardMap<{ crossings: CrossingStore; database: Pick<LedgerDatabase, 'findOutcomes'> }>;
  legs: Pick<Legs, 'after'>;
  clock: Clock;
  events: CrossingEvents;
  /** The name of this process. */
  holder: string;
  timing: CourierTiming;
}

/**
 * Completes interrupted transfers between shards, and closes complete ones. It uses only what the databases of the two
 * shards contain, so its work can be repeated at any time, concurrently with other couriers and requests. Each
 * destination has a separate queue, so that a shard that does not answer does not delay the others.
 */
export class Courier {
  readonly #deps: CourierDependencies;
  /** The number of open crossings, as last counted, by `<from> <to>`. */
  readonly #open = new Map<string, number>();
  /** The time until which this courier leaves a queue to others, on the monotonic clock, ms, by `<from> <to>`. */
  readonly #passesUntil = new Map<string, number>();
  /** When crossings that cannot end were last reported, on the monotonic clock, ms. */
  readonly #reportedAt = new Map<string, number>();

  constructor(deps: CourierDependencies) {
    this.#deps = deps;
  }

  isFull(to: number): boolean {
    const { shards, timing } = this.#deps;
    const open = shards.all.reduce((sum, { number }) => sum + this.#openBetween(number, to), 0);
    return open >= timing.openMax;
  }

  /** Works until the signal aborts and all work in progress has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { shards } = this.#deps;
    await Promise.all(
      shards.all.flatMap(({ number }) => [
        this.#repeat(() => this.survey(number), signal),
        this.#repeat(() => this.deliver(number, signal), signal),
      ]),
    );
  }

  async #repeat(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, timing } = this.#deps;
    while (!signal.aborted) {
      await work();
      // With jitter, so that the couriers of all pods do not query at the same time.
      await clock.sleep(timing.everyMs * (0.5 + clock.random()), signal);
    }
  }

  /** Counts the open crossings from a shard. */
  async survey(from: number): Promise<void> {
    const { shards, events } = this.#deps;
    try {
      const counted = new Map((await shards.at(from).crossings.summary()).map((line) => [line.toShard, line]));
      for (const { number: to } of shards.all) {
        if (to === from) continue;
        const { open, oldestAgeMs } = counted.get(to) ?? { open: 0, oldestAgeMs: 0 };
        this.#open.set(`${from} ${to}`, open);
        events.open(from, to, { open, oldestAgeMs });
      }
    } catch (error) {
      events.courierFailed(from, from, error);
    }
  }

  /** Takes the next step of every open crossing toward a shard. */
  async deliver(to: number, signal: AbortSignal): Promise<void> {
    const { shards, events, timing, holder } = this.#deps;
    for (const { number: from, crossings } of shards.all) {
      if (this.#openBetween(from, to) === 0 || this.#passes(from, to) || signal.aborted) continue;
      try {
        const query = { toShard: to, minAgeMs: timing.minAgeMs, pageMax: timing.pageMax };
        for await (const page of openCrossings(crossings, query)) {
          if (this.#passes(from, to)) break;
          const isMine = await crossings.takeTurn({ toShard: to, holder, forMs: TURN_INTERVALS * timing.everyMs });
          if (!isMine || signal.aborted) break;
          await this.#deliverPage(from, to, page);
        }
      } catch (error) {
        events.courierFailed(from, to, error);
      }
    }
  }

  async #deliverPage(from: number, to: number, page: readonly OpenCrossing[]): Promise<void> {
    const { shards, events, timing } = this.#deps;
    const ids = page.map(({ transactionId }) => transactionId);
    const idsOf = (legs: readonly LegName[]) => ids.flatMap((id) => legs.map((leg) => legIdOf(id, leg, from)));
    const [atSource, atDestination] = await Promise.all([
      shards.at(from).database.findOutcomes(idsOf(['out', 'back', 'returns'])),
      shards.at(to).database.findOutcomes(idsOf(['in'])),
    ]);
    const closings: CrossingClosing[] = [];
    const sends: (() => Promise<void>)[] = [];
    for (const transactionId of ids) {
      const legs = Object.fromEntries(
        LEGS.map((leg) => {
          const { outcomes } = leg === 'in' ? atDestination : atSource;
          return [leg, outcomes.get(legIdOf(transactionId, leg, from)) ?? null] as const;
        }),
      ) as Record<LegName, Outcome | null>;
      const between = { transactionId, from, to };
      const step = nextStep({
        out: legStateOf(legs.out),
        in: legStateOf(legs.in),
        back: legStateOf(legs.back),
        returns: legStateOf(legs.returns),
      });
      if (step.do === 'end') {
        const closing = step.isFinal ? closingOf(transactionId, step.end, legs.in) : null;
        if (closing) closings.push(closing);
        if (closing) events.ended(between, step.end, 'courier');
        else this.#reportBroken(between, 'in');
      } else if (step.do === 'send' && step.leg !== 'out' && legs.out?.status === 'POSTED') {
        const { leg, until } = step;
        const { out } = legs;
        sends.push(() => this.#send(between, leg, out, until === 'persisted'));
      } else this.#reportBroken(between, 'out');
    }
    if (closings.length > 0) await shards.at(from).crossings.close(closings);
    await eachOf(sends, timing.inFlightMax);
  }

  /** Every round finds the same crossing again, but the alert needs only an occasional report. */
  #reportBroken(between: Between, leg: LegName): void {
    const { clock, events } = this.#deps;
    const now = clock.monotonic();
    const key = `${between.from} ${between.transactionId}`;
    if (now - (this.#reportedAt.get(key) ?? Number.NEGATIVE_INFINITY) < REPORT_EVERY_MS) return;
    this.#reportedAt.delete(key);
    this.#reportedAt.set(key, now);
    const [oldest] = this.#reportedAt.keys();
    if (this.#reportedAt.size > REPORTED_MAX && oldest !== undefined) this.#reportedAt.delete(oldest);
    events.legFailed(between, leg, 'internal_error', true);
  }

  /** The outcome of the leg is not used here: the next round finds it in MySQL. */
  async #send(
    { transactionId, from, to }: { transactionId: string; from: number; to: number },
    leg: Exclude<LegName, 'out'>,
    out: Outcome & { status: 'POSTED' },
    untilPersisted: boolean,
  ): Promise<void> {
    const { legs, events, clock, timing } = this.#deps;
    const durability = untilPersisted ? 'persisted' : 'cache';
    const answer = await legs.after(leg, { order: out.order, from, to }, out, durability);
    if (!(answer instanceof Problem)) return;
    // The clock of this pod may be wrong: if the pod kept its turn, no courier would deliver.
    if (answer.code === 'clock_unsure')
      this.#passesUntil.set(`${from} ${to}`, clock.monotonic() + 2 * TURN_INTERVALS * timing.everyMs);
    events.legFailed({ transactionId, from, to }, leg, answer.code, isUnexpected(answer.code));
  }

  #passes(from: number, to: number): boolean {
    return this.#deps.clock.monotonic() < (this.#passesUntil.get(`${from} ${to}`) ?? 0);
  }

  #openBetween(from: number, to: number): number {
    return this.#open.get(`${from} ${to}`) ?? 0;
  }
}

/** Runs all of the work, at most `inFlightMax` items at a time. */
async function eachOf(work: readonly (() => Promise<void>)[], inFlightMax: number): Promise<void> {
  const queue = work.values();
  const worker = async () => {
    for (const next of queue) await next();
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, work.length) }, worker));
}
