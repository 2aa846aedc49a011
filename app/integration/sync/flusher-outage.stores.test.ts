import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startMariadb } from '../../../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { newUuidV7 } from '../../domain/ids.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { account, EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { ledgerRows, migratedDatabase, openIn, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { connectRedis, identifyServer } from '../../redis/connection.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import { Flusher } from '../../sync/flusher.ts';

const ACCOUNTS = [account('world'), ...Array.from({ length: 20 }, (_, n) => account(`a${n}`))];
const connect = () =>
  connectRedis({
    url: `redis://127.0.0.1:${inject('redisPort')}/0`,
    connectTimeoutMs: 60_000,
    commandTimeoutMs: 60_000,
  });

/** Writers and a flush over a real Redis and a real MySQL, each with its own connection. */
class Traffic {
  readonly writerRedis = connect();
  readonly keeperRedis = connect();
  readonly db: TestDatabase;
  readonly alerts: boolean[] = [];
  epoch!: EpochUnderTest<RedisScripts>;
  flushed = 0;
  /** The number of times that the keeper's connection to Redis has closed. */
  closings = 0;
  acknowledged = 0;
  #writing = true;
  #running: Promise<unknown>[] = [];
  readonly #stopped = new AbortController();

  constructor(db: TestDatabase) {
    this.db = db;
    this.keeperRedis.on('close', () => {
      this.closings += 1;
    });
  }

  async start(): Promise<void> {
    await this.db.reset();
    await openIn(this.db.database, ACCOUNTS);
    await until('Redis is connected', () => this.writerRedis.status === 'ready' && this.keeperRedis.status === 'ready');
    const prefix = randomPrefix();
    const { replid } = await identifyServer(this.writerRedis);
    this.epoch = new EpochUnderTest(new RedisScripts(this.writerRedis, shardPrefix(prefix), ofTestLedger), 1, replid);
    await this.epoch.begin(ACCOUNTS);
    const flusher = new Flusher({
      cache: new RedisScripts(this.keeperRedis, shardPrefix(prefix), ofTestLedger),
      store: new FlushStore(this.db.database),
      clock: systemClock,
      limits: {
        batchMax: 200,
        charsMax: 1_000_000,
        gatherMs: 1,
        retryBaseMs: 5,
        retryMaxMs: 50,
        alertAfterFailures: 3,
      },
      events: {
        flushed: () => {
          this.flushed += 1;
        },
        failed: () => {},
        alert: (on) => void this.alerts.push(on),
        waiting: () => {},
      },
    });
    this.#running = [flusher.run(() => this.epoch.keeper, this.#stopped.signal), this.#write(), this.#write()];
  }

  async #write(): Promise<void> {
    for (let n = 0; this.#writing; n++) {
      const orders = Array.from({ length: 1 + (n % 30) }, (_, k) =>
        order(newUuidV7(Date.now()), { destination: `a${(n + k) % 20}`, amount: 1 + (k % 7) }),
      );
      await this.epoch.apply(...orders);
      this.acknowledged += orders.length;
    }
  }

  /** Stops the writers, and waits until everything acknowledged is in MySQL. */
  async settle(): Promise<void> {
    this.#writing = false;
    await this.#running[1];
    await this.#running[2];
    const head = await this.epoch.headSeq();
    const store = new FlushStore(this.db.database);
    await until('everything is in MySQL', async () => (await store.cursor().catch(() => null))?.seq === head);
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  /** Checks that MySQL has each outcome once, and the same balances as Redis, and that the balances add up to zero. */
  async expectWhole(): Promise<void> {
    const { cursor, transfers, accounts } = await ledgerRows(this.db.database);
    const seqs = transfers.map((row) => (row as { seq: number }).seq).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: this.acknowledged }, (_, n) => n + 1));
    expect(cursor).toMatchObject([{ seq: this.acknowledged }]);
    const stored = accounts as { account_id: string; balance: number; version: number }[];
    const cached = (
      await this.epoch.cache.read(
        this.epoch.pod,
        stored.map((row) => row.account_id),
      )
    ).accounts;
    expect(stored.map(({ balance, version }) => ({ balance, version }))).toEqual(
      cached.map((one) => ({ balance: one?.balance, version: one?.version })),
    );
    expect(stored.reduce((sum, { balance }) => sum + balance, 0)).toBe(0);
  }

  async stop(): Promise<void> {
    this.#writing = false;
    this.#stopped.abort();
    await Promise.allSettled(this.#running);
    this.writerRedis.disconnect();
    this.keeperRedis.disconnect();
  }
}

describe('Killing MySQL in the middle of a flush, during writes,', () => {
  const dir = temporaryFolder();
  let server: Awaited<ReturnType<typeof startMariadb>>;
  let db: TestDatabase;
  let traffic: Traffic;
  beforeAll(async () => {
    server = await startMariadb({ dir, relaxed: true });
    db = await migratedDatabase(server.url);
    traffic = new Traffic(db);
  });
  afterAll(async () => {
    await traffic.stop();
    await db.drop();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('loses nothing and writes nothing twice; writes continue, and the alert fires and then ends', async () => {
    await traffic.start();
    for (let kill = 1; kill <= 2; kill++) {
      const flushedBefore = traffic.flushed;
      await until('it flushes', () => traffic.flushed > flushedBefore + 5);
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      const acknowledged = traffic.acknowledged;
      await until('the alert fires', () => traffic.alerts.at(-1) === true);
      await until('writes continue', () => traffic.acknowledged > acknowledged + 100);
      server = await startMariadb({ dir, port: server.port, relaxed: true });
      await until('the alert ends', () => traffic.alerts.at(-1) === false);
    }
    await traffic.settle();
    expect(traffic.alerts).toEqual([true, false, true, false]);
    await traffic.expectWhole();
  });
});

describe('Repeatedly closing the keeper’s connection to Redis, during writes,', () => {
  let db: TestDatabase;
  let traffic: Traffic;
  beforeAll(async () => {
    db = await migratedDatabase();
    traffic = new Traffic(db);
  });
  afterAll(async () => {
    await traffic.stop();
    await db.drop();
  });

  it('loses nothing and writes nothing twice', async () => {
    await traffic.start();
    for (let cut = 1; cut <= 5; cut++) {
      const flushedBefore = traffic.flushed;
      await until('it flushes', () => traffic.flushed > flushedBefore + 3);
      const closingsBefore = traffic.closings;
      const id = await until('it is connected', () => traffic.keeperRedis.client('ID').catch(() => null));
      await traffic.writerRedis.client('KILL', 'ID', id);
      // Whether the flush notices the lost connection is random: on a busy machine the connection may be re-established
      // before its next command.
      await until('it is closed', () => traffic.closings > closingsBefore);
    }
    await traffic.settle();
    await traffic.expectWhole();
  });
});
