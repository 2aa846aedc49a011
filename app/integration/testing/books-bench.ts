import { newUuidV7 } from '../../domain/ids.ts';
import type { Account } from '../../domain/types.ts';
import { encodeAccount } from '../../journal/account-codec.ts';
import { account, EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { cachePages } from '../../redis/cache-pages.ts';
import { identifyServer } from '../../redis/connection.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { Keys } from '../../redis/run-script.ts';
import { createReconciliation } from '../../roles/shared-reconciliation.ts';
import { type ContextUnderTest, testConfig, testContext } from '../../roles/testing/test-context.ts';
import type { Flusher } from '../../sync/flusher.ts';
import { testFlusher } from '../../sync/testing/test-flusher.ts';

export const ACCOUNTS = [account('world'), account('ada'), account('bob'), account('eve', { overdraftLimit: 500 })];

const BACKLOG_MAX = 200;

/** Both stores, with a few accounts and transfers, and a reconciliation that compares them. */
export class BooksBench {
  readonly db: TestDatabase;
  readonly context: ContextUnderTest;
  readonly epoch: EpochUnderTest<RedisScripts>;

  private constructor(db: TestDatabase, context: ContextUnderTest, epoch: EpochUnderTest<RedisScripts>) {
    this.db = db;
    this.context = context;
    this.epoch = epoch;
  }

  static async start(): Promise<BooksBench> {
    const db = await migratedDatabase();
    const context = await testContext(testConfig(db.url));
    await until('Redis is connected', () => context.redis.status === 'ready');
    const { replid } = await identifyServer(context.redis);
    return new BooksBench(db, context, new EpochUnderTest(context.scripts, 1, replid));
  }

  /** Starts over, with ten transfers that are in both stores. */
  async reset(): Promise<void> {
    await this.db.reset();
    await this.context.redis.del(
      ...(await this.context.redis.keys(`${this.context.config.ledger.keyPrefix}:{0}:*`)),
      'x',
    );
    await openIn(this.db.database, ACCOUNTS);
    await this.epoch.begin(ACCOUNTS);
    for (let n = 1; n <= 5; n++) {
      await this.epoch.apply(
        order(`in-${n}`, { amount: 100 * n }),
        order(`out-${n}`, { source: 'ada', destination: 'bob', amount: 10 * n }),
      );
    }
    await this.flush();
    this.context.lines.length = 0;
  }

  flusher(): Flusher {
    return testFlusher({ cache: this.context.scripts, store: this.context.flushStore });
  }
  async flush(): Promise<void> {
    await this.flusher().catchUp(this.epoch.keeper, 1);
  }

  pages() {
    return cachePages(
      { redis: this.context.redis, scripts: this.context.scripts, keyPrefix: this.context.keyPrefix },
      this.epoch.pod,
    );
  }
  reconciliation() {
    return createReconciliation(this.context, () => this.pages());
  }

  /** Overwrites an account in Redis behind the ledger's back. */
  async tamperCache(accountId: string, change: Partial<Account>): Promise<void> {
    const [existing] = (await this.epoch.cache.read(this.epoch.pod, [accountId])).accounts;
    const base = existing ?? { ...account(accountId), seq: 0 };
    const { accounts } = new Keys(this.context.keyPrefix, { epoch: 1, format: 1 });
    await this.context.redis.hset(accounts, accountId, encodeAccount({ ...base, ...change }, base.seq, true));
  }

  /**
   * Writes and flushes until it is disposed of. Writes wait for flushes, as the backlog limit would enforce: otherwise
   * the journal would grow without bound on a slow machine.
   */
  traffic(): AsyncDisposable & { transfers: () => number } {
    const stopped = new AbortController();
    let transfers = 0;
    const write = async () => {
      const ids = Array.from({ length: 10 }, () => newUuidV7(Date.now()));
      await this.epoch.apply(...ids.map((id, n) => order(id, { destination: n % 2 ? 'ada' : 'bob', amount: n + 1 })));
      const { entries } = await this.epoch.change(newUuidV7(Date.now()), 'eve', { overdraftLimit: transfers });
      transfers += ids.length;
      return entries.at(-1)?.firstSeq ?? 0;
    };
    const writing = (async () => {
      while (!stopped.signal.aborted) {
        const seq = await write();
        await until(
          'the flush has nearly caught up',
          async () => stopped.signal.aborted || (await this.context.flushStore.cursor()).seq > seq - BACKLOG_MAX,
        );
      }
    })();
    const flushing = this.flusher().run(() => this.epoch.keeper, stopped.signal);
    return {
      transfers: () => transfers,
      async [Symbol.asyncDispose]() {
        stopped.abort();
        await Promise.all([writing, flushing]);
      },
    };
  }

  async stop(): Promise<void> {
    await this.context[Symbol.asyncDispose]();
    await this.db.drop();
  }
}
