import type { GroupOutcome } from '../../domain/group.ts';
import { type HoldEvent, type HoldOutcome, holdOutcomeOf } from '../../domain/hold-events.ts';
import type { HoldState, StoredHold } from '../../domain/hold-types.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { Account, Outcome, TransferOrder } from '../../domain/types.ts';
import type { Caller, KeeperCaller } from '../../journal/cache-port.ts';
import type { Stamp } from '../../journal/cursor.ts';
import { keyOfEvent } from '../../journal/hold-codec.ts';
import { CacheModel } from '../../journal/testing/cache-model.ts';
import { FaultyCache } from '../../journal/testing/faulty-cache.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import { EpochView } from '../epoch/epoch-view.ts';
import { PodLedger, type PodLedgerDependencies } from '../pod-ledger.ts';
import type { AuthorityStamp, LedgerDatabase } from '../ports/ledger-database.ts';
import { CountedEvents } from './counted-events.ts';
import { ManualSession } from './manual-session.ts';
import { MemoryDirect } from './memory-direct.ts';

export const LIMITS: PodLedgerDependencies['limits'] = {
  requestTimeoutMs: 10_000,
  queueTransfersMax: 1_000,
  databaseWaitRequestsMax: 500,
  applyBatchMax: 500,
  applyCallsInFlightMax: 4,
  secondCallTransfersMin: 1,
  backlogEntriesMax: 1_000,
  backlogAgeMaxMs: 60_000,
  tailBytesMax: 10_000_000,
  cachedAccountsMax: 1_000,
};

/** MySQL as a pod sees it, with the contents that a test provides. */
export class MemoryDatabase implements LedgerDatabase {
  stamp: Stamp = { epoch: 1, cursor: 0 };
  /** The authority; null if the cache has it, in the epoch of the stamp. */
  authority: AuthorityStamp | null = null;
  readonly accounts = new Map<string, Account>();
  readonly outcomes = new Map<string, Outcome>();
  readonly groups = new Map<string, GroupOutcome>();
  readonly holds = new Map<string, StoredHold>();
  /** Keyed by the ids of holds and of their events, as they are stored in Redis. */
  readonly holdOutcomes = new Map<string, HoldOutcome>();
  /** Accounts and ids that wait for a journal. */
  readonly frozen = new Set<string>();
  readonly unsettled = new Set<string>();
  /** MySQL's clock. */
  now: () => number = () => 0;
  /** If set, every read fails with this error. */
  broken: Error | null = null;
  reads = { accounts: 0, outcomes: 0, holds: 0 };
  /** Runs while a read of accounts or outcomes is in progress. */
  whileLoading: () => Promise<void> = async () => {};
  whileReading: () => Promise<void> = async () => {};

  async loadAccounts(ids: readonly string[]) {
    this.reads.accounts += 1;
    if (this.broken) throw this.broken;
    const found = ids
      .flatMap((id) => this.accounts.get(id) ?? [])
      .map((account) => [account.accountId, { ...account }] as const);
    const frozen = new Set(ids.filter((id) => this.frozen.has(id)));
    const answer = { ...this.#snapshot(), accounts: new Map(found), acceptedUpTo: 0, readAt: this.now(), frozen };
    await this.whileLoading();
    return answer;
  }
  async findOutcomes(ids: readonly string[]) {
    this.reads.outcomes += 1;
    if (this.broken) throw this.broken;
    const found = ids
      .flatMap((id) => this.outcomes.get(id) ?? [])
      .map((outcome) => [outcome.order.transactionId, outcome] as const);
    const unsettled = new Set(ids.filter((id) => this.unsettled.has(id)));
    const answer = { ...this.#snapshot(), outcomes: new Map(found), unsettled };
    await this.whileReading();
    return answer;
  }
  async findGroups(groupIds: readonly string[], transactionIds: readonly string[]) {
    this.reads.outcomes += 1;
    if (this.broken) throw this.broken;
    const groups = groupIds.flatMap((id) => this.groups.get(id) ?? []).map((one) => [one.group.groupId, one] as const);
    const waiting = [...groupIds.map((id) => `+${id}`), ...transactionIds].filter((id) => this.unsettled.has(id));
    const answer = {
      ...this.#snapshot(),
      outcomes: new Map(groups),
      taken: new Set(transactionIds.filter((id) => this.outcomes.has(id))),
      unsettled: new Set(waiting),
    };
    await this.whileReading();
    return answer;
  }
  async findHolds(keys: readonly string[]) {
    this.reads.outcomes += 1;
    if (this.broken) throw this.broken;
    const found = keys.flatMap((key) => {
      const outcome = this.holdOutcomes.get(key);
      return outcome ? [[key, outcome] as const] : [];
    });
    const unsettled = new Set(keys.filter((key) => this.unsettled.has(key)));
    const answer = { ...this.#snapshot(), outcomes: new Map(found), unsettled };
    await this.whileReading();
    return answer;
  }
  async loadHolds(ids: readonly string[]) {
    this.reads.holds += 1;
    if (this.broken) throw this.broken;
    const found = ids.flatMap((id) => this.holds.get(id) ?? []);
    const frozen = found.filter(({ account }) => this.frozen.has(account)).map(({ holdId }) => holdId);
    const holds = new Map(found.map((hold) => [hold.holdId, { ...hold }]));
    const answer = { ...this.#snapshot(), holds, frozen: new Set(frozen), readAt: this.now() };
    await this.whileLoading();
    return answer;
  }
  /** Writes events of holds, without their effect on accounts. Captures are in `outcomes`, too. */
  writeHolds(events: readonly HoldEvent[], outcomes: readonly Outcome[]): void {
    for (const event of events) {
      this.holdOutcomes.set(keyOfEvent(event), holdOutcomeOf(event, true, true));
      if (event.kind === 'PLACED') {
        const { holdId, account, destination, currency } = event.order;
        this.holds.set(holdId, { holdId, account, destination, currency, ...event.hold });
      } else if (event.kind !== 'REFUSED') this.#moveHold(event.holdId, event.hold);
    }
    for (const { order, ...outcome } of outcomes)
      if (outcome.status === 'POSTED' && outcome.hold) this.#moveHold(order.capture?.holdId ?? '', outcome.hold.hold);
  }
  #moveHold(holdId: string, state: HoldState): void {
    const hold = this.holds.get(holdId);
    if (hold && hold.revision < state.revision) this.holds.set(holdId, { ...hold, ...state });
  }
  #snapshot(): { stamp: Stamp; authority: AuthorityStamp } {
    const authority = this.authority ?? { epoch: this.stamp.epoch, mode: 'CACHE', recovered: true };
    return { stamp: { ...this.stamp }, authority: { ...authority } };
  }
}

/** A ledger over the model of Redis, in virtual time. A test can make its calls fail. */
export class ModelLedger {
  readonly clock = new VirtualClock();
  readonly model = new CacheModel('replid');
  readonly cache = new FaultyCache(this.model);
  readonly database = new MemoryDatabase();
  readonly direct = new MemoryDirect(this.database);
  readonly session = new ManualSession();
  readonly events = new CountedEvents();
  readonly ledger: PodLedger;
  caller: Caller = { epoch: 1, format: 1, replid: 'replid', podId: 'pod-1' };

  private constructor(limits: Partial<PodLedgerDependencies['limits']>) {
    this.model.now = () => this.clock.now();
    this.database.now = () => this.clock.now();
    for (const id of ['world', 'a', 'b', 'c']) this.database.accounts.set(id, accountOf(id));
    const { cache, database, direct, session, clock, events } = this;
    this.ledger = new PodLedger({ cache, database, direct, session, clock, events, limits: { ...LIMITS, ...limits } });
  }

  /** @param limits the limits that differ from the defaults */
  static async open(limits: Partial<PodLedgerDependencies['limits']> = {}): Promise<ModelLedger> {
    const stage = new ModelLedger(limits);
    await stage.begin(1);
    return stage;
  }

  /** Begins an epoch, and registers the pod in it. */
  async begin(epoch: number): Promise<void> {
    this.caller = { ...this.caller, epoch };
    await this.model.activate({ epoch, format: 1 }, 'replid', `marker-${epoch}`, this.clock.now() - 1_000);
    this.database.stamp = { epoch, cursor: 0 };
    this.database.authority = null;
    await this.sit();
  }
  /** Gives MySQL the authority. Data of the cache is not copied there: a test provides it. */
  beginDirect(epoch: number): void {
    const recovered = this.database.frozen.size === 0 && this.database.unsettled.size === 0;
    this.database.authority = { epoch, mode: 'DIRECT', recovered };
    this.session.openDirectly(epoch);
  }
  /** Registers, and opens the session with a new view. */
  async sit(): Promise<EpochView> {
    const view = new EpochView(this.caller);
    view.observe(await this.model.register(this.caller));
    this.session.open(view);
    return view;
  }

  get keeper(): KeeperCaller {
    return { fenceEpoch: this.caller.epoch, epoch: this.caller.epoch, format: 1, replid: 'replid' };
  }
  /** An order with an id of the current time. */
  order(different: Partial<TransferOrder> = {}): TransferOrder {
    return orderOf(different, this.clock.now());
  }
  async apply(...orders: TransferOrder[]) {
    return this.clock.until(this.ledger.apply(orders, 'cache'));
  }
  async applyGroup(groupId: string, ...orders: TransferOrder[]) {
    const group = { groupId, orders: orders.map((one) => ({ ...one, groupId })), split: null };
    return this.clock.until(this.ledger.applyGroup(group, 'cache'));
  }
  /** The balance of an account in the cache, or null if it is not there. */
  async balance(accountId: string): Promise<number | null> {
    const { accounts } = await this.model.read(this.caller, [accountId]);
    return accounts[0]?.balance ?? null;
  }
}
