import { replay } from '../../domain/content.ts';
import { type HoldPlaced, type HoldRefused, holdOutcomeOf, replayHold } from '../../domain/hold-events.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import {
  decideCapture,
  decideChange,
  decideExpiry,
  decidePlacing,
  decideVoid,
  type HoldChange,
  type HoldOrder,
  type HoldStep,
} from '../../domain/holds.ts';
import { holdNotFound } from '../../domain/not-found.ts';
import { Problem, type Refusal } from '../../domain/problem.ts';
import type { AccountView, Durability, Outcome } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  CaptureOrder,
  HoldBooks,
  HoldCapture,
  HoldFacts,
  HoldPreview,
  HoldRequest,
  HoldResult,
  Holds,
  HoldView,
  ListedHold,
  Placing,
} from '../../ledger/ports/holds.ts';
import type { MemoryLedger } from './memory-ledger.ts';

type Item = Parameters<Holds['preview']>[0];
type Step = HoldStep & { amount?: number };

/** Simple holds over the accounts of a `MemoryLedger`, for testing the shapes of the API. */
export class MemoryHolds implements Holds, HoldBooks {
  readonly #ledger: MemoryLedger;
  readonly #clock: Clock;
  readonly placings = new Map<string, HoldPlaced | HoldRefused>();
  readonly states = new Map<string, HoldState>();
  readonly capturesOf = new Map<string, HoldCapture[]>();
  readonly asked: { what: string; durability: Durability }[] = [];
  /** Thrown by every method. */
  failure: Problem | null = null;
  /** How many more reads of captures will return nothing. */
  lateCaptures = 0;

  constructor(ledger: MemoryLedger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  requireActive(): void {
    if (this.failure) throw this.failure;
  }

  async factsOf(holdId: string): Promise<HoldFacts> {
    this.requireActive();
    const placing = this.placings.get(holdId);
    if (placing?.kind !== 'PLACED') throw holdNotFound(holdId);
    return placing.order;
  }

  async place(order: HoldOrder, durability: Durability): Promise<Placing> {
    this.requireActive();
    this.asked.push({ what: 'place', durability });
    const persisted = durability === 'persisted';
    const existing = this.placings.get(order.holdId);
    if (existing) {
      const answer = replayHold({ order, takenAt: 0, inDoubt: false }, holdOutcomeOf(existing, persisted));
      if (answer instanceof Problem) throw answer;
      return this.#placing(existing, { replayed: true, persisted });
    }
    const step = this.#stepOf({ op: 'place', order });
    const { holdId, account, currency, user, correlationId } = order;
    const now = this.#clock.now();
    const common = { holdId, account, currency, user, correlationId, acceptedAt: now, takenAt: now, epoch: 1, seq: 1 };
    if (typeof step === 'string' || step === null) {
      this.placings.set(holdId, { ...common, kind: 'REFUSED', order, refusal: step as Refusal });
    } else {
      const side = { balance: 0, version: 1, settingsVersion: 1 };
      this.#take(holdId, account, step);
      const after = { hold: step.hold, held: step.heldChange, heldChange: step.heldChange };
      this.placings.set(holdId, { ...common, kind: 'PLACED', order, side, ...after });
    }
    const placed = this.placings.get(holdId);
    if (!placed) throw holdNotFound(holdId);
    return this.#placing(placed, { replayed: false, persisted });
  }

  async capture(order: CaptureOrder, durability: Durability): Promise<Outcome | Problem> {
    this.asked.push({ what: 'capture', durability });
    const { transactionId, capture, source, destination } = order;
    const existing = this.#ledger.outcomes.get(transactionId);
    if (existing) return replay({ order, takenAt: 0, inDoubt: false }, existing);
    const step = this.#stepOf({ op: 'capture', order });
    const now = this.#clock.now();
    const common = { acceptedAt: now, takenAt: now, epoch: 1, seq: 1, replayed: false, persisted: false };
    if (typeof step === 'string' || step === null) {
      const refused: Outcome = { ...common, order, status: 'REJECTED', refusal: step as Refusal };
      this.#ledger.outcomes.set(transactionId, refused);
      return refused;
    }
    const amount = step.amount ?? 0;
    const [from, to] = [this.#account(source), this.#account(destination)];
    this.#take(capture.holdId, source, step);
    from.balance -= amount;
    to.balance += amount;
    to.version++;
    const sideOf = ({ balance, version, settingsVersion }: AccountView) => ({ balance, version, settingsVersion });
    const hold = { hold: step.hold, held: from.held, heldChange: step.heldChange };
    const sides = { source: sideOf(from), destination: sideOf(to) };
    const outcome: Outcome = { ...common, order: { ...order, amount }, status: 'POSTED', ...sides, hold };
    this.#ledger.outcomes.set(transactionId, outcome);
    const captured = { transactionId, amount, destination, acceptedAt: now };
    this.capturesOf.set(capture.holdId, [...(this.capturesOf.get(capture.holdId) ?? []), captured]);
    return outcome;
  }

  change(wanted: HoldChange, request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#update({ op: 'change', wanted, ...request }, durability);
  }

  void(request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#update({ op: 'void', ...request }, durability);
  }

  async expire(request: HoldRequest): Promise<boolean> {
    const step = this.#stepOf({ op: 'expire', ...request });
    if (step === null || typeof step === 'string') return false;
    this.#take(request.holdId, request.account, step);
    return true;
  }

  async hold(holdId: string): Promise<HoldView> {
    this.requireActive();
    const placing = this.placings.get(holdId);
    if (!placing) throw holdNotFound(holdId);
    return { ...this.#placing(placing, { replayed: true, persisted: false }), stale: false };
  }

  async preview(item: Item): Promise<HoldPreview> {
    this.requireActive();
    const { account: id, holdId } = namesOf(item);
    const destinationId = item.op === 'place' || item.op === 'capture' ? item.order.destination : null;
    const step = this.#stepOf(item);
    const state = this.states.get(holdId);
    const facts = item.op === 'place' ? null : await this.factsOf(holdId);
    const parties = {
      account: this.#account(id),
      destination: destinationId === null ? null : this.#account(destinationId),
      hold: state && facts ? { ...facts, ...state } : null,
    };
    if (step === null) return { ...parties, decision: { kind: 'nothing' } };
    if (typeof step === 'string') return { ...parties, decision: { kind: 'refused', refusal: step, moved: 0 } };
    const { hold, heldChange, amount: moved = 0 } = step;
    return { ...parties, decision: { kind: 'changes', hold, heldChange, moved, creditCounted: false } };
  }

  async holds({ accountId, status, afterHoldId, limit }: Parameters<HoldBooks['holds']>[0]): Promise<ListedHold[]> {
    const all = [...this.placings.values()].flatMap(({ order, acceptedAt }) => {
      const hold = this.states.get(order.holdId);
      return hold ? [{ order, hold, acceptedAt }] : [];
    });
    return all
      .filter(({ order, hold }) => order.account === accountId && (status === null || hold.status === status))
      .filter(({ order }) => order.holdId > afterHoldId)
      .sort((a, b) => (a.order.holdId < b.order.holdId ? -1 : 1))
      .slice(0, limit);
  }

  async captures({ holdId }: { holdId: string }, limit: number): Promise<HoldCapture[]> {
    if (this.lateCaptures-- > 0) return [];
    return (this.capturesOf.get(holdId) ?? []).slice(-limit);
  }

  async #update(item: Item, durability: Durability): Promise<HoldResult> {
    this.asked.push({ what: item.op, durability });
    const { account, holdId } = namesOf(item);
    const step = this.#stepOf(item);
    if (typeof step === 'string') throw new Problem(step, 'refused', { holdId });
    if (step) this.#take(holdId, account, step);
    return { hold: this.#state(holdId), persisted: durability === 'persisted' };
  }

  #placing(event: HoldPlaced | HoldRefused, more: { replayed: boolean; persisted: boolean }): Placing {
    return event.kind === 'PLACED'
      ? { event, hold: this.#state(event.holdId), ...more }
      : { event, hold: null, ...more };
  }

  #stepOf(item: Item): Step | Refusal | 'hold_changed' | null {
    const now = this.#clock.now();
    const account = this.#account(namesOf(item).account);
    if (item.op === 'place') {
      const { destination } = item.order;
      return decidePlacing(item.order, account, destination === null ? null : this.#account(destination), now);
    }
    const hold = this.#state(namesOf(item).holdId);
    if (item.op === 'capture')
      return decideCapture(hold, item.order.capture, account, this.#account(item.order.destination), now);
    if (item.op === 'change') return decideChange(hold, item.wanted, account, now);
    return item.op === 'void' ? decideVoid(hold) : decideExpiry(hold, now);
  }

  #take(holdId: string, accountId: string, { hold, heldChange }: Step): void {
    const account = this.#account(accountId);
    this.states.set(holdId, hold);
    account.held += heldChange;
    account.version++;
  }

  #state(holdId: string): HoldState {
    const state = this.states.get(holdId);
    if (!state) throw holdNotFound(holdId);
    return state;
  }

  #account(id: string): AccountView {
    const account = this.#ledger.accounts.get(id);
    if (!account) throw new Problem('account_not_found', `There is no account ${id}.`);
    return account;
  }
}

function namesOf(item: Item): { account: string; holdId: string } {
  if (item.op === 'place') return item.order;
  if (item.op === 'capture') return { account: item.order.source, holdId: item.order.capture.holdId };
  return item;
}
