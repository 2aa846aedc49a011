import type { Redis } from 'ioredis';
import type { EpochRecoveryStore, KeeperAuthority } from '../../authority/authority-ports.ts';
import { Keeper } from '../../authority/keeper/keeper.ts';
import type { KeeperTiming } from '../../authority/keeper/keeper-decision.ts';
import type { Authority } from '../../domain/authority.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import type { InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';
import { account, EpochUnderTest } from '../../journal/testing/epoch-under-test.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { PushedClock } from '../../kernel/testing/pushed-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { MysqlHandOverStore } from '../../mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../../mysql/authority/recovery-store.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { LedgerIdentity } from '../../mysql/operations/ledger-identity.ts';
import { openIn } from '../../mysql/testing/test-database.ts';
import { connectRedis, inspectServer } from '../../redis/connection.ts';
import { sweepEpochsBefore } from '../../redis/epoch-sweep.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import { testFlusher } from '../../sync/testing/test-flusher.ts';

export const ACCOUNTS = ['world', 'ada', 'bob'].map((id) => account(id));
export const BY = { keeper: 'k', reason: 'r' };

/**
 * So long that these times pass only if the test advances its clock, even on a slow machine. A Redis that returns is
 * considered stable immediately.
 */
const TIMING: KeeperTiming = { lostAfterMs: 60_000, lostByPodsAfterMs: 5_000, steadyAfterMs: 0 };

/** Also the time after which the connection to a replica is replaced. Too long for any test to reach. */
const COMMAND_TIMEOUT_MS = 300_000;

/** The parts of a keeper that a test can replace. */
interface Different {
  authority?: Partial<KeeperAuthority>;
  recoveryStore?: Partial<EpochRecoveryStore>;
  timing?: Partial<KeeperTiming>;
}

/** Keepers over a real Redis and a real MySQL, stepped by hand. */
export class KeeperBench {
  readonly prefix: string;
  readonly log = keptLog();
  readonly clock = new PushedClock();
  /** The messages that keepers have logged about the owner of Redis. */
  readonly owners: string[] = [];
  readonly redis: Redis;
  readonly scripts: RedisScripts;
  readonly authority: AuthorityStore;
  readonly recoveryStore: RecoveryStore;
  readonly handOverStore: MysqlHandOverStore;
  readonly flushStore: FlushStore;
  readonly #database: Database;

  /** @param prefix the prefix of another bench, to find the same keys on another server */
  constructor(database: Database, redisUrl: string, prefix = randomPrefix()) {
    this.#database = database;
    this.prefix = prefix;
    this.redis = connectRedis({ url: redisUrl, connectTimeoutMs: 1000, commandTimeoutMs: COMMAND_TIMEOUT_MS });
    const identity = new LedgerIdentity(database);
    this.scripts = new RedisScripts(this.redis, shardPrefix(this.prefix), () => identity.read());
    this.authority = new AuthorityStore(database);
    this.recoveryStore = new RecoveryStore(database);
    this.handOverStore = new MysqlHandOverStore(database);
    this.flushStore = new FlushStore(database);
  }

  keeper(keeperId = 'keeper', { authority = {}, recoveryStore = {}, timing = {} }: Different = {}): Keeper {
    return new Keeper({
      keeperId,
      authority: withMethods<KeeperAuthority>(this.authority, authority),
      recoveryStore: withMethods<EpochRecoveryStore>(this.recoveryStore, recoveryStore),
      cache: this.scripts,
      flusher: testFlusher({ cache: this.scripts, store: this.flushStore }),
      inspect: () => inspectServer(this.redis),
      sweepEpochsBefore: (epoch, caller) =>
        sweepEpochsBefore(
          { redis: this.redis, scripts: this.scripts, keyPrefix: shardPrefix(this.prefix) },
          epoch,
          caller,
        ),
      clock: this.clock,
      logger: this.log,
      timing: { ...TIMING, ...timing },
      onAuthority: () => {},
      onRedisOwner: (state) => this.owners.push(state),
    });
  }

  async ready(): Promise<void> {
    await until('Redis is connected', () => this.redis.status === 'ready');
  }

  /** Lets the keeper step until the cache has the authority, then registers in the epoch as a pod would. */
  async begin(keeper = this.keeper(), podId = 'pod'): Promise<EpochUnderTest<RedisScripts>> {
    await this.ready();
    const now = await stepTo(keeper, 'CACHE');
    const epoch = new EpochUnderTest(this.scripts, now.epoch, now.replid ?? '', now.format);
    epoch.pod.podId = podId;
    await this.authority.register(podId, now.epoch);
    await this.scripts.register(epoch.pod, now.marker ?? '');
    return epoch;
  }

  /** Like `begin`, and opens the accounts in both stores. */
  async serve(keeper = this.keeper()): Promise<EpochUnderTest<RedisScripts>> {
    const epoch = await this.begin(keeper);
    await openIn(this.#database, ACCOUNTS);
    await this.scripts.install(epoch.pod, ACCOUNTS, 0, 1000);
    return epoch;
  }

  /** Writes the whole journal of the epoch to MySQL, from its beginning. */
  async flush(epoch: EpochUnderTest<RedisScripts>): Promise<void> {
    await this.flushStore.commit(batchOf(await epoch.entries(), epoch.pod.epoch, 0), epoch.pod.epoch);
  }

  /** Closes the epoch, as a keeper does when it has lost Redis. */
  async closing(): Promise<Authority> {
    const moved = await this.authority.move(await this.authority.read(), 'CLOSING', BY);
    if (!moved) throw new Error('another keeper was faster');
    return moved;
  }

  /** Reports, as a process would, whether it reaches Redis, and for how long that has been the case. */
  async report(processId: string, redisSeen: boolean, sinceMs = 0): Promise<void> {
    await this.authority.heartbeat({ processId, redisSeen, registration: null });
    await this.#database.rows(
      'UPDATE processes SET redis_since = NOW(3) - INTERVAL ? MICROSECOND WHERE process_id = ?',
      [sinceMs * 1000, processId],
    );
  }

  /** Hands over, as a pod would, everything that it knows about its epoch. */
  async handOver(
    { epoch, podId }: { epoch: number; podId: string },
    known: { entries?: readonly JournalEntry[]; inDoubt?: readonly InDoubtAttempt[]; observed?: number },
  ): Promise<void> {
    const { entries = [], inDoubt = [], observed = 0 } = known;
    await this.handOverStore.keep(epoch, podId, { entries, inDoubt });
    await this.handOverStore.complete(epoch, [podId], observed);
  }

  /** The given ids under which MySQL has an outcome. */
  async inMysql(ids: readonly string[]): Promise<string[]> {
    const { outcomes } = await new LedgerReader(this.#database).findOutcomes(ids);
    return ids.filter((id) => outcomes.has(id));
  }

  /** An account in its state in MySQL, and whether it waits for a journal. */
  async account(accountId: string): Promise<{ balance: number; version: number; frozen: boolean } | null> {
    const { accounts, frozen } = await new LedgerReader(this.#database).loadAccounts([accountId]);
    const found = accounts.get(accountId);
    return found ? { balance: found.balance, version: found.version, frozen: frozen.has(accountId) } : null;
  }

  /** Every move of the authority, with its reason. */
  moves(): Promise<{ epoch: number; mode: string; reason: string }[]> {
    return this.#database.rows('SELECT epoch, mode, reason FROM authority_log ORDER BY epoch');
  }

  complaints(): unknown[] {
    return this.log.lines.flatMap(({ fields }) => fields['complaint'] ?? []);
  }

  close(): void {
    this.redis.disconnect();
  }
}

/** The same store with some of its methods replaced. */
function withMethods<T extends object>(store: T, methods: Partial<T>): T {
  return new Proxy(store, {
    get(target, name) {
      const found: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}

/** Steps a keeper as long as necessary; retries while a store is unavailable. */
export async function stepTo(keeper: Keeper, mode: Authority['mode']): Promise<Authority> {
  return until(`the authority is ${mode}`, async () => {
    const now = await keeper.step().catch(() => null);
    return now?.mode === mode ? now : null;
  });
}

/** Takes some steps, and checks that the authority stays in this mode. */
export async function staysIn(keeper: Keeper, mode: Authority['mode'], steps = 3): Promise<Authority> {
  let now = await keeper.step();
  for (let n = 1; n < steps && now.mode === mode; n++) now = await keeper.step();
  if (now.mode !== mode) throw new Error(`the authority is ${now.mode}`);
  return now;
}
