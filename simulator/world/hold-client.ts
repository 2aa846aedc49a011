import type { HoldOrder } from '../../app/domain/holds.ts';
import { PROBLEMS, type Problem } from '../../app/domain/problem.ts';
import type { Durability, Outcome } from '../../app/domain/types.ts';
import type {
  CaptureOrder,
  HoldRequest as HoldRequestOfPod,
  HoldResult,
  HoldView,
  Placing,
} from '../../app/ledger/ports/holds.ts';
import type {
  HoldAnswer,
  HoldRequest,
  HoldShown,
  Recording,
  TransferContent,
} from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { EPOCH_MS, type SimProcess } from '../core/sim-process.ts';
import { answerOf, contentOf, hashOf, isOpen, type Reply, said } from './answers.ts';
import type { ServingPod } from './sim-pod.ts';
import { uuidV7 } from './uuid.ts';

const RECENT_MAX = 14;
const SETTLE_TRIES = 60;
const SETTLE_EVERY_MS = 250;

/** Holds that several clients may use at the same time. */
export class SharedHolds {
  readonly recent: HoldOrder[] = [];
  readonly captures: CaptureOrder[] = [];
  /** The highest revision of each hold that any answer has shown. */
  readonly revisions = new Map<string, number>();
}

interface HoldClientDependencies {
  process: SimProcess;
  scheduler: Scheduler;
  random: Random;
  history: Recording;
  plan: { accounts: readonly string[]; hot: string; world: string; amountMax: number };
  shared: SharedHolds;
  correlation(): string;
  ask<T extends object>(work: (pod: ServingPod) => Promise<T | Problem>): Promise<Reply<T>>;
  isStopped(): boolean;
  /** Null unless the run is traced: the lines are costly to build. */
  note: ((what: string) => void) | null;
  keyOf(transactionId: string, source: string): string;
  /** The next two functions are called when an answer reports a capture, or a hold with this revision, as persisted. */
  onPersisted(outcome: Outcome): void;
  onPersistedHold(holdId: string, revision: number): void;
}

/** The actions of a client on holds: it places, changes, captures, voids and reads them, and repeats its requests. */
export class HoldClient {
  readonly #deps: HoldClientDependencies;
  settling = 0;

  constructor(deps: HoldClientDependencies) {
    this.#deps = deps;
  }

  act(): void {
    const { random, shared } = this.#deps;
    const what = random.weighted({ place: 36, capture: 26, void: 10, change: 10, read: 8, again: 6, captureAgain: 4 });
    const hold = shared.recent.length > 0 ? random.pick(shared.recent) : null;
    if (what === 'place' || !hold) return void this.#place(this.#newHold());
    switch (what) {
      case 'again':
        // Sometimes the id is sent with other content: the second request then gets a 409.
        return void this.#place(random.chance(0.85) ? hold : { ...hold, amount: hold.amount + 1 });
      case 'capture':
        return void this.#capture(this.#newCapture(hold));
      case 'captureAgain':
        if (shared.captures.length > 0) void this.#capture(random.pick(shared.captures));
        return;
      case 'void':
        return void this.#void(hold);
      case 'change':
        return void this.#change(hold);
      case 'read':
        return void this.read(hold.holdId);
    }
  }

  #origin() {
    return { user: this.#deps.process.name, correlationId: this.#deps.correlation() };
  }

  #newHold(): HoldOrder {
    const { random, process, plan, shared, scheduler } = this.#deps;
    const holdId = random.chance(0.15) ? `hold-${random.hex(12)}` : uuidV7(process.now(), random);
    const account = random.chance(0.03) ? plan.world : random.chance(0.35) ? plan.hot : random.pick(plan.accounts);
    const others = plan.accounts.filter((one) => one !== account);
    const end = EPOCH_MS + Math.floor(scheduler.nowMs) + random.whole(150, random.chance(0.5) ? 2_500 : 12_000);
    const order = {
      ...{ holdId, account, destination: random.chance(0.4) ? null : random.pick(others), currency: 'EUR' },
      ...{ amount: random.whole(1, Math.ceil(plan.amountMax / 2)), expiresAt: random.chance(0.2) ? null : end },
      ...{ reference: null, metadata: null, ...this.#origin() },
    };
    shared.recent.push(order);
    if (shared.recent.length > RECENT_MAX) shared.recent.shift();
    return order;
  }

  async #place(order: HoldOrder): Promise<void> {
    const { random, process, isStopped } = this.#deps;
    const isUnsettled = await this.#placeOnce({ ...order, ...this.#origin() });
    if (!isUnsettled || isStopped() || random.chance(0.2)) return;
    await process.sleep(random.exponential(300));
    if (!isStopped()) void this.#place(order);
  }

  /** @returns whether it should be sent again */
  async #placeOnce(order: HoldOrder): Promise<boolean> {
    const { scheduler, random, ask, onPersistedHold } = this.#deps;
    const { holdId, account, destination, amount, currency, expiresAt, correlationId } = order;
    const sentAt = scheduler.nowMs;
    const durability: Durability = random.chance(0.1) ? 'persisted' : 'cache';
    const reply = await ask<Placing>((pod) => pod.holds.place(order, durability));
    if (reply.kind === 'value' && reply.value.persisted) onPersistedHold(holdId, reply.value.hold?.revision ?? 0);
    // Usually forgets a refused hold, because few requests about it make sense.
    const { recent } = this.#deps.shared;
    const at = recent.findIndex((one) => one.holdId === holdId);
    if (reply.kind === 'value' && reply.value.hold === null && at >= 0 && random.chance(0.9)) recent.splice(at, 1);
    const content = { account, destination, amount, currency, expiresAt };
    const answer = placingAnswer(reply);
    this.#record(holdId, { op: 'place', content, correlationId, sentAt, endedAt: scheduler.nowMs, answer }, reply);
    return isUnsettled(reply);
  }

  #record(holdId: string, request: HoldRequest, reply: Reply<unknown>): void {
    const { history, scheduler, shared, note } = this.#deps;
    history.ofHold(holdId).requests.push(request);
    const { answer, op, sentAt } = request;
    const hold = answer.kind === 'held' ? answer.hold : undefined;
    if (hold) shared.revisions.set(holdId, Math.max(hold.revision, shared.revisions.get(holdId) ?? 0));
    const text = hold ? `${hold.status} ${hold.captured}/${hold.amount} r${hold.revision}` : said(reply);
    note?.(`${op} hold ${holdId} since ${sentAt.toFixed(1)}: ${answer.kind} ${text}`);
    scheduler.mix(hashOf(`${answer.kind} ${text}`));
  }

  #newCapture({ holdId, account, destination, amount }: HoldOrder): CaptureOrder {
    const { random, process, plan, shared } = this.#deps;
    const transactionId = random.chance(0.15) ? `order-${random.hex(12)}` : uuidV7(process.now(), random);
    const named = destination ?? random.pick(plan.accounts.filter((one) => one !== account));
    const capture = {
      holdId,
      amount: random.chance(0.4) ? null : random.whole(1, amount),
      destination: destination === null || random.chance(0.2) ? named : null,
      final: random.chance(0.5),
    };
    const order = this.#captureOf(transactionId, { source: account, destination: named, currency: 'EUR' }, capture);
    shared.captures.push(order);
    if (shared.captures.length > RECENT_MAX) shared.captures.shift();
    return order;
  }

  #captureOf(
    transactionId: string,
    sides: Pick<TransferContent, 'source' | 'destination' | 'currency'>,
    capture: CaptureOrder['capture'],
  ): CaptureOrder {
    const nothing = { timestamp: null, reference: null, metadata: null, reverses: null };
    return {
      kind: 'capture',
      transactionId,
      ...sides,
      amount: capture.amount ?? 0,
      capture,
      ...nothing,
      ...this.#origin(),
    };
  }

  async #capture(order: CaptureOrder): Promise<void> {
    const { random, process, isStopped } = this.#deps;
    const isUnsettled = await this.#captureOnce({ ...order, ...this.#origin() });
    if (!isUnsettled || isStopped() || random.chance(0.2)) return;
    await process.sleep(random.exponential(300));
    if (!isStopped()) void this.#capture(order);
  }

  /** @returns whether it should be sent again */
  async #captureOnce(order: CaptureOrder): Promise<boolean> {
    const { scheduler, random, history, ask, note, onPersisted, keyOf } = this.#deps;
    const { transactionId, correlationId, capture } = order;
    const sentAt = scheduler.nowMs;
    const durability: Durability = random.chance(0.1) ? 'persisted' : 'cache';
    const reply = await ask<Outcome>((pod) => pod.holds.capture(order, durability));
    const attempt = { content: contentOf(order), correlationId, sentAt, endedAt: scheduler.nowMs };
    history.of(keyOf(transactionId, order.source)).attempts.push({ ...attempt, answer: answerOf(reply) });
    if (reply.kind === 'value' && reply.value.persisted) onPersisted(reply.value);
    note?.(`capture ${transactionId} of hold ${capture.holdId} since ${sentAt.toFixed(1)}: ${said(reply)}`);
    scheduler.mix(hashOf(said(reply)));
    return isUnsettled(reply);
  }

  async #void({ holdId, account, currency }: HoldOrder): Promise<void> {
    const { scheduler, process, random, isStopped } = this.#deps;
    const sentAt = scheduler.nowMs;
    const request = { holdId, account, currency, eventId: uuidV7(process.now(), random), ...this.#origin() };
    const { correlationId } = request;
    const reply = await this.#update(request, (pod, found, durability) => pod.holds.void(found, durability));
    const answer = updateAnswer(reply);
    this.#record(holdId, { op: 'void', correlationId, sentAt, endedAt: scheduler.nowMs, answer }, reply);
    if (!isUnsettled(reply) || isStopped() || random.chance(0.3)) return;
    await process.sleep(random.exponential(300));
    if (!isStopped()) void this.#void({ holdId, account, currency } as HoldOrder);
  }

  async #change({ holdId, account, currency, amount }: HoldOrder): Promise<void> {
    const { scheduler, process, random, shared, plan } = this.#deps;
    const sentAt = scheduler.nowMs;
    const request = { holdId, account, currency, eventId: uuidV7(process.now(), random), ...this.#origin() };
    const end = EPOCH_MS + Math.floor(scheduler.nowMs) + random.whole(150, 6_000);
    const isAmount = random.chance(0.7);
    const wanted = {
      amount: isAmount ? random.whole(1, Math.max(amount, plan.amountMax)) : null,
      expiresAt: !isAmount || random.chance(0.2) ? end : null,
      expectedRevision: random.chance(0.1) ? 1 : (shared.revisions.get(holdId) ?? 1),
    };
    const { correlationId } = request;
    const reply = await this.#update(request, (pod, found, durability) => pod.holds.change(wanted, found, durability));
    const answer = updateAnswer(reply);
    this.#record(holdId, { op: 'change', correlationId, ...wanted, sentAt, endedAt: scheduler.nowMs, answer }, reply);
  }

  /** Sends a request with the facts that the pod knows about the hold, as its API does. */
  async #update(
    { eventId, user, correlationId, holdId }: HoldRequestOfPod,
    work: (pod: ServingPod, request: HoldRequestOfPod, durability: Durability) => Promise<HoldResult>,
  ): Promise<Reply<HoldResult>> {
    const { random, ask, onPersistedHold } = this.#deps;
    const durability: Durability = random.chance(0.1) ? 'persisted' : 'cache';
    const reply = await ask<HoldResult>(async (pod) => {
      const { destination: _, ...facts } = await pod.holds.factsOf(holdId);
      return work(pod, { ...facts, eventId, user, correlationId }, durability);
    });
    if (reply.kind === 'value' && reply.value.persisted) onPersistedHold(holdId, reply.value.hold.revision);
    return reply;
  }

  async read(holdId: string): Promise<void> {
    const { scheduler, ask, onPersistedHold } = this.#deps;
    const sentAt = scheduler.nowMs;
    const reply = await ask<HoldView>((pod) => pod.holds.hold(holdId));
    if (reply.kind === 'value' && reply.value.persisted && !reply.value.stale)
      onPersistedHold(holdId, reply.value.hold?.revision ?? 0);
    const answer = placingAnswer(reply);
    this.#record(holdId, { op: 'read', sentAt, endedAt: scheduler.nowMs, answer }, reply);
  }

  /** Until the outcome of a hold is known, sends the request to place it. Used at the end of a run. */
  settle(holdId: string): Promise<void> {
    const { history } = this.#deps;
    const placing = history.ofHold(holdId).requests.find(({ op }) => op === 'place');
    if (placing?.op !== 'place') return Promise.resolve();
    const order = { holdId, ...placing.content, reference: null, metadata: null };
    return this.#settled(() => this.#placeOnce({ ...order, ...this.#origin() }));
  }

  /** The same for a capture. */
  settleCapture(transactionId: string, { capture, ...sides }: TransferContent): Promise<void> {
    if (!capture) return Promise.resolve();
    return this.#settled(() => this.#captureOnce(this.#captureOf(transactionId, sides, capture)));
  }

  async #settled(once: () => Promise<boolean>): Promise<void> {
    this.settling += 1;
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      if (!(await once())) break;
      await this.#deps.process.sleep(SETTLE_EVERY_MS);
    }
    this.settling -= 1;
  }
}

/** Whether a request should be sent again. */
function isUnsettled(reply: Reply<unknown>): boolean {
  if (reply.kind === 'lost' || reply.kind === 'not_begun') return true;
  return reply.kind === 'problem' && (PROBLEMS[reply.code].retryable || isOpen(reply.code));
}

function placingAnswer(reply: Reply<Placing & { stale?: boolean }>): HoldAnswer {
  if (reply.kind !== 'value') return noAnswer(reply);
  const { event, hold, replayed, stale = false } = reply.value;
  if (event.kind === 'REFUSED') return { kind: 'rejected', code: event.refusal, replayed };
  return { kind: 'held', ...(hold && { hold: shownOf(hold) }), replayed, stale };
}

const updateAnswer = (reply: Reply<HoldResult>): HoldAnswer =>
  reply.kind === 'value' ? { kind: 'held', hold: shownOf(reply.value.hold) } : noAnswer(reply);

const shownOf = ({ status, amount, captured, expiresAt, revision }: HoldShown): HoldShown => ({
  ...{ status, amount, captured, expiresAt, revision },
});

function noAnswer(reply: Exclude<Reply<unknown>, { kind: 'value' }>): HoldAnswer {
  if (reply.kind === 'lost') return { kind: 'unknown', reason: 'lost' };
  if (reply.kind === 'not_begun') return { kind: 'refused', status: 0, code: 'not_begun' };
  const { code } = reply;
  return isOpen(code) ? { kind: 'unknown', reason: code } : { kind: 'refused', status: PROBLEMS[code].status, code };
}
