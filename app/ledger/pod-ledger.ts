import { unwindowed } from '../domain/business-calendar.ts';
import { type Feature, requireFeature } from '../domain/features.ts';
import { type GroupOrder, type GroupOutcome, membersOf } from '../domain/group.ts';
import { groupNotFound, transferNotFound } from '../domain/not-found.ts';
import { Problem } from '../domain/problem.ts';
import type { AccountChange, AccountView, Durability, Outcome, TransferOrder } from '../domain/types.ts';
import type { CacheServer } from '../journal/cache-port.ts';
import type { Clock } from '../kernel/clock.ts';
import { AccountChanger } from './accounts/account-changer.ts';
import { AccountLoader } from './accounts/account-loader.ts';
import { AccountReader } from './accounts/account-reader.ts';
import { currentAccounts } from './accounts/current-accounts.ts';
import { HoldLoader } from './accounts/hold-loader.ts';
import { HoldReader } from './accounts/hold-reader.ts';
import { isLimitedIn, postAll } from './direct/decide.ts';
import type { Session } from './epoch/epoch-view.ts';
import { HoldLedger } from './holds/hold-ledger.ts';
import { type Finders, findersOf } from './outcomes/finders.ts';
import { PersistenceWatch } from './outcomes/persistence-watch.ts';
import type { DirectServer } from './ports/direct-server.ts';
import type { Ledger, LookUpBy, PostedSides, RefusedOrder, WindowsAt } from './ports/ledger.ts';
import type { LedgerDatabase } from './ports/ledger-database.ts';
import type { LedgerEvents } from './ports/ledger-events.ts';
import { type CurrentTrace, type QueueLimits, TransferQueue } from './queue/transfer-queue.ts';

/** The interval at which a held lookup is retried, ms. */
const HELD_LOOK_MS = 100;

export interface PodLedgerDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  direct: DirectServer;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
  limits: QueueLimits & { cachedAccountsMax: number };
  /** Absent while tracing is off. */
  currentTrace?: CurrentTrace;
}

/**
 * The ledger of a pod. Redis decides, and MySQL provides what Redis does not hold; while Redis is unavailable, MySQL
 * decides. The session determines which store has the authority.
 */
export class PodLedger implements Ledger {
  readonly #queue: TransferQueue;
  readonly #reader: AccountReader;
  readonly #finders: Finders;
  readonly #watch: PersistenceWatch;
  readonly holds: HoldLedger;
  readonly #changer: AccountChanger;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #events: LedgerEvents;
  readonly #requestTimeoutMs: number;

  constructor(deps: PodLedgerDependencies) {
    const { cache, session, clock, limits } = deps;
    this.#session = session;
    this.#clock = clock;
    this.#events = deps.events;
    this.#requestTimeoutMs = limits.requestTimeoutMs;
    const loader = new AccountLoader({ ...deps, accountsMax: limits.cachedAccountsMax });
    this.#finders = findersOf(deps);
    const holdLoader = new HoldLoader(deps);
    this.#queue = new TransferQueue({ ...deps, loader, holdLoader, finders: this.#finders });
    this.#reader = new AccountReader({ ...deps, loader });
    this.#watch = new PersistenceWatch({ cache, session, clock, finders: this.#finders });
    this.holds = new HoldLedger({
      ...deps,
      queue: this.#queue,
      reader: new HoldReader(deps),
      finder: this.#finders.holds,
      accounts: this.#reader,
      watch: this.#watch,
      requestTimeoutMs: limits.requestTimeoutMs,
    });
    this.#changer = new AccountChanger({ ...deps, loader, requestTimeoutMs: limits.requestTimeoutMs });
  }

  /** Transfers in the queue. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Number of requests that wait for MySQL while Redis decides; they need no CPU while they wait. */
  get requestsWaitingForDatabase(): number {
    return this.#queue.requestsWaitingForDatabase;
  }

  /** Transfers without an answer yet. */
  get open(): number {
    return this.#queue.open;
  }

  async apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]> {
    const deadline = this.#clock.monotonic() + this.#requestTimeoutMs;
    let answers = await this.#queue.submit(orders);
    if (durability === 'persisted')
      answers = await Promise.all(answers.map((answer) => this.#watch.wait(answer, deadline)));
    for (let index = 0; index < orders.length; index++) {
      const [order, answer] = [orders[index], answers[index]];
      // The answer to a transfer between shards is reported once, not with each of its legs.
      if (order && answer && !order.leg) this.#events.answered(order, answer);
    }
    return answers;
  }

  async applyGroup(group: GroupOrder, durability: Durability): Promise<GroupOutcome | Problem> {
    const deadline = this.#clock.monotonic() + this.#requestTimeoutMs;
    try {
      requireFeature(this.#session.format(), 'groups');
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
    let answer = await this.#queue.submitGroup(group);
    if (durability === 'persisted') answer = await this.#watch.wait(answer, deadline);
    this.#report(group, answer);
    return answer;
  }

  async preview(
    orders: readonly TransferOrder[],
    what: 'transfers' | 'group',
    windows: WindowsAt,
  ): Promise<PostedSides | RefusedOrder> {
    if (what === 'group') requireFeature(this.#session.format(), 'groups');
    const ids = [...new Set(orders.flatMap(({ source, destination }) => [source, destination]))];
    const accounts = await currentAccounts({ reader: this.#reader, session: this.#session }, ids);
    if (!orders.some((order) => isLimitedIn(order, accounts))) return postAll(orders, accounts, 'calendar_unavailable');
    const now = await windows(Math.max(...[...accounts.values()].map(({ asOf }) => asOf)));
    if (!now) throw unwindowed('calendar_unavailable');
    return postAll(orders, accounts, now);
  }

  /** A group that was not posted counts as one refused transfer. */
  #report({ orders }: GroupOrder, answer: GroupOutcome | Problem): void {
    if (answer instanceof Problem || answer.status === 'REJECTED') {
      const index = answer instanceof Problem ? answer.extras.index : answer.index;
      const order = orders[index ?? 0];
      if (order) this.#events.answered(order, answer instanceof Problem ? answer : new Problem('group_refused', ''));
      if (!(answer instanceof Problem) && !answer.replayed && answer.limit)
        this.#events.limitRefused(answer.limit.limit);
      return;
    }
    for (const member of membersOf(answer)) this.#events.answered(member.order, member);
  }

  async outcome(transactionId: string, by?: LookUpBy): Promise<Outcome> {
    const found = await this.#found(() => this.#finders.transfers.find([transactionId]), by);
    if (!found) throw transferNotFound(transactionId);
    return found;
  }

  async groupOutcome(groupId: string, by?: LookUpBy): Promise<GroupOutcome> {
    requireFeature(this.#session.format(), 'groups');
    const found = await this.#found(() => this.#finders.groups.find([groupId]), by);
    if (!found) throw groupNotFound(groupId);
    return found;
  }

  async #found<O>(find: () => Promise<(O | Problem | null)[]>, { held = true }: LookUpBy = {}): Promise<O | null> {
    const deadline = this.#clock.monotonic() + (held ? this.#requestTimeoutMs : 0);
    for (;;) {
      const [found = null] = await find();
      // While the authority moves, absence cannot be determined, so the lookup is held like a change.
      if (found instanceof Problem && found.code === 'ledger_switching' && this.#clock.monotonic() < deadline) {
        await this.#clock.sleep(HELD_LOOK_MS);
        continue;
      }
      if (found instanceof Problem) throw found;
      return found;
    }
  }

  read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]> {
    return this.#reader.read(accountIds);
  }

  requireFeature(feature: Feature): void {
    requireFeature(this.#session.format(), feature);
  }

  changeAccount(change: AccountChange): Promise<AccountView> {
    return this.#changer.change(change);
  }
}
