import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import type { Account, Durability, TransferOrder } from '../../domain/types.ts';
import type { Caller, KeeperCaller } from '../../journal/cache-port.ts';
import { FaultyCache } from '../../journal/testing/faulty-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { EpochView } from '../../ledger/epoch/epoch-view.ts';
import { PodLedger, type PodLedgerDependencies } from '../../ledger/pod-ledger.ts';
import type { LedgerDatabase } from '../../ledger/ports/ledger-database.ts';
import { CountedEvents } from '../../ledger/testing/counted-events.ts';
import { ManualSession } from '../../ledger/testing/manual-session.ts';
import { LIMITS } from '../../ledger/testing/model-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { copySchema } from '../../mysql/testing/copied-schema.ts';
import { putAccounts } from '../../mysql/testing/direct-accounts.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import type { Flusher } from '../../sync/flusher.ts';
import { testFlusher } from '../../sync/testing/test-flusher.ts';

/** Counts the reads that a pod makes from MySQL. */
export class CountedReader implements LedgerDatabase {
  readonly #reader: LedgerDatabase;
  reads = { accounts: 0, outcomes: 0, holds: 0 };
  /** Awaited between a read and its result. */
  delayed: () => Promise<void> = async () => {};
  constructor(reader: LedgerDatabase) {
    this.#reader = reader;
  }
  async loadAccounts(ids: readonly string[]) {
    this.reads.accounts += 1;
    const found = await this.#reader.loadAccounts(ids);
    await this.delayed();
    return found;
  }
  async findOutcomes(ids: readonly string[]) {
    this.reads.outcomes += 1;
    return this.#reader.findOutcomes(ids);
  }
  async findGroups(groupIds: readonly string[], transactionIds: readonly string[]) {
    this.reads.outcomes += 1;
    return this.#reader.findGroups(groupIds, transactionIds);
  }
  async findHolds(keys: readonly string[]) {
    this.reads.outcomes += 1;
    return this.#reader.findHolds(keys);
  }
  async loadHolds(holdIds: readonly string[]) {
    this.reads.holds += 1;
    return this.#reader.loadHolds(holdIds);
  }
}

/** One pod with its session, on a cache that several pods may share. */
export class Pod {
  readonly session = new ManualSession();
  readonly events = new CountedEvents();
  readonly reader: CountedReader;
  readonly cache: FaultyCache;
  caller: Caller;
  readonly #stage: RealLedger;
  readonly ledger: PodLedger;

  constructor(stage: RealLedger, caller: Caller, limits: Partial<PodLedgerDependencies['limits']>) {
    this.caller = caller;
    this.#stage = stage;
    this.reader = new CountedReader(new LedgerReader(stage.database));
    this.cache = new FaultyCache(stage.scripts);
    const { cache, reader: database, session, events } = this;
    this.ledger = new PodLedger({
      cache,
      database,
      direct: new DirectStore({ database: stage.database, clock: systemClock }),
      session,
      clock: systemClock,
      events,
      limits: { ...LIMITS, ...limits },
    });
  }
  /** Registers in the given epoch, by default the current one, and opens the session with a new view. */
  async sit(epoch = this.caller.epoch): Promise<void> {
    this.caller = { ...this.caller, epoch };
    const view = new EpochView(this.caller);
    view.observe(await this.cache.register(this.caller, this.#stage.marker));
    this.session.open(view);
  }
  apply(orders: readonly TransferOrder[], durability: Durability = 'cache') {
    return this.ledger.apply(orders, durability);
  }
}

/**
 * A real Redis (with its own key prefix) and a real MariaDB (with its own database), and any number of pods and epochs.
 */
export class RealLedger implements AsyncDisposable {
  readonly redis: Redis;
  readonly scripts: RedisScripts;
  readonly database: Database;
  readonly prefix: string;
  readonly replid: string;
  readonly #dropDatabase: () => Promise<void>;
  epoch = 0;
  marker = '';
  #pods = 0;

  private constructor(from: {
    redis: Redis;
    prefix: string;
    replid: string;
    database: Database;
    drop: () => Promise<void>;
  }) {
    this.redis = from.redis;
    this.prefix = from.prefix;
    this.replid = from.replid;
    this.database = from.database;
    this.#dropDatabase = from.drop;
    this.scripts = new RedisScripts(this.redis, shardPrefix(this.prefix), ofTestLedger);
  }

  static async open(stores: { redisPort: number; mysqlUrl: string }): Promise<RealLedger> {
    const name = `t_${randomBytes(6).toString('hex')}`;
    const admin = openDatabase(stores.mysqlUrl);
    await admin.rows(`CREATE DATABASE ${name}`);
    const url = new URL(stores.mysqlUrl);
    url.pathname = `/${name}`;
    await copySchema(url.href);
    const redis = new Redis(stores.redisPort, { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false });
    const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
    const drop = async () => {
      await admin.rows(`DROP DATABASE ${name}`);
      await admin[Symbol.asyncDispose]();
    };
    return new RealLedger({ redis, replid, prefix: name, database: openDatabase(url.href), drop });
  }

  get keeper(): KeeperCaller {
    return { fenceEpoch: this.epoch, epoch: this.epoch, format: 1, replid: this.replid };
  }

  /**
   * Begins an epoch: in Redis with its script, in MySQL by writing what a keeper would write. Ids with UUIDv7 times up
   * to `lookupHorizon` are looked up.
   */
  async begin({ lookupHorizon = Date.now() - 60_000 }: { lookupHorizon?: number } = {}): Promise<void> {
    this.epoch += 1;
    this.marker = randomBytes(8).toString('hex');
    await this.scripts.activate({ epoch: this.epoch, format: 1 }, this.replid, this.marker, lookupHorizon);
    await this.database.rows(
      "UPDATE authority SET epoch = ?, mode = 'CACHE', cache_epoch = ?, replid = ?, marker = ? WHERE shard = 0",
      [this.epoch, this.epoch, this.replid, this.marker],
    );
    await this.database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0 WHERE shard = 0', [this.epoch]);
  }

  /** A new pod, registered in the epoch, with an open session. */
  async pod(limits: Partial<PodLedgerDependencies['limits']> = {}): Promise<Pod> {
    this.#pods += 1;
    const pod = new Pod(
      this,
      { epoch: this.epoch, format: 1, replid: this.replid, podId: `pod-${this.#pods}` },
      limits,
    );
    await pod.sit();
    return pod;
  }

  /** Puts accounts into MySQL; their balances have no matching postings. */
  open(...accounts: Account[]): Promise<void> {
    return putAccounts(this.database, accounts);
  }

  flusher(batchMax = 2_000): Flusher {
    return testFlusher({ cache: this.scripts, store: new FlushStore(this.database), batchMax });
  }
  /** Writes the whole journal to MySQL. @returns its last seq */
  flush(): Promise<number> {
    return this.flusher().catchUp(this.keeper, this.epoch);
  }

  async storedAccount(
    accountId: string,
  ): Promise<{ balance: number; version: number; status: string; overdraft_limit: number } | undefined> {
    const [row] = await this.database.rows<{
      balance: number;
      version: number;
      status: string;
      overdraft_limit: number;
    }>('SELECT balance, version, status, overdraft_limit FROM accounts WHERE account_id = ?', [accountId]);
    return row;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect();
    await this.database[Symbol.asyncDispose]();
    await this.#dropDatabase();
  }
}

function openDatabase(url: string): Database {
  return new Database({
    url,
    connectionsMax: 6,
    queueMax: 10_000,
    connectTimeoutMs: 10_000,
    queryTimeoutMs: 20_000,
    lockWaitTimeoutS: 10,
  });
}
