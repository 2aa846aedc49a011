import { requireFeature } from '../../domain/features.ts';
import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { HoldChange, HoldOrder } from '../../domain/holds.ts';
import type { LimitRefusal } from '../../domain/limits.ts';
import { holdNotFound } from '../../domain/not-found.ts';
import { Problem } from '../../domain/problem.ts';
import type { Durability, Outcome } from '../../domain/types.ts';
import { accountsOfItem, type HoldItem, holdIdOf } from '../../journal/hold-codec.ts';
import { decideHold } from '../../journal/hold-decision.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountReader } from '../accounts/account-reader.ts';
import { currentAccounts, staleProblem } from '../accounts/current-accounts.ts';
import type { HoldReader, ReadHold } from '../accounts/hold-reader.ts';
import { OtherHold } from '../calls/hold-answers.ts';
import type { HoldDone } from '../calls/pending.ts';
import type { Session } from '../epoch/epoch-view.ts';
import type { HoldFinder } from '../outcomes/finders.ts';
import type { PersistenceWatch } from '../outcomes/persistence-watch.ts';
import type {
  CaptureOrder,
  HoldFacts,
  HoldPreview,
  HoldRequest,
  HoldResult,
  Holds,
  HoldView,
  Placing,
} from '../ports/holds.ts';
import type { LookUpBy, WindowsAt } from '../ports/ledger.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { KnownHolds } from './known-holds.ts';

/** The interval at which an operation that has to wait is retried, ms. */
const AGAIN_MS = 20;

interface HoldLedgerDependencies {
  queue: { submitHold(item: HoldItem): Promise<Outcome | HoldDone | Problem> };
  reader: HoldReader;
  finder: HoldFinder;
  accounts: AccountReader;
  watch: PersistenceWatch;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
  requestTimeoutMs: number;
}

/** Holds, in whichever store has the authority. A request takes the same path as a transfer: it is one item in the queue of this pod. */
export class HoldLedger implements Holds {
  readonly #deps: HoldLedgerDependencies;
  readonly #known = new KnownHolds();

  constructor(deps: HoldLedgerDependencies) {
    this.#deps = deps;
  }

  async factsOf(holdId: string, by?: LookUpBy): Promise<HoldFacts> {
    this.requireActive();
    const known = this.#known.get(holdId);
    if (known) return known;
    const { account, destination, currency } = (await this.#found(holdId, this.#deadline(), by)).hold;
    // The other fields are omitted: requests are built from these facts, and must not depend on the state in which the hold was
    // read.
    const facts = { holdId, account, destination, currency };
    this.#known.keep(facts);
    return facts;
  }

  async place(order: HoldOrder, durability: Durability): Promise<Placing> {
    this.requireActive();
    const deadline = this.#deadline();
    const answer = eventOf(await this.#submit({ op: 'place', order }));
    const { event, replayed, persisted } = durability === 'cache' ? answer : await this.#persisted(answer, deadline);
    if (!('order' in event)) throw new TypeError(`hold ${order.holdId} was not placed, but changed`);
    if (event.kind === 'REFUSED') return { event, hold: null, replayed, persisted };
    this.#known.keep(order);
    if (!replayed) return { event, hold: event.hold, replayed, persisted };
    const current = await this.#current(order.holdId, deadline);
    return { event, hold: current.hold, replayed, persisted: current.persisted };
  }

  async capture(order: CaptureOrder, durability: Durability): Promise<Outcome | Problem> {
    let answer: Outcome | Problem;
    try {
      answer = await this.#capture(order, durability);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      answer = error;
    }
    this.#deps.events.answered(order, answer);
    return answer;
  }

  async #capture(order: CaptureOrder, durability: Durability): Promise<Outcome> {
    this.requireActive();
    const deadline = this.#deadline();
    const answer = await this.#submit({ op: 'capture', order });
    if (!('order' in answer)) throw new TypeError(`capture ${order.transactionId} got no outcome`);
    return durability === 'cache' ? answer : this.#persisted(answer, deadline);
  }

  change(wanted: HoldChange, request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#update({ op: 'change', wanted, ...request }, durability);
  }

  void(request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#update({ op: 'void', ...request }, durability);
  }

  async #update(item: HoldItem, durability: Durability): Promise<HoldResult> {
    this.requireActive();
    const deadline = this.#deadline();
    for (;;) {
      const answer = await this.#submit(item);
      if (!('unchanged' in answer)) {
        const outcome = eventOf(answer);
        const { event, persisted } = durability === 'cache' ? outcome : await this.#persisted(outcome, deadline);
        if (!('hold' in event)) throw new TypeError(`hold ${event.holdId} was refused, not changed`);
        return { hold: event.hold, persisted };
      }
      // Possibly no pod has the earlier void in its tail, so it is certain only once MySQL has it. Repeating this void changes
      // nothing.
      if (answer.persisted) return { hold: answer.unchanged, persisted: true };
      await this.#again(deadline, holdIdOf(item));
    }
  }

  async expire(request: HoldRequest): Promise<boolean | Problem> {
    this.requireActive();
    const answer = this.#reported(await this.#deps.queue.submitHold({ op: 'expire', ...request }));
    return answer instanceof Problem ? answer : 'event' in answer;
  }

  async hold(holdId: string, by?: LookUpBy): Promise<HoldView> {
    this.requireActive();
    const deadline = this.#deadline();
    const { event, persisted } = await this.#placing(holdId, deadline, by);
    if (event.kind === 'REFUSED') return { event, hold: null, replayed: true, persisted, stale: false };
    if (event.kind !== 'PLACED') throw new TypeError(`hold ${holdId} was not placed, but changed`);
    const { hold, ...read } = await this.#found(holdId, deadline, by);
    return { event, hold, replayed: true, ...read };
  }

  async preview(item: HoldItem, windowsAt: WindowsAt): Promise<HoldPreview> {
    this.requireActive();
    const { accounts: reader, clock, session } = this.#deps;
    const [accountId = '', destinationId] = accountsOfItem(item);
    const accounts = await currentAccounts({ reader, session }, accountsOfItem(item));
    const hold = item.op === 'place' ? null : (await this.#current(holdIdOf(item), this.#deadline())).hold;
    const account = accounts.get(accountId);
    if (!account) throw new TypeError(`account ${accountId} was not read`);
    const parties = { account, destination: accounts.get(destinationId ?? '') ?? null, hold };
    const now = Math.max(...[...accounts.values()].map(({ asOf }) => asOf));
    const isLimited = [...accounts.values()].some(({ limits }) => limits !== null);
    const windows = (isLimited ? await windowsAt(now) : null) ?? 'calendar_unavailable';
    return { ...parties, decision: decideHold(item, parties, { now, podNow: clock.now(), windows }) };
  }

  requireActive(): void {
    requireFeature(this.#deps.session.format(), 'holds');
  }

  #deadline(): number {
    return this.#deps.clock.monotonic() + this.#deps.requestTimeoutMs;
  }

  #reported(answer: Outcome | HoldDone | Problem): Outcome | HoldDone | Problem {
    if ('event' in answer) this.#deps.events.holdEvent(answer);
    return answer;
  }

  /** @throws Problem */
  async #submit(item: HoldItem): Promise<Outcome | HoldDone> {
    const answer = this.#reported(await this.#deps.queue.submitHold(item));
    if (answer instanceof OtherHold) this.#known.forget(holdIdOf(item));
    const limit = limitThatRefused(answer);
    if (limit) this.#deps.events.limitRefused(limit.limit);
    if (answer instanceof Problem) throw answer;
    return answer;
  }

  /** Waits until MySQL has the outcome. @throws Problem */
  async #persisted<A extends Outcome | HoldOutcome>(answer: A, deadline: number): Promise<A> {
    const persisted = await this.#deps.watch.wait(answer, deadline);
    if (persisted instanceof Problem) throw persisted;
    return persisted;
  }

  /** The outcome of placing a hold. @throws Problem hold_not_found, the 503s */
  async #placing(holdId: string, deadline: number, { held = true }: LookUpBy = {}): Promise<HoldOutcome> {
    for (;;) {
      const [found = null] = await this.#deps.finder.find([`=${holdId}`]);
      if (found === null) throw holdNotFound(holdId);
      if (!(found instanceof Problem)) return found;
      // While the ledger moves, absence cannot be determined: the lookup is held like a change.
      if (found.code !== 'ledger_switching' || !held) throw found;
      await this.#again(deadline, holdId, found);
    }
  }

  /** The current state of a hold, or its state in MySQL while no store decides. @throws Problem hold_not_found, the 503s */
  async #found(holdId: string, deadline: number, by?: LookUpBy): Promise<ReadHold> {
    for (;;) {
      const read = await this.#deps.reader.read(holdId);
      if (read instanceof Problem) throw read;
      if (read) return read;
      const { event } = await this.#placing(holdId, deadline, by);
      if (event.kind === 'REFUSED') throw holdNotFound(holdId);
      // The hold was placed after the read.
      await this.#again(deadline, holdId);
    }
  }

  async #current(holdId: string, deadline: number): Promise<ReadHold> {
    for (;;) {
      const direct = this.#deps.session.direct();
      const found = await this.#found(holdId, deadline);
      if (!found.stale) return found;
      const problem = staleProblem(this.#deps.session, direct, `hold ${holdId}`);
      if (problem.code !== 'ledger_switching') throw problem;
      await this.#again(deadline, holdId, problem);
    }
  }

  /** @throws Problem after the deadline */
  async #again(deadline: number, holdId: string, problem?: Problem): Promise<void> {
    const { clock } = this.#deps;
    if (clock.monotonic() >= deadline)
      throw problem ?? new Problem('outcome_unknown', `hold ${holdId} was not persisted in time`, { holdId });
    await clock.sleep(AGAIN_MS);
  }
}

/** Captures are answered like transfers. */
function limitThatRefused(answer: Outcome | HoldDone | Problem): LimitRefusal | undefined {
  if (answer instanceof Problem) return answer.extras.refusedBy;
  return 'event' in answer && answer.event.kind === 'REFUSED' && !answer.replayed ? answer.event.limit : undefined;
}

function eventOf(answer: Outcome | HoldDone): HoldOutcome {
  if (!('event' in answer)) throw new TypeError('a hold received the answer of a capture');
  return answer;
}
