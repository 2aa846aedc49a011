import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import { placeOf } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import { CALL_TRANSFERS_MAX } from '../../journal/cache-port.ts';
import { GROUP_BYTES_MAX } from '../../journal/group-codec.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import type { Clock } from '../../kernel/clock.ts';
import { CacheCalls, type CacheCallsDependencies } from '../calls/cache-calls.ts';
import { DIRECT_BATCH_MAX, DirectCalls, type DirectCallsDependencies } from '../calls/direct-calls.ts';
import { DatabaseWait } from '../calls/mysql-waiters.ts';
import {
  type Answer,
  type HoldDone,
  isTransfer,
  type Pending,
  PendingGroup,
  PendingHold,
  PendingTransfer,
  type ResultSink,
  Submission,
  transfersIn,
} from '../calls/pending.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';

export interface QueueLimits {
  /** Maximum time for which a request is held, ms. */
  requestTimeoutMs: number;
  queueTransfersMax: number;
  /**
   * Maximum number of transfers that are held while the session is closed; absent: as many as the queue may contain. With
   * several shards, the transfers held for one shard must not use up the requests that the pod may handle at the same time.
   */
  heldTransfersMax?: number;
  /**
   * Maximum number of requests that may wait for MySQL while Redis decides; their transfers may fill half the queue.
   */
  databaseWaitRequestsMax: number;
  applyBatchMax: number;
  applyCallsInFlightMax: number;
  /**
   * A second, concurrent call is sent only if this many transfers are waiting; fewer wait until the first call returns.
   */
  secondCallTransfersMin: number;
  backlogEntriesMax: number;
  backlogAgeMaxMs: number;
  tailBytesMax: number;
}

/** Maximum number of in-doubt attempts without a reply. Each may delay a switch-over, and uses memory. */
const IN_DOUBT_MAX = 10_000;

/**
 * The reason why no more transfers are accepted at the moment, determined before any transfer of a request is queued:
 * too many are waiting here, or too many of this pod's transfers wait to be persisted. Null if transfers can be
 * accepted.
 */
export function loadSheddingProblem(
  open: number,
  session: Session,
  limits: QueueLimits,
  nowMs: number,
): Problem | null {
  if (open > limits.queueTransfersMax)
    return new Problem('overloaded', 'too many transfers are waiting for the ledger');
  const view = session.view();
  if (!view) {
    if (session.direct() !== null) return null;
    const reason = session.holdReason();
    if (reason !== 'ledger_closed' && open <= (limits.heldTransfersMax ?? Number.POSITIVE_INFINITY)) return null;
    if (reason !== 'ledger_closed') return new Problem(reason, 'too many transfers are already held for this shard');
    return new Problem('ledger_closed', 'the ledger is closed until its journal can be read', { retryAfterSeconds: 5 });
  }
  if (view.inDoubt.size > IN_DOUBT_MAX) return new Problem('overloaded', 'too many transfers are in doubt');
  const oldest = view.tail.oldestKeptAtMs;
  const full =
    view.backlog > limits.backlogEntriesMax ||
    view.tail.bytes > limits.tailBytesMax ||
    (oldest !== null && nowMs - oldest > limits.backlogAgeMaxMs);
  return full
    ? new Problem('backlog_full', 'too many transfers are waiting to be persisted', { retryAfterSeconds: 5 })
    : null;
}

/**
 * Limits the rounds for missing accounts, lookups and outages. Each round is a round trip, so the deadline normally
 * passes first.
 */
const ROUNDS_MAX = 100;
const SWEEP_MS = 100;

/** The trace of the request that is being handled, as a W3C `traceparent`; null if it is not sampled. */
export type CurrentTrace = () => string | null;

interface TransferQueueDependencies extends CacheCallsDependencies, DirectCallsDependencies {
  limits: QueueLimits;
  /** Absent while tracing is off. */
  currentTrace?: CurrentTrace;
}

/**
 * The path of a transfer through a pod.
 *
 * A transfer waits in the queue until the event-loop turn ends; then all waiting transfers go in one call to the store
 * that has the authority (one script in Redis, or one transaction in MySQL). A few calls run concurrently, so calls
 * grow with the load. Transfers that come back without an answer wait again. While the session is closed, everything
 * stays in the queue, and later runs under its own id in whichever store then has the authority. A transfer that is
 * still waiting at its deadline gets 504 if one of its attempts is in doubt, otherwise 503.
 */
export class TransferQueue implements ResultSink {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #limits: QueueLimits;
  readonly #cacheCalls: CacheCalls;
  readonly #directCalls: DirectCalls;
  readonly #currentTrace: CurrentTrace;
  readonly #databaseWait: DatabaseWait;
  #waiting: Pending[] = [];
  #waitingTransfers = 0;
  /** All transfers and groups without an answer, in order of their deadlines. */
  readonly #open = new Set<Pending>();
  #openTransfers = 0;
  #callsInFlight = 0;
  #pumpScheduled = false;
  #sweepScheduled = false;

  constructor(deps: TransferQueueDependencies) {
    this.#session = deps.session;
    this.#clock = deps.clock;
    this.#limits = { ...deps.limits, applyBatchMax: Math.min(deps.limits.applyBatchMax, CALL_TRANSFERS_MAX) };
    this.#databaseWait = new DatabaseWait({
      requestsMax: deps.limits.databaseWaitRequestsMax,
      transfersMax: Math.ceil(deps.limits.queueTransfersMax / 2),
    });
    this.#cacheCalls = new CacheCalls(deps, this, this.#databaseWait);
    this.#directCalls = new DirectCalls(deps, this);
    this.#currentTrace = deps.currentTrace ?? (() => null);
    this.#session.onOpen(() => this.#schedulePump());
  }

  /** Transfers without an answer. */
  get open(): number {
    return this.#openTransfers;
  }

  /** The number of transfers in the queue. */
  get waiting(): number {
    return this.#waitingTransfers;
  }

  /** Number of requests that wait for MySQL while Redis decides. */
  get requestsWaitingForDatabase(): number {
    return this.#databaseWait.requests;
  }

  /** Resolves with one answer per order, in the same order. Never rejects. */
  submit(orders: readonly TransferOrder[]): Promise<(Outcome | Problem)[]> {
    const submission = new Submission<Outcome>(orders.length);
    const refused = this.#refusal(orders.length);
    const taken = this.#taken();
    const view = this.#session.view();
    for (const [index, order] of orders.entries()) {
      if (refused) submission.answer(index, refused);
      else this.#enter(new PendingTransfer(order, taken, submission, index), view);
    }
    this.#schedulePump();
    this.#scheduleSweep();
    return submission.answers;
  }

  /** The answer to a group, which is one item in the queue but counts as all its transfers. Never rejects. */
  async submitGroup(group: GroupOrder): Promise<GroupOutcome | Problem> {
    return this.#submitOne<GroupOutcome>(group.orders.length, (submission) => {
      const pending = new PendingGroup(group, this.#taken(), submission);
      return Buffer.byteLength(pending.payload) > GROUP_BYTES_MAX ? groupTooLarge() : pending;
    });
  }

  /** The answer to a capture, or to an event of a hold. Never rejects. */
  submitHold(item: HoldItem): Promise<Outcome | HoldDone | Problem> {
    return this.#submitOne<Outcome | HoldDone>(1, (submission) => new PendingHold(item, this.#taken(), submission));
  }

  async #submitOne<A extends Answer>(
    transfers: number,
    pendingOf: (submission: Submission<A>) => Pending | Problem,
  ): Promise<A | Problem> {
    const submission = new Submission<A>(1);
    const pending = this.#refusal(transfers) ?? pendingOf(submission);
    if (pending instanceof Problem) return pending;
    this.#enter(pending, this.#session.view());
    this.#schedulePump();
    this.#scheduleSweep();
    const [answer] = await submission.answers;
    return answer ?? new Problem('internal_error', 'a request got no answer');
  }

  #refusal(transfers: number): Problem | null {
    return loadSheddingProblem(this.#openTransfers + transfers, this.#session, this.#limits, this.#clock.monotonic());
  }

  #taken() {
    const deadline = this.#clock.monotonic() + this.#limits.requestTimeoutMs;
    return { takenAt: this.#clock.now(), deadline, trace: this.#currentTrace() };
  }

  #enter(pending: Pending, view: EpochView | null): void {
    this.#open.add(pending);
    this.#openTransfers += pending.weight;
    if (view && mustBeLookedUp(pending, view)) void this.#cacheCalls.lookUp([pending]);
    else this.#wait(pending);
  }

  #wait(pending: Pending): void {
    this.#waiting.push(pending);
    this.#waitingTransfers += pending.weight;
  }

  #leave(pending: Pending): void {
    if (this.#open.delete(pending)) this.#openTransfers -= pending.weight;
    if (pending.waitsForDatabase) this.#databaseWait.end(pending);
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
    while (this.#waiting.length > 0 && this.#callsInFlight < this.#limits.applyCallsInFlightMax) {
      if (this.#callsInFlight > 0 && this.waiting < this.#limits.secondCallTransfersMin) return;
      const view = this.#session.view();
      const direct = this.#session.direct();
      if (view) this.#run((batch) => this.#cacheCalls.call(view, batch), this.#limits.applyBatchMax);
      else if (direct !== null) this.#run((batch) => this.#directCalls.call(direct, batch), DIRECT_BATCH_MAX);
      else return;
    }
  }

  #run(call: (batch: readonly Pending[]) => Promise<void>, batchMax: number): void {
    const count = fitting(this.#waiting, batchMax);
    const batch = this.#waiting.length === count ? this.#waiting : this.#waiting.slice(0, count);
    this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(count);
    this.#waitingTransfers -= transfersIn(batch);
    const live = batch.filter((pending) => !pending.answered);
    if (live.length === 0) return;
    this.#callsInFlight += 1;
    void call(live).finally(() => {
      this.#callsInFlight -= 1;
      this.#schedulePump();
    });
  }

  again(batch: readonly Pending[]): void {
    for (const pending of batch) {
      if (pending.answered) continue;
      pending.rounds += 1;
      if (pending.rounds > ROUNDS_MAX) {
        this.giveUp(pending, new Problem('overloaded', 'the cache has no room for its accounts'));
      } else {
        this.#wait(pending);
      }
    }
    this.#schedulePump();
  }

  answer(pending: Pending, answer: Answer | Problem): void {
    this.#leave(pending);
    pending.answer(answer);
  }

  giveUp(pending: Pending, problem: Problem): void {
    this.#leave(pending);
    pending.giveUp(problem);
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

  /**
   * Answers transfers whose deadline has passed; the set is ordered by deadline, so at most one other transfer is
   * inspected.
   */
  #sweep(): void {
    const now = this.#clock.monotonic();
    const before = this.#open.size;
    for (const pending of this.#open) {
      if (pending.deadline > now) break;
      this.giveUp(pending, new Problem(this.#whyNot(pending), 'the ledger did not accept the transfer in time'));
    }
    // While the session is closed, nothing else removes these transfers from the queue.
    if (this.#open.size === before) return;
    this.#waiting = this.#waiting.filter((pending) => !pending.answered);
    this.#waitingTransfers = transfersIn(this.#waiting);
  }

  #whyNot({ trouble, waitsForDatabase }: Pending) {
    if (trouble !== null) return trouble;
    if (waitsForDatabase && this.#session.view() !== null) return 'database_unavailable';
    const works = this.#session.view() !== null || this.#session.direct() !== null;
    const reason = this.#session.holdReason();
    return works && reason !== 'database_unavailable' ? 'overloaded' : reason;
  }
}

/** A UUIDv7 later than the lookup horizon is decided by Redis alone; the script makes the final check. */
function mustBeLookedUp(pending: Pending, { lookupHorizon }: EpochView): boolean {
  const isOutside = (id: string): boolean => {
    const { bucket, time } = placeOf(id);
    return bucket === null || time <= lookupHorizon;
  };
  return isTransfer(pending) ? isOutside(pending.order.transactionId) : pending.ids.some(isOutside);
}

/**
 * The number of items at the front that have at most this many transfers in total; at least one, because a group is
 * never divided.
 */
function fitting(items: readonly Pending[], transfersMax: number): number {
  let transfers = 0;
  const end = items.findIndex(({ weight }, index) => {
    transfers += weight;
    return transfers > transfersMax && index > 0;
  });
  return end < 0 ? items.length : end;
}

const groupTooLarge = (): Problem =>
  new Problem(
    'payload_too_large',
    `with its metadata and references, the group takes more than ${GROUP_BYTES_MAX / 1024} KiB in the journal`,
  );
