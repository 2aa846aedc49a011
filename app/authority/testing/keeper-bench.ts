import type { Redis } from 'ioredis';
import { systemClock } from '../../clock.ts';
import { RedisScripts } from '../../ledger/cache/scripts.ts';
import { type Authority, AuthorityStore } from '../../store/authority-store.ts';
import { FlushStore } from '../../store/flush-store.ts';
import type { Database } from '../../store/pool.ts';
import { sweepEpochsBefore } from '../../sync/epoch-sweep.ts';
import { Flusher } from '../../sync/flusher.ts';
import { openIn } from '../../testing/database.ts';
import { account, EpochUnderTest } from '../../testing/ledger.ts';
import { keptLog } from '../../testing/log.ts';
import { randomPrefix } from '../../testing/redis.ts';
import { until } from '../../testing/until.ts';
import { Keeper, type KeeperAuthority } from '../keeper.ts';
import { connectRedis, identifyServer, inspectServer } from '../redis-server.ts';

export const ACCOUNTS = [account('world'), account('ada')];

/** Keepers over a real Redis and a real MySQL, stepped by hand. */
export class KeeperBench {
  readonly prefix = randomPrefix();
  readonly log = keptLog();
  readonly redis: Redis;
  readonly scripts: RedisScripts;
  readonly authority: AuthorityStore;
  readonly flushStore: FlushStore;
  readonly #database: Database;

  constructor(database: Database, redisUrl: string) {
    this.#database = database;
    this.redis = connectRedis({ url: redisUrl, connectTimeoutMs: 1000, commandTimeoutMs: 1500 });
    this.scripts = new RedisScripts(this.redis, this.prefix);
    this.authority = new AuthorityStore(database);
    this.flushStore = new FlushStore(database);
  }

  keeper(keeperId = 'keeper', authority: KeeperAuthority = this.authority): Keeper {
    const limits = { batchMax: 100, gatherMs: 1, retryBaseMs: 1, retryMaxMs: 10, alertAfterFailures: 5 };
    const events = { flushed: () => {}, failed: () => {}, alert: () => {}, waiting: () => {} };
    return new Keeper({
      keeperId,
      authority,
      cache: this.scripts,
      cursor: () => this.flushStore.cursor(),
      flusher: new Flusher({ cache: this.scripts, store: this.flushStore, clock: systemClock, limits, events }),
      identify: () => identifyServer(this.redis),
      inspect: () => inspectServer(this.redis),
      sweepEpochsBefore: (epoch) => sweepEpochsBefore(this.redis, this.prefix, epoch),
      clock: systemClock,
      logger: this.log,
      onAuthority: () => {},
    });
  }

  async ready(): Promise<void> {
    await until('Redis is connected', () => this.redis.status === 'ready');
  }

  /** Steps until the authority is with the cache, and begins to work in the epoch as a pod would. */
  async begin(keeper = this.keeper()): Promise<EpochUnderTest<RedisScripts>> {
    await this.ready();
    const now = await stepTo(keeper, 'CACHE');
    const epoch = new EpochUnderTest(this.scripts, now.epoch, now.replid ?? '');
    await this.authority.register(epoch.pod.podId, now.epoch);
    await this.scripts.register(epoch.pod);
    return epoch;
  }

  /** The accounts in both stores. */
  async open(epoch: EpochUnderTest<RedisScripts>): Promise<void> {
    await openIn(this.#database, ACCOUNTS);
    await this.scripts.install(epoch.pod, ACCOUNTS, 0, 1000);
  }

  complaints(): unknown[] {
    return this.log.lines.flatMap(({ fields }) => fields['complaint'] ?? []);
  }

  close(): void {
    this.redis.disconnect();
  }
}

/** Steps a keeper as long as it takes; a store that is away is tried again. */
export async function stepTo(keeper: Keeper, mode: Authority['mode']): Promise<Authority> {
  return until(`the authority is ${mode}`, async () => {
    const now = await keeper.step().catch(() => null);
    return now?.mode === mode ? now : null;
  });
}
