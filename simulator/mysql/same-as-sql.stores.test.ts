import { afterAll, beforeAll, expect, it } from 'vitest';
import type {
  EpochRecoveryStore,
  HandOverStore as HandOvers,
  KeeperAuthority,
  PodAuthority,
  RuleFormats,
} from '../../app/authority/authority-ports.ts';
import type { Authority, Format, Mode } from '../../app/domain/authority.ts';
import type { StoredHold } from '../../app/domain/hold-types.ts';
import { Problem } from '../../app/domain/problem.ts';
import { accountOf, orderOf } from '../../app/domain/testing/orders.ts';
import type { TransferOrder } from '../../app/domain/types.ts';
import type { Caller } from '../../app/journal/cache-port.ts';
import { encodeOrder } from '../../app/journal/codec.ts';
import { CursorConflictError } from '../../app/journal/cursor.ts';
import { batchOf, IntegrityError } from '../../app/journal/flush-batch.ts';
import { encodeHoldItem } from '../../app/journal/hold-codec.ts';
import type { InDoubtAttempt, JournalEntry } from '../../app/journal/journal-entry.ts';
import { lastSeqOf } from '../../app/journal/journaled.ts';
import type { Recovery } from '../../app/journal/recovery/recovery.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { systemClock } from '../../app/kernel/clock.ts';
import { DirectError, type DirectServer } from '../../app/ledger/ports/direct-server.ts';
import type { LedgerDatabase } from '../../app/ledger/ports/ledger-database.ts';
import { AuthorityStore } from '../../app/mysql/authority/authority-store.ts';
import { FormatStore } from '../../app/mysql/authority/format-store.ts';
import { MysqlHandOverStore } from '../../app/mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../../app/mysql/authority/recovery-store.ts';
import { DirectStore } from '../../app/mysql/ledger/direct-store.ts';
import { FlushStore } from '../../app/mysql/ledger/flush-store.ts';
import { LedgerReader } from '../../app/mysql/ledger/ledger-reader.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../../app/mysql/testing/test-database.ts';
import type { JournalStore } from '../../app/sync/flusher.ts';
import { Link } from '../core/link.ts';
import { Random } from '../core/random.ts';
import { Scheduler } from '../core/scheduler.ts';
import { SimProcess } from '../core/sim-process.ts';
import { uuidV7 } from '../world/uuid.ts';
import { AuthorityTables } from './authority-tables.ts';
import { DirectTables } from './direct-tables.ts';
import { HandOverTables } from './hand-over-tables.ts';
import { HoldItems } from './hold-items.ts';
import { JournalTables } from './journal-tables.ts';
import { MysqlClient } from './mysql-client.ts';
import { MysqlServer } from './mysql-server.ts';
import { ReaderTables } from './reader-tables.ts';
import { RecoveryStoreTables } from './recovery-store-tables.ts';

const RUNS = 25;
const STEPS = 70;
const ACCOUNTS = ['a', 'b', 'c', 'world'].map((id) => accountOf(id, { overdraftLimit: id === 'a' ? 30 : 0 }));
const PODS = ['p1', 'p2', 'p3'];
const BY = { keeper: 'k', reason: 'why' };

interface Stores {
  authority: PodAuthority & KeeperAuthority & Pick<AuthorityTables, 'markRetired'>;
  formats: RuleFormats;
  handOverStore: HandOvers & Pick<HandOverTables, 'forget'>;
  journal: JournalStore;
  recoveryStore: EpochRecoveryStore;
  reader: LedgerDatabase;
  direct: DirectServer;
}

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());

function real(): Stores {
  const { database } = db;
  return {
    authority: new AuthorityStore(database),
    formats: new FormatStore(database),
    handOverStore: new MysqlHandOverStore(database),
    journal: new FlushStore(database),
    recoveryStore: new RecoveryStore(database, { outcomesMax: 1, bytesMax: 1 }),
    reader: new LedgerReader(database),
    direct: new DirectStore({ database, clock: systemClock }),
  };
}

function simulated(): { stores: Stores; until<T>(promise: Promise<T>): Promise<T> } {
  const scheduler = new Scheduler();
  const random = new Random(1);
  const server = new MysqlServer(scheduler);
  for (const account of ACCOUNTS) server.tables.accounts.set(account.accountId, { ...account });
  const process = new SimProcess('p', scheduler, random, { rate: 1, offsetMs: 0 });
  const link = new Link(scheduler, random, 0.1);
  const client = new MysqlClient({ process, scheduler, random, server, link, queryTimeoutMs: 1_000 });
  const stores: Stores = {
    authority: new AuthorityTables(client),
    formats: new AuthorityTables(client),
    handOverStore: new HandOverTables(client),
    journal: new JournalTables(client),
    recoveryStore: new RecoveryStoreTables(client),
    reader: new ReaderTables(client),
    direct: new DirectTables(client),
  };
  return {
    stores,
    async until(promise) {
      let settled = false;
      const done = () => {
        settled = true;
      };
      promise.then(done, done);
      await scheduler.run(scheduler.nowMs + 10_000, () => settled);
      return promise;
    },
  };
}

const CLOCKS = ['ageMs', 'silentMs', 'redisSinceMs', 'acceptedAt', 'acceptedUpTo', 'readAt'];

/** The result of a call, without times and texts. */
async function saidBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => ({ value: plain(value) }),
    (error: unknown) => {
      if (error instanceof Problem) return { problem: error.code };
      if (error instanceof DirectError) return { direct: error.kind };
      if (error instanceof CursorConflictError || error instanceof IntegrityError) return { refused: error.name };
      return { refused: 'Error' };
    },
  );
}
function plain(value: unknown): unknown {
  if (value instanceof Problem) return { problem: value.code };
  if (value instanceof Map) return Object.fromEntries([...value].sort().map(([key, one]) => [key, plain(one)]));
  if (value instanceof Set) return [...value].sort();
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value ?? null;
  // The progress of the recovery is in its row, which is compared after every step.
  if ('working' in value) return { working: (value.working as Recovery).phase };
  const fields = Object.entries(value).filter(([name]) => !CLOCKS.includes(name));
  return Object.fromEntries(fields.sort().map(([name, one]) => [name, plain(one)]));
}

type Step = Exclude<
  { [Name in keyof Pair]: Pair[Name] extends () => Promise<void> ? Name : never }[keyof Pair],
  'step'
>;

/** Makes the same calls on the simulated and the real tables, with a model of Redis that produces the journals. */
class Pair {
  readonly #random: Random;
  readonly #real = real();
  readonly #simulated = simulated();
  #redis = new CacheModel('r'.repeat(40));
  #journal: JournalEntry[] = [];
  #epoch = 0;
  #format: Format = 1;
  #now: Authority | null = null;
  readonly #orders: TransferOrder[] = [];
  readonly #holds: HoldItems;
  readonly said = new Map<string, number>();
  /** The states that holds have reached, in the simulated and in the real tables. */
  readonly statuses = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
    this.#holds = new HoldItems(random);
  }

  async #both<T>(what: string, call: (stores: Stores) => Promise<T>): Promise<unknown> {
    const [one, other] = [
      await saidBy(call(this.#real)),
      await saidBy(this.#simulated.until(call(this.#simulated.stores))),
    ];
    expect(other, what).toEqual(one);
    const kind = `${what}: ${JSON.stringify(one).slice(0, 24)}`;
    this.said.set(kind, (this.said.get(kind) ?? 0) + 1);
    return (one as { value?: unknown }).value;
  }

  async step(): Promise<void> {
    const random = this.#random;
    const now = await this.#simulated.until(this.#simulated.stores.authority.read());
    this.#now = random.chance(0.95) ? now : { ...now, epoch: now.epoch - 1 };
    const what = random.weighted<Step>(NEXT[now.mode]);
    await this[what]();
    await this.#compare();
  }

  async #compare(): Promise<void> {
    const ids = this.#orders.map(({ transactionId }) => transactionId).concat('none', this.#holds.captureIds);
    await this.#both('read', async ({ authority, reader, recoveryStore }) => {
      const now = await authority.read();
      return {
        authority: now,
        cursor: await authority.cursor(),
        pods: [...(await authority.pods())].sort((a, b) => (a.podId < b.podId ? -1 : 1)),
        live: (await authority.livePods()).length,
        observed: await authority.observedIn(this.#epoch),
        handedOver: await authority.allHandedOver(this.#epoch),
        accounts: await reader.loadAccounts(ACCOUNTS.map(({ accountId }) => accountId)),
        outcomes: await reader.findOutcomes(ids),
        holds: this.#seen(await reader.loadHolds(this.#holds.holdIds)),
        holdOutcomes: await reader.findHolds(this.#holds.keys),
        recovery: await recoveryStore.recovery(now),
      };
    });
  }

  #seen<T extends { holds: ReadonlyMap<string, StoredHold> }>(loaded: T): T {
    for (const { status } of loaded.holds.values()) this.statuses.add(status);
    return loaded;
  }

  get #from(): Authority {
    if (!this.#now) throw new Error('where is the authority?');
    return this.#now;
  }

  async move(): Promise<void> {
    const mode = this.#random.pick(['CLOSING', 'DIRECT', 'REBUILDING'] as const);
    await this.#both('move', ({ authority }) => authority.move(this.#from, mode, BY));
  }
  async raiseFormat(): Promise<void> {
    await this.#both('raiseFormat', ({ formats }) => formats.raise(this.#from, BY));
  }
  async activate(): Promise<void> {
    const cacheEpoch = this.#from.epoch + 1;
    const server = { cacheEpoch, redisNode: 'n', replid: this.#redis.replid, marker: `m${cacheEpoch}` };
    const moved = await this.#both('activate', ({ recoveryStore }) => recoveryStore.activate(this.#from, server, BY));
    if (!moved) return;
    this.#epoch = cacheEpoch;
    this.#format = this.#from.format;
    this.#journal = [];
    this.#redis = new CacheModel(this.#redis.replid);
    await this.#redis.activate({ epoch: cacheEpoch, format: this.#format }, this.#redis.replid, server.marker, 0);
    await this.#redis.register(this.#caller);
    const ids = ACCOUNTS.map(({ accountId }) => accountId);
    const { accounts } = await this.#simulated.until(this.#simulated.stores.reader.loadAccounts(ids));
    await this.#redis.install(this.#caller, [...accounts.values()], 0, 10);
    const { holds } = await this.#simulated.until(this.#simulated.stores.reader.loadHolds(this.#holds.holdIds));
    await this.#redis.installHolds(this.#caller, [...holds.values()], 0);
  }
  get #caller(): Caller {
    return { epoch: this.#epoch, format: this.#format, replid: this.#redis.replid, podId: 'writer' };
  }

  async write(): Promise<void> {
    if (this.#random.chance(0.2)) {
      const changeId = uuidV7(1_700_000_000_000, this.#random);
      const accountId = this.#random.pick(['a', 'b']);
      const payload = JSON.stringify({ changeId, accountId, acceptedAt: 5, user: 'u', correlationId: 'c' });
      const command = { accountId, changeId, expectedSettingsVersion: null, status: null, overdraftLimit: 20, payload };
      this.#journal.push(...(await this.#redis.change(this.#caller, command)).entries);
      return;
    }
    if (this.#random.chance(0.4)) {
      const holds = Array.from({ length: this.#random.whole(1, 3) }, () => this.#holds.next()).map((hold) => ({
        ...{ hold, payload: encodeHoldItem(hold, 5), lookupCursor: 0, podNow: Date.now() },
      }));
      this.#journal.push(...(await this.#redis.apply(this.#caller, holds)).entries);
      return;
    }
    const items = Array.from({ length: this.#random.whole(1, 3) }, () => this.#newOrder()).map((order) => ({
      order,
      payload: encodeOrder(order, 5),
      lookupCursor: 0,
    }));
    this.#journal.push(...(await this.#redis.apply(this.#caller, items)).entries);
  }
  #newOrder(): TransferOrder {
    const random = this.#random;
    const [source, destination] = random.pick([
      ['world', 'a'],
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
      ['b', 'world'],
    ] as const);
    const transactionId = random.chance(0.5)
      ? uuidV7(1_700_000_000_000 + random.whole(0, 9_999), random)
      : `t-${random.hex(8)}`;
    const order = orderOf({ transactionId, source, destination, amount: random.whole(1, 40) });
    this.#orders.push(order);
    return order;
  }

  async flush(): Promise<void> {
    const { seq } = await this.#simulated.until(this.#simulated.stores.journal.cursor());
    const after = this.#random.chance(0.9) ? seq : 0;
    const entries = this.#journal.filter(({ firstSeq }) => firstSeq > after).slice(0, this.#random.whole(1, 3));
    if (entries.length === 0 || entries[0]?.firstSeq !== after + 1) return;
    const batch = batchOf(entries, this.#epoch, after);
    await this.#both('flush', ({ journal }) => journal.commit(batch, this.#from.epoch));
  }
  async register(): Promise<void> {
    const podId = this.#random.pick(PODS);
    await this.#both('register', ({ authority }) => authority.register(podId, this.#from.epoch));
  }
  async heartbeat(): Promise<void> {
    const podId = this.#random.pick(PODS);
    const observed = this.#random.whole(0, this.#journal.length);
    const registration = this.#random.chance(0.7) ? { podId, observed } : null;
    const report = { processId: podId, redisSeen: this.#random.chance(0.5), registration };
    await this.#both('heartbeat', ({ authority }) => authority.heartbeat(report));
  }
  async retire(): Promise<void> {
    const podId = this.#random.pick(PODS);
    const seq = this.#random.whole(0, this.#journal.length);
    if (this.#random.chance(0.7)) await this.#both('retire', ({ authority }) => authority.markRetired(podId, seq));
    else await this.#both('remove', ({ authority }) => authority.removePod(podId));
  }
  async keep(): Promise<void> {
    const random = this.#random;
    const podId = random.pick(PODS);
    const lossless = random.chance(0.5);
    const entries = this.#journal.filter(() => lossless || random.chance(0.8));
    const inDoubt: InDoubtAttempt[] = this.#orders
      .slice(-6)
      .filter(() => random.chance(0.4))
      .map(({ transactionId: id, source, destination }) => ({
        kind: 'transfers',
        id,
        accounts: [source, destination],
      }));
    inDoubt.push(...this.#holds.inDoubt());
    await this.#both('keep', ({ handOverStore }) => handOverStore.keep(this.#epoch, podId, { entries, inDoubt }));
  }
  async complete(): Promise<void> {
    const podIds = PODS.filter(() => this.#random.chance(0.7));
    const observed = this.#random.whole(0, this.#journal.length);
    if (podIds.length > 0)
      await this.#both('complete', ({ handOverStore }) => handOverStore.complete(this.#epoch, podIds, observed));
  }
  async forget(): Promise<void> {
    await this.#both('forget', ({ handOverStore }) => handOverStore.forget(this.#epoch, this.#random.whole(0, 0) + 3));
  }
  get #end(): number {
    const last = this.#journal.at(-1);
    return last ? lastSeqOf(last) : 0;
  }
  async byJournal(): Promise<void> {
    const end = this.#random.chance(0.8) ? this.#end : 1;
    const to = this.#random.pick(['DIRECT', 'REBUILDING'] as const);
    await this.#both('byJournal', ({ recoveryStore }) => recoveryStore.finishFromJournal(this.#from, to, end, BY));
  }
  async byHandOvers(): Promise<void> {
    await this.#both('byHandOvers', ({ recoveryStore }) => recoveryStore.recoverFromHandOvers(this.#from, BY));
  }
  async late(): Promise<void> {
    const { seq } = await this.#simulated.until(this.#simulated.stores.journal.cursor());
    const entries = this.#journal.filter((entry) => entry.firstSeq > seq && this.#random.chance(0.97));
    const some = entries.slice(0, this.#random.whole(1, 4));
    if (some.length > 0)
      await this.#both('post', ({ recoveryStore }) => recoveryStore.postJournal(this.#from, some, this.#end));
    await this.#both('late', ({ recoveryStore }) => recoveryStore.unfreezeFromJournal(this.#from, this.#end, BY));
  }
  async accept(): Promise<void> {
    await this.#both('accept', ({ recoveryStore }) => recoveryStore.acceptLoss(this.#from, BY));
  }
  async apply(): Promise<void> {
    const random = this.#random;
    const items = Array.from({ length: random.whole(1, 3) }, () => ({
      order: this.#orders.length > 0 && random.chance(0.4) ? random.pick(this.#orders) : this.#newOrder(),
      takenAt: 7,
    }));
    await this.#both('apply', ({ direct }) => direct.apply(this.#from.epoch, items));
  }
  async applyHolds(): Promise<void> {
    const random = this.#random;
    const items = Array.from({ length: random.whole(1, 3) }, () => ({
      ...{ hold: random.chance(0.3) ? this.#holds.again() : this.#holds.next(), takenAt: 7, podNow: Date.now() },
    }));
    await this.#both('applyHolds', ({ direct }) => direct.applyHolds(this.#from.epoch, items));
  }
  async change(): Promise<void> {
    const who = { user: 'u', correlationId: 'c', takenAt: 7, changeId: uuidV7(1_700_000_000_000, this.#random) };
    const change = {
      ...who,
      accountId: this.#random.pick(['a', 'c', 'none']),
      overdraftLimit: this.#random.whole(0, 50),
    };
    await this.#both('change', ({ direct }) => direct.change(this.#from.epoch, change));
  }
}

/** The calls that make sense in each mode. */
const NEXT = {
  CACHE: {
    write: 8,
    flush: 5,
    register: 5,
    heartbeat: 3,
    retire: 1,
    move: 2,
    raiseFormat: 0.5,
    keep: 1,
    forget: 1,
    apply: 1,
    byHandOvers: 1,
  },
  CLOSING: {
    keep: 6,
    complete: 5,
    flush: 2,
    byHandOvers: 4,
    byJournal: 2,
    accept: 0.5,
    register: 1,
    heartbeat: 1,
    retire: 1,
    forget: 1,
    move: 1,
    raiseFormat: 0.5,
  },
  DIRECT: {
    apply: 8,
    applyHolds: 8,
    change: 3,
    late: 2,
    accept: 0.5,
    move: 2,
    raiseFormat: 0.3,
    register: 1,
    flush: 1,
    byJournal: 0.5,
  },
  REBUILDING: { activate: 6, move: 1, apply: 1, register: 1, flush: 0.5 },
} satisfies Record<Mode, Partial<Record<Step, number>>>;

it('the simulated tables behave like the SQL statements in random histories', { timeout: 1_800_000 }, async () => {
  const said = new Map<string, number>();
  const statuses = new Set<string>();
  for (let run = 1; run <= RUNS; run++) {
    await db.reset(0, 'DIRECT');
    await openIn(db.database, ACCOUNTS);
    const pair = new Pair(new Random(run));
    for (let step = 0; step < STEPS; step++) await pair.step();
    for (const status of pair.statuses) statuses.add(status);
    for (const [kind, times] of pair.said) said.set(kind, (said.get(kind) ?? 0) + times);
  }
  expect([...statuses].sort()).toEqual(['CAPTURED', 'OPEN', 'VOIDED']);
  // Every call succeeded at least once, and most were refused at least once.
  const kinds = [...said.keys()];
  const done = [
    'move',
    'raiseFormat',
    'activate',
    'flush',
    'register',
    'keep',
    'byJournal',
    'byHandOvers',
    'late',
    'accept',
    'apply',
    'applyHolds',
    'change',
  ];
  for (const what of done)
    expect(
      kinds.filter((kind) => kind.startsWith(`${what}: {"value":`)),
      what,
    ).not.toEqual([]);
  for (const what of ['flush', 'byJournal', 'byHandOvers', 'late']) {
    expect(
      kinds.filter((kind) => kind.startsWith(`${what}: {"refused":`)),
      what,
    ).not.toEqual([]);
  }
});
