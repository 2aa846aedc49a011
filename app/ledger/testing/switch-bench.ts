import { type GroupOutcome, membersOf } from '../../domain/group.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { KeeperCaller } from '../../journal/cache-port.ts';
import { keyOfItem } from '../../journal/hold-codec.ts';
import { itemsOf } from '../../journal/journaled.ts';
import { CacheModel } from '../../journal/testing/cache-model.ts';
import { type Fault, FaultyCache, passing } from '../../journal/testing/faulty-cache.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import { EpochView } from '../epoch/epoch-view.ts';
import { PodLedger, type PodLedgerDependencies } from '../pod-ledger.ts';
import type { DirectChange, DirectGroup, DirectHold, DirectItem, DirectServer } from '../ports/direct-server.ts';
import type { AuthorityStamp } from '../ports/ledger-database.ts';
import { CountedEvents } from './counted-events.ts';
import { ManualSession } from './manual-session.ts';
import { MemoryDirect } from './memory-direct.ts';
import { LIMITS, MemoryDatabase } from './model-ledger.ts';

/** MySQL as the ledger, with faults that a test schedules; it records the calls that it receives. */
export class FaultyDirect implements DirectServer {
  readonly #database: MemoryDatabase;
  readonly #server: DirectServer;
  readonly #faults: Fault[] = [];
  #always: Fault = passing;
  /** The ids of every transaction. */
  readonly calls: string[][] = [];
  /** Changes that were written to MySQL from the journal. */
  readonly recovered = new Set<string>();

  constructor(database: MemoryDatabase) {
    this.#database = database;
    this.#server = new MemoryDirect(database);
  }

  next(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }
  always(fault: Fault): void {
    this.#always = fault;
  }

  apply(epoch: number, items: readonly DirectItem[]) {
    this.calls.push(items.map(({ order }) => order.transactionId));
    return this.#through(() => this.#server.apply(epoch, items));
  }

  applyGroups(epoch: number, items: readonly DirectGroup[]) {
    this.calls.push(items.map(({ group }) => `+${group.groupId}`));
    return this.#through(() => this.#server.applyGroups(epoch, items));
  }

  applyHolds(epoch: number, items: readonly DirectHold[]) {
    this.calls.push(items.map(({ hold }) => keyOfItem(hold)));
    return this.#through(() => this.#server.applyHolds(epoch, items));
  }

  change(epoch: number, change: DirectChange) {
    this.calls.push([change.changeId]);
    return this.#through(async () => {
      if (!this.recovered.has(change.changeId)) return this.#server.change(epoch, change);
      await this.#server.apply(epoch, []);
      return this.#database.accounts.get(change.accountId) ?? accountOf(change.accountId);
    });
  }

  #through<T>(run: () => Promise<T>): Promise<T> {
    return (this.#faults.shift() ?? this.#always)(run);
  }
}

/** The ledger of one pod, in virtual time. A test moves its authority between a model of Redis and a model of MySQL. */
export class SwitchBench {
  readonly clock = new VirtualClock();
  readonly model = new CacheModel('replid');
  readonly cache = new FaultyCache(this.model);
  readonly database = new MemoryDatabase();
  readonly direct = new FaultyDirect(this.database);
  readonly session = new ManualSession();
  readonly events = new CountedEvents();
  readonly ledger: PodLedger;
  #epoch = 0;

  private constructor(limits: Partial<PodLedgerDependencies['limits']>) {
    this.model.now = () => this.clock.now();
    this.database.now = () => this.clock.now();
    for (const id of ['world', 'a', 'b', 'c']) this.database.accounts.set(id, accountOf(id));
    const { cache, database, direct, session, clock, events } = this;
    this.ledger = new PodLedger({ cache, database, direct, session, clock, events, limits: { ...LIMITS, ...limits } });
  }

  /** The pod starts in epoch 1 of the cache. */
  static async open(limits: Partial<PodLedgerDependencies['limits']> = {}): Promise<SwitchBench> {
    const bench = new SwitchBench(limits);
    await bench.toCache();
    return bench;
  }

  get epoch(): number {
    return this.#epoch;
  }
  get keeper(): KeeperCaller {
    return { fenceEpoch: this.#epoch, epoch: this.#epoch, format: 1, replid: 'replid' };
  }
  #moved(mode: AuthorityStamp['mode'], recovered: boolean): void {
    this.#epoch += 1;
    this.database.authority = { epoch: this.#epoch, mode, recovered };
  }

  async toCache(): Promise<EpochView> {
    this.#moved('CACHE', true);
    const epoch = this.#epoch;
    await this.model.activate({ epoch, format: 1 }, 'replid', `marker-${epoch}`, this.clock.now() - 1);
    this.database.stamp = { epoch, cursor: 0 };
    const view = new EpochView({ epoch, format: 1, replid: 'replid', podId: `pod-${epoch}` });
    view.observe(await this.model.register(view.caller));
    this.session.open(view);
    return view;
  }
  /** Ends the epoch and closes the pod's session. */
  close(): void {
    this.#moved('CLOSING', false);
    this.session.close();
  }
  /** Writes the whole journal of the ended epoch to MySQL. */
  async settle(): Promise<void> {
    const { epoch } = this.database.stamp;
    await this.model.fence(this.#epoch, 'replid');
    const { entries, head } = await this.model.journal(
      { fenceEpoch: this.#epoch, epoch, format: 1, replid: 'replid' },
      0,
      10_000,
    );
    const { accounts, outcomes, groups } = this.database;
    const changed = (id: string, fields: object) =>
      accounts.set(id, { ...accountOf(id), ...accounts.get(id), ...fields });
    for (const item of entries.flatMap((entry) => itemsOf(entry, epoch))) {
      if (item.kind === 'account-change') {
        const { status, overdraftLimit, settingsVersion } = item.change;
        changed(item.change.accountId, { status, overdraftLimit, settingsVersion });
        this.direct.recovered.add(item.id);
        continue;
      }
      if ('event' in item) {
        this.database.writeHolds([item.event], []);
        if (item.event.kind !== 'REFUSED') {
          const { account, side, held } = item.event;
          changed(account, { balance: side.balance, version: side.version, held });
        }
        continue;
      }
      if (item.kind === 'group') groups.set(item.id, { ...item.outcome, replayed: true, persisted: true });
      for (const outcome of item.kind === 'group' ? membersIn(item.outcome) : [item.outcome]) {
        const { order } = outcome;
        outcomes.set(order.transactionId, { ...outcome, replayed: true, persisted: true });
        if (outcome.status === 'REJECTED') continue;
        const { source, destination, hold } = outcome;
        this.database.writeHolds([], [outcome]);
        changed(order.source, {
          balance: source.balance,
          version: source.version,
          ...(hold && { held: hold.held }),
        });
        changed(order.destination, { balance: destination.balance, version: destination.version });
      }
    }
    this.database.stamp = { epoch, cursor: head.seq };
  }
  /** Gives MySQL the authority. @param recovered false if something waits for the journal */
  toDirect(recovered = true): number {
    this.#moved('DIRECT', recovered);
    this.session.openDirectly(this.#epoch);
    return this.#epoch;
  }
  rebuild(): void {
    this.#moved('REBUILDING', true);
    this.session.close();
  }

  /** An order whose id has the current time. */
  order(different: Partial<TransferOrder> = {}): TransferOrder {
    return orderOf(different, this.clock.now());
  }
  async apply(...orders: TransferOrder[]) {
    return this.clock.until(this.ledger.apply(orders, 'cache'));
  }
  stored(accountId: string): { balance: number; version: number } {
    const { balance, version } = this.database.accounts.get(accountId) ?? accountOf(accountId);
    return { balance, version };
  }
}

const membersIn = (outcome: GroupOutcome): Outcome[] => (outcome.status === 'POSTED' ? membersOf(outcome) : []);
