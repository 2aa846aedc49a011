import type { Clock } from '../../clock.ts';
import { Problem } from '../../errors.ts';
import { backoffMs } from '../../retry.ts';
import type { LedgerEvents } from '../events.ts';
import type { Outcome, TransferOrder } from '../types.ts';
import { type AccountLoader, Uncached } from './account-loader.ts';
import { type QueueLimits, refusedAtTheDoor } from './admission.ts';
import { CALL_TRANSFERS_MAX } from './call.ts';
import { RecordStatus, type ResultRecord } from './codec.ts';
import { replay } from './content.ts';
import type { EpochView, Seat } from './epoch-view.ts';
import { placeOf } from './keys.ts';
import type { OutcomeFinder } from './outcome-finder.ts';
import { outcomeOf } from './outcomes.ts';
import { Pending, Submission } from './pending.ts';
import { type ApplyReply, CacheError, type CacheServer } from './port.ts';

const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;
/** Circles through missing accounts and look-ups; each is a round trip, so the deadline normally comes first. */
const ROUNDS_MAX = 50;
const SWEEP_MS = 100;
const NO_ROOM_WAIT_MS = 50;

/**
 * How a transfer travels through a pod.
 *
 * It waits in the queue until the turn of the event loop ends; then all that wait go in one script call, as many calls at
 * once as the limit allows, so that calls grow with the load. Each comes back with an outcome, or with what it lacks: an
 * account (the loader brings it), a look-up in MySQL, the outcome that stands under its id. Then it waits again. While the
 * seat is closed everything stays in the queue. A call that fails without proof leaves its transfers in doubt: they go
 * again under their own ids, at most three times. Whoever still waits at its deadline gets 504 when in doubt, 503 if not.
 */
export class TransferQueue {
  readonly #cache: CacheServer;
  readonly #seat: Seat;
  readonly #loader: AccountLoader;
  readonly #finder: OutcomeFinder;
  readonly #clock: Clock;
  readonly #limits: QueueLimits;
  readonly #events: LedgerEvents;
  #waiting: Pending[] = [];
  /** All that have no answer yet, in order of their deadlines. */
  readonly #open = new Set<Pending>();
  #callsInFlight = 0;
  #pumpScheduled = false;
  #sweepScheduled = false;

  constructor(deps: {
    cache: CacheServer;
    seat: Seat;
    loader: AccountLoader;
    finder: OutcomeFinder;
    clock: Clock;
    limits: QueueLimits;
    events: LedgerEvents;
  }) {
    this.#cache = deps.cache;
    this.#seat = deps.seat;
    this.#loader = deps.loader;
    this.#finder = deps.finder;
    this.#clock = deps.clock;
    this.#limits = { ...deps.limits, applyBatchMax: Math.min(deps.limits.applyBatchMax, CALL_TRANSFERS_MAX) };
    this.#events = deps.events;
    this.#seat.onOpen(() => this.#schedulePump());
  }

  /** Transfers without an answer. */
  get open(): number {
    return this.#open.size;
  }

  /** Transfers that wait for their turn, as this pod holds them. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** One answer per order, in order. Never rejects. */
  submit(orders: readonly TransferOrder[]): Promise<(Outcome | Problem)[]> {
    const submission = new Submission(orders.length);
    const refused = refusedAtTheDoor(
      this.#open.size + orders.length,
      this.#seat.view(),
      this.#limits,
      this.#clock.monotonic(),
    );
    const acceptedAt = this.#clock.now();
    const deadline = this.#clock.monotonic() + this.#limits.requestTimeoutMs;
    const view = this.#seat.view();
    for (const [index, order] of orders.entries()) {
      if (refused) {
        submission.answer(index, refused);
        continue;
      }
      const pending = new Pending(order, { acceptedAt, deadline }, submission, index);
      this.#open.add(pending);
      if (view && mustBeLookedUp(pending, view)) void this.#lookUp([pending]);
      else this.#waiting.push(pending);
    }
    this.#schedulePump();
    this.#scheduleSweep();
    return submission.answers;
  }

  #schedulePump(): void {
    if (this.#pumpScheduled || this.#waiting.length === 0) return;
    this.#pumpScheduled = true;
    this.#clock.endOfTurn(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { applyBatchMax, applyCallsInFlightMax } = this.#limits;
    for (;;) {
      const view = this.#seat.view();
      if (!view || this.#waiting.length === 0 || this.#callsInFlight >= applyCallsInFlightMax) return;
      const batch = this.#waiting.length <= applyBatchMax ? this.#waiting : this.#waiting.slice(0, applyBatchMax);
      this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(applyBatchMax);
      const live = batch.filter((pending) => !pending.answered);
      if (live.length > 0) void this.#call(view, live);
    }
  }

  async #call(view: EpochView, batch: Pending[]): Promise<void> {
    this.#callsInFlight += 1;
    const doubtBefore = batch.map((pending) => pending.inDoubt);
    for (const pending of batch) {
      // A look-up counts only in the epoch of its snapshot.
      if (pending.lookupEpoch !== view.caller.epoch) pending.lookupCursor = -1;
      pending.inDoubt = true;
    }
    const started = this.#clock.monotonic();
    try {
      const reply = await this.#cache.apply(view.caller, batch);
      batch.forEach((pending, index) => {
        pending.inDoubt = doubtBefore[index] ?? true;
      });
      this.#events.applied(batch.length, this.#clock.monotonic() - started);
      this.#take(view, batch, reply);
    } catch (error) {
      // An answer that could not be understood is none: what it was about may be done.
      const wroteNothing = error instanceof CacheError && error.kind !== 'in_doubt';
      batch.forEach((pending, index) => {
        pending.inDoubt = wroteNothing ? (doubtBefore[index] ?? true) : true;
      });
      this.#failed(batch, error);
    } finally {
      this.#callsInFlight -= 1;
    }
    this.#schedulePump();
  }

  #take(view: EpochView, batch: readonly Pending[], reply: ApplyReply): void {
    // Nothing that an epoch says after it ended counts; what it did is found again by the id.
    if (this.#seat.view() !== view) {
      for (const pending of batch) pending.inDoubt = true;
      this.#again(batch);
      return;
    }
    view.keep(reply.entries, this.#clock.monotonic());
    view.observe(reply.head);
    const missing: Pending[] = [];
    const lookUps: Pending[] = [];
    const known: Pending[] = [];
    const outcomes: (Outcome | undefined)[] = [];
    for (const [index, pending] of batch.entries()) {
      const record = reply.records[index];
      if (!record) throw new RangeError('the cache answered for fewer transfers than it was asked');
      if (record.status === RecordStatus.MISSING) missing.push(pending);
      else if (record.status === RecordStatus.NEEDS_LOOKUP) lookUps.push(pending);
      else if (record.status === RecordStatus.REPLAYED) known.push(pending);
      else {
        // The id stands earlier in this very call, or this is its outcome.
        const standing = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        const outcome = standing ?? this.#outcome(view, pending, record);
        outcomes[index] = outcome;
        this.#answer(pending, standing ? replay(pending, standing) : outcome);
      }
    }
    if (missing.length > 0) void this.#load(missing);
    if (lookUps.length > 0) void this.#lookUp(lookUps);
    if (known.length > 0) void this.#replayKnown(known);
  }

  #outcome(view: EpochView, pending: Pending, record: ResultRecord): Outcome {
    return outcomeOf(record, { order: pending.order, acceptedAt: pending.acceptedAt, epoch: view.caller.epoch });
  }

  #failed(batch: readonly Pending[], error: unknown): void {
    this.#seat.suspect(error);
    const reason = error instanceof CacheError ? error.reason : 'the cache failed';
    const unable = error instanceof CacheError && error.kind === 'unable';
    const wroteNothing = error instanceof CacheError && error.kind !== 'in_doubt';
    for (const pending of batch) {
      // A refusal by the prologue, or a command that was never sent, costs no try: the seat closes, and the queue holds.
      const costsTry = unable || !wroteNothing;
      if (costsTry && ++pending.failures > FAILURES_MAX) {
        this.#close(pending, () => pending.giveUp(new Problem('overloaded', `the cache does not take it: ${reason}`)));
      } else {
        this.#events.retried('apply');
        this.#clock.after(backoffMs(pending.failures, RETRY_BASE_MS, this.#clock), () => this.#again([pending]));
      }
    }
  }

  async #load(batch: readonly Pending[]): Promise<void> {
    const ids = new Set(batch.flatMap(({ order }) => [order.source, order.destination]));
    const loaded = await this.#loader.ensure([...ids]);
    const ready: Pending[] = [];
    const crowdedOut: Pending[] = [];
    for (const pending of batch) {
      const sides = [loaded.get(pending.order.source), loaded.get(pending.order.destination)];
      const problem = sides.find((side) => side instanceof Problem);
      // The seat closed meanwhile: it waits in the queue like everybody.
      if (problem && problem.code !== 'ledger_switching') this.#close(pending, () => pending.giveUp(problem));
      else if (sides.some((side) => side instanceof Uncached)) crowdedOut.push(pending);
      else ready.push(pending);
    }
    this.#again(ready);
    // The flush makes room.
    if (crowdedOut.length > 0) this.#clock.after(NO_ROOM_WAIT_MS, () => this.#again(crowdedOut));
  }

  async #lookUp(batch: readonly Pending[]): Promise<void> {
    this.#events.lookedUp(batch.length);
    const found = await this.#finder.inDatabase(batch.map(({ order }) => order.transactionId));
    if (found instanceof Problem) {
      for (const pending of batch) this.#close(pending, () => pending.giveUp(found));
      return;
    }
    const absent: Pending[] = [];
    for (const pending of batch) {
      const standing = found.outcomes.get(pending.order.transactionId);
      pending.lookupCursor = found.stamp.cursor;
      pending.lookupEpoch = found.stamp.epoch;
      if (standing) this.#answer(pending, replay(pending, standing));
      else absent.push(pending);
    }
    this.#again(absent);
  }

  async #replayKnown(batch: readonly Pending[]): Promise<void> {
    const found = await this.#finder.find(batch.map(({ order }) => order.transactionId));
    batch.forEach((pending, index) => {
      const standing = found[index];
      if (standing instanceof Problem && standing.code !== 'ledger_switching') {
        this.#close(pending, () => pending.giveUp(standing));
      } else if (standing && !(standing instanceof Problem)) this.#answer(pending, replay(pending, standing));
      else this.#again([pending]);
    });
  }

  #again(batch: readonly Pending[]): void {
    for (const pending of batch) {
      if (pending.answered) continue;
      pending.rounds += 1;
      if (pending.rounds > ROUNDS_MAX) {
        this.#close(pending, () => pending.giveUp(new Problem('overloaded', 'the cache has no room for its accounts')));
      } else {
        this.#waiting.push(pending);
      }
    }
    this.#schedulePump();
  }

  #answer(pending: Pending, answer: Outcome | Problem): void {
    this.#close(pending, () => pending.answer(answer));
  }

  #close(pending: Pending, answer: () => void): void {
    this.#open.delete(pending);
    answer();
  }

  #scheduleSweep(): void {
    if (this.#sweepScheduled || this.#open.size === 0) return;
    this.#sweepScheduled = true;
    this.#clock.after(SWEEP_MS, () => {
      this.#sweepScheduled = false;
      this.#sweep();
      this.#scheduleSweep();
    });
  }

  /** Answers those whose time is up; the set is in order of deadlines, so it looks at no more than one besides. */
  #sweep(): void {
    const now = this.#clock.monotonic();
    const before = this.#open.size;
    for (const pending of this.#open) {
      if (pending.deadline > now) break;
      const view = this.#seat.view();
      const code = view ? 'overloaded' : this.#seat.holdReason();
      this.#close(pending, () => pending.giveUp(new Problem(code, 'the ledger did not take it in time')));
    }
    // While the seat is closed nothing else takes them out of the queue.
    if (this.#open.size < before) this.#waiting = this.#waiting.filter((pending) => !pending.answered);
  }
}

/** A UUIDv7 later than M is decided by Redis alone; the script has the last word on it. */
const mustBeLookedUp = (pending: Pending, view: EpochView): boolean => {
  const { bucket, time } = placeOf(pending.order.transactionId);
  return bucket === null || time <= view.m;
};
