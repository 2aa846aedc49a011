import { replay } from '../../domain/content.ts';
import { idAhead, placeOf } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { type ApplyReply, CacheError, type CacheServer } from '../../journal/cache-port.ts';
import { outcomeOf, RecordStatus, type ResultRecord } from '../../journal/codec.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import { type AccountLoader, Uncached } from '../accounts/account-loader.ts';
import { AttemptCall, type EpochView, type Session } from '../epoch/epoch-view.ts';
import type { OutcomeFinder } from '../outcomes/outcome-finder.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import type { DatabaseWait } from './database-wait.ts';
import type { Pending, ResultSink } from './pending.ts';

const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;
const NO_ROOM_WAIT_MS = 50;
/** How often a transfer that needs MySQL tries again while MySQL is unavailable, ms. */
const DATABASE_WAIT_MS = 250;

export interface CacheCallsDependencies {
  cache: CacheServer;
  session: Session;
  loader: AccountLoader;
  finder: OutcomeFinder;
  clock: Clock;
  events: LedgerEvents;
}

/**
 * Transfers in Redis, one script call at a time. Each gets an outcome, or what it lacks: an account (the loader installs it),
 * a lookup in MySQL, or the existing outcome of its id. A call that fails without proof leaves its transfers in doubt: they
 * are retried under their own ids, at most three times.
 *
 * While MySQL is unavailable, transfers that lack something from it wait, up to their deadline and up to the limit of
 * `DatabaseWait`. They return to Redis first, which may know their id by now.
 */
export class CacheCalls {
  readonly #deps: CacheCallsDependencies;
  readonly #sink: ResultSink;
  readonly #databaseWait: DatabaseWait;
  /** Whether MySQL was unavailable at the latest attempt of this class. */
  #databaseAway = false;

  constructor(deps: CacheCallsDependencies, sink: ResultSink, databaseWait: DatabaseWait) {
    this.#deps = deps;
    this.#sink = sink;
    this.#databaseWait = databaseWait;
  }

  async call(view: EpochView, batch: readonly Pending[]): Promise<void> {
    const { cache, clock, events } = this.#deps;
    for (const pending of batch) {
      // A lookup counts only in the epoch of its snapshot.
      if (pending.lookupEpoch !== view.caller.epoch) pending.lookupCursor = -1;
      pending.trouble = null;
    }
    const started = clock.monotonic();
    const call = new AttemptCall(batch, view);
    try {
      const reply = await cache.apply(view.caller, batch);
      // A reply does not count once its epoch has ended; the ids show what the call did.
      if (this.#deps.session.view() !== view) {
        call.lost(clock.monotonic());
        return this.#sink.again(batch);
      }
      call.proven();
      events.applied(batch.length, clock.monotonic() - started);
      this.#take(view, batch, reply);
    } catch (error) {
      // A reply that could not be understood counts as none: its transfers may have been carried out.
      if (error instanceof CacheError && error.kind !== 'in_doubt') call.proven();
      else call.lost(clock.monotonic());
      this.#failed(view, batch, error);
    }
  }

  #take(view: EpochView, batch: readonly Pending[], reply: ApplyReply): void {
    view.keep(reply.entries, this.#deps.clock.monotonic());
    view.observe(reply.head);
    const missing: Pending[] = [];
    const lookUps: Pending[] = [];
    const known: Pending[] = [];
    const outcomes: (Outcome | undefined)[] = [];
    for (const [index, pending] of batch.entries()) {
      const record = reply.records[index];
      if (!record) throw new RangeError('the cache returned fewer results than it received transfers');
      if (record.status === RecordStatus.MISSING) missing.push(pending);
      else if (record.status === RecordStatus.NEEDS_LOOKUP) lookUps.push(pending);
      else if (record.status === RecordStatus.REPLAYED) known.push(pending);
      else if (record.status === RecordStatus.AHEAD) this.#sink.giveUp(pending, idAhead());
      else {
        // The id occurs earlier in this call, or this is its outcome.
        const existing = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        const outcome = existing ?? outcomeIn(view, pending, record, reply.head.time);
        outcomes[index] = outcome;
        view.inDoubt.resolved('transfers', pending.order.transactionId);
        this.#sink.answer(pending, existing ? replay(pending, existing) : outcome);
      }
    }
    if (missing.length > 0) void this.#load(view, missing);
    if (lookUps.length > 0) void this.lookUp(lookUps);
    if (known.length > 0) void this.#replayKnown(view, known);
  }

  #failed(view: EpochView, batch: readonly Pending[], error: unknown): void {
    const { session, clock, events } = this.#deps;
    session.suspect(error, view);
    const reason = error instanceof CacheError ? error.reason : 'the cache failed';
    const unable = error instanceof CacheError && error.kind === 'unable';
    const wroteNothing = error instanceof CacheError && error.kind !== 'in_doubt';
    for (const pending of batch) {
      // A refusal by the prologue, or a command that was never sent, costs no try: the session holds, and so does the queue.
      const costsTry = unable || !wroteNothing;
      if (costsTry && ++pending.failures > FAILURES_MAX) {
        const code = reason === 'OOM' || reason === 'BUSY' || !unable ? 'overloaded' : 'database_unavailable';
        this.#sink.giveUp(pending, new Problem(code, `the cache refuses the transfer: ${reason}`));
      } else {
        events.retried('apply');
        clock.after(backoffMs(pending.failures, RETRY_BASE_MS, clock), () => this.#sink.again([pending]));
      }
    }
  }

  async #load(view: EpochView, batch: readonly Pending[]): Promise<void> {
    const ids = new Set(batch.flatMap(({ order }) => [order.source, order.destination]));
    const loaded = await this.#deps.loader.ensure([...ids]);
    const ready: Pending[] = [];
    const crowdedOut: Pending[] = [];
    const held: Pending[] = [];
    for (const pending of batch) {
      const sides = [loaded.get(pending.order.source), loaded.get(pending.order.destination)];
      const problem = sides.find((side) => side instanceof Problem);
      if (problem && isDatabaseAway(problem)) held.push(pending);
      else if (problem && !isHeld(problem)) {
        pending.resolveBy(problem, view.caller.epoch);
        this.#sink.giveUp(pending, problem);
      } else if (sides.some((side) => side instanceof Uncached)) crowdedOut.push(pending);
      else ready.push(pending);
    }
    this.#found(ready);
    this.#hold(held);
    // The flush makes room.
    if (crowdedOut.length > 0) this.#deps.clock.after(NO_ROOM_WAIT_MS, () => this.#sink.again(crowdedOut));
  }

  /** Looks up in MySQL the ids that Redis alone cannot decide. Those that are not there are queued again with the proof. */
  async lookUp(batch: readonly Pending[]): Promise<void> {
    const open = batch.filter((pending) => !pending.answered);
    const admitted = open.filter((pending) => isUuidV7(pending) || this.#mayWait(pending));
    if (admitted.length === 0) return;
    this.#deps.events.lookedUp(admitted.length);
    const found = await this.#deps.finder.inDatabase(admitted.map(({ order }) => order.transactionId));
    if (found instanceof Problem) {
      if (isDatabaseAway(found)) this.#hold(admitted);
      else for (const pending of admitted) this.#sink.giveUp(pending, found);
      return;
    }
    const absent: Pending[] = [];
    for (const pending of admitted) {
      const existing = found.outcomes.get(pending.order.transactionId);
      pending.lookupCursor = found.stamp.cursor;
      pending.lookupEpoch = found.stamp.epoch;
      if (existing) this.#sink.answer(pending, replay(pending, existing));
      else absent.push(pending);
    }
    this.#found(absent);
  }

  /** Counts a transfer that waits for MySQL, or answers it with a 503 if too many wait already. */
  #mayWait(pending: Pending): boolean {
    if (this.#databaseWait.begin(pending)) return true;
    const code = this.#databaseAway ? 'database_unavailable' : 'overloaded';
    this.#sink.giveUp(pending, new Problem(code, 'too many transfers are waiting for MySQL'));
    return false;
  }

  /** MySQL has answered: these transfers no longer need it. */
  #found(batch: readonly Pending[]): void {
    this.#databaseAway = false;
    for (const pending of batch) this.#databaseWait.end(pending);
    this.#sink.again(batch);
  }

  /** MySQL is unavailable. Nothing was sent to it that could change anything, so waiting costs only time. */
  #hold(batch: readonly Pending[]): void {
    if (batch.length === 0) return;
    const { clock, events } = this.#deps;
    this.#databaseAway = true;
    const held = batch.filter((pending) => !pending.answered && this.#mayWait(pending));
    if (held.length === 0) return;
    events.retried('database');
    // In an outage, the deadline ends the wait; the limit on rounds ends what could continue without one.
    for (const pending of held) pending.rounds = 0;
    clock.after(backoffMs(0, DATABASE_WAIT_MS, clock), () => this.#sink.again(held));
  }

  async #replayKnown(view: EpochView, batch: readonly Pending[]): Promise<void> {
    const found = await this.#deps.finder.find(batch.map(({ order }) => order.transactionId));
    const held: Pending[] = [];
    batch.forEach((pending, index) => {
      const existing = found[index];
      if (existing instanceof Problem && isDatabaseAway(existing)) held.push(pending);
      else if (existing instanceof Problem && !isHeld(existing)) this.#sink.giveUp(pending, existing);
      else if (existing && !(existing instanceof Problem)) {
        view.inDoubt.resolved('transfers', pending.order.transactionId);
        this.#sink.answer(pending, replay(pending, existing));
      } else this.#sink.again([pending]);
    });
    this.#hold(held);
  }
}

const isDatabaseAway = ({ code }: Problem): boolean => code === 'database_unavailable';

const isUuidV7 = ({ order }: Pending): boolean => placeOf(order.transactionId).bucket !== null;

/** The session holds requests now: the transfer waits in the queue like the others. */
const isHeld = ({ code }: Problem): boolean => code === 'ledger_switching' || code === 'ledger_closed';

const outcomeIn = (view: EpochView, { order, takenAt }: Pending, record: ResultRecord, acceptedAt: number): Outcome =>
  outcomeOf(record, { order, acceptedAt, takenAt, epoch: view.caller.epoch });
