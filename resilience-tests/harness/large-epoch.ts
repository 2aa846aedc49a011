import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Account, TransferOrder } from '../../app/domain/types.ts';
import type { Caller, KeeperCaller } from '../../app/journal/cache-port.ts';
import { encodeOrder } from '../../app/journal/codec.ts';
import { lastSeqOf } from '../../app/journal/journaled.ts';
import { AuthorityStore } from '../../app/mysql/authority/authority-store.ts';
import { MysqlHandOverStore } from '../../app/mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../../app/mysql/authority/recovery-store.ts';
import { Database } from '../../app/mysql/connection/pool.ts';
import { LedgerIdentity } from '../../app/mysql/operations/ledger-identity.ts';
import { modeName } from '../../app/mysql/rows/authority-row.ts';
import { migrate } from '../../app/mysql/schema/data-source.ts';
import { identifyServer } from '../../app/redis/connection.ts';
import { RedisScripts } from '../../app/redis/redis-scripts.ts';
import { shardPrefix } from '../../app/redis/shard-prefix.ts';
import { startMariadb } from '../../devstack/stores/mariadb.mjs';
import { startRedis } from '../../devstack/stores/redis.mjs';

export const KEY_PREFIX = 'hf';
const POD = 'pod';
const BY = { keeper: 'operator', reason: 'to check that the epoch fits into memory' };
/** Each transfer is between the two accounts of a pair, so that each account has many transfers. */
const PAIRS = 20_000;
/** As many transfers per call as a pod sends under load; each call is one entry of the journal. */
const PER_ENTRY = 50;
const ENTRIES_PER_READ = 400;
const CALLS_AT_ONCE = 8;
const INSTALLED_AT_ONCE = 1_000;

export interface LargeEpochOptions {
  dir: string;
  outcomes: number;
  /** Bytes of metadata of each transfer. */
  metadataBytes: number;
}

/**
 * An epoch of the cache with a large backlog, in separate stores: a real activation, the real script, and a pod's
 * hand-over. The first transfer, between two separate accounts, is in doubt and was not handed over.
 */
export class LargeEpoch implements AsyncDisposable {
  readonly database: Database;
  readonly authority: AuthorityStore;
  readonly outcomes: number;
  readonly mysqlUrl: string;
  readonly redisUrl: string;
  readonly #redis: Redis;
  readonly #scripts: RedisScripts;
  readonly #stop: () => Promise<unknown>;
  readonly #note: string;
  #caller!: Caller;

  private constructor(
    { outcomes, metadataBytes }: LargeEpochOptions,
    urls: { mysqlUrl: string; redisUrl: string },
    stop: () => Promise<unknown>,
  ) {
    this.outcomes = outcomes;
    this.#note = 'x'.repeat(metadataBytes);
    this.mysqlUrl = urls.mysqlUrl;
    this.redisUrl = urls.redisUrl;
    this.database = new Database({
      url: urls.mysqlUrl,
      connectionsMax: 4,
      queueMax: 100,
      connectTimeoutMs: 5_000,
      queryTimeoutMs: 600_000,
      lockWaitTimeoutS: 60,
    });
    this.authority = new AuthorityStore(this.database);
    this.#redis = new Redis(urls.redisUrl);
    const identity = new LedgerIdentity(this.database);
    this.#scripts = new RedisScripts(this.#redis, shardPrefix(KEY_PREFIX), () => identity.read());
    this.#stop = stop;
  }

  /** Creates the epoch, and leaves the ledger in CLOSING. */
  static async make(options: LargeEpochOptions): Promise<LargeEpoch> {
    const mysql = await startMariadb({ dir: join(options.dir, 'mysql'), relaxed: true });
    // This Redis does not meet the requirements of a ledger, so the keeper reads its journal to the end, and begins no
    // new epoch on it.
    const redis = await startRedis({ dir: join(options.dir, 'redis'), relaxed: true });
    await migrate(mysql.url);
    const urls = { mysqlUrl: mysql.url, redisUrl: redis.url };
    const epoch = new LargeEpoch(options, urls, () => Promise.all([mysql.stop(), redis.stop()]));
    await epoch.#openAccounts();
    await epoch.#activate();
    await epoch.#write();
    await epoch.#handOver();
    return epoch;
  }

  /** Sets the mode to CLOSING, and removes everything of the epoch from MySQL's books. */
  async close(): Promise<void> {
    const { epoch: cacheEpoch, format, replid } = this.#caller;
    await this.database.transaction(async (session) => {
      await session.run('SET FOREIGN_KEY_CHECKS = 0');
      await session.run('TRUNCATE TABLE transfers');
      await session.run('SET FOREIGN_KEY_CHECKS = 1');
    });
    await this.database.rows(
      'UPDATE accounts SET balance = 0, version = 0, previous_version = 0, previous_balance = 0, settings_version = 1',
    );
    for (const table of ['frozen_accounts', 'unsettled_ids', 'dropped_entries'])
      await this.database.rows(`TRUNCATE TABLE ${table}`);
    await this.database.rows('DELETE FROM epoch_recovery');
    await this.database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0', [cacheEpoch]);
    await this.database.rows(
      `UPDATE authority SET epoch = epoch + 1, \`mode\` = ?, cache_epoch = ?, cache_format = ?, replid = ?, marker = ?,
         redis_node = '', bound = NULL`,
      [modeName('CLOSING', format), cacheEpoch, format, replid, MARKER],
    );
    // Repeated losses would make the keeper wait longer each time.
    await this.database.rows('DELETE FROM authority_log');
  }

  /**
   * Simulates that a change of each account is missing in MySQL, so that no entry that was handed over applies to the
   * state there.
   */
  async turnSettingsBack(): Promise<void> {
    await this.#settingsVersion(0);
  }
  /** Simulates a pod that died before it handed over, so that the epoch can be recovered only from the journal. */
  async forgetHandOver(): Promise<void> {
    await this.database.rows('UPDATE pods SET drained_at = NULL');
  }

  async restoreSettings(): Promise<void> {
    await this.#settingsVersion(1);
  }

  /** Stores an operator's decision; a keeper applies it. */
  async acceptLoss(): Promise<void> {
    const step = await new RecoveryStore(this.database).acceptLoss(await this.authority.read(), BY);
    if (step === null || !('working' in step))
      throw new Error('the acceptance of a loss of this size was expected to take more than one page');
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.database.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${sql}`);
    return row?.n ?? 0;
  }

  /** Checks the ledger tables, in which this many transfers are expected. @returns what is wrong; null if nothing is */
  async wrongWith(posted: number): Promise<string | null> {
    const [books] = await this.database.rows<{ sum: number; versions: number }>(
      'SELECT CAST(SUM(balance) AS SIGNED) AS sum, CAST(SUM(version) AS SIGNED) AS versions FROM accounts',
    );
    const transfers = await this.count('transfers');
    if (transfers !== posted) return `${transfers} transfers are posted, but ${posted} were expected`;
    if (books?.sum !== 0) return `the balances add up to ${books?.sum}, not to 0`;
    return books.versions === 2 * posted ? null : `the versions add up to ${books.versions}, not to ${2 * posted}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    await this.database[Symbol.asyncDispose]();
    await this.#stop();
  }

  async #settingsVersion(version: number): Promise<void> {
    await this.database.rows('UPDATE accounts SET settings_version = ?', [version]);
  }

  async #openAccounts(): Promise<void> {
    for (const ids of chunks(accountIds(), INSTALLED_AT_ONCE))
      await this.database.rows('INSERT INTO accounts (account_id, currency, `external`) VALUES ?', [
        ids.map((id) => [id, 'EUR', 1]),
      ]);
  }

  async #activate(): Promise<void> {
    const rebuilding = await this.authority.move(await this.authority.read(), 'REBUILDING', BY);
    if (!rebuilding) throw new Error('the authority has moved');
    const { replid } = await identifyServer(this.#redis);
    const { format } = rebuilding;
    const epoch = rebuilding.epoch + 1;
    await this.#scripts.activate({ epoch, format }, replid, MARKER, 0);
    const server = { cacheEpoch: epoch, redisNode: '', replid, marker: MARKER };
    await new RecoveryStore(this.database).activate(rebuilding, server, BY);
    this.#caller = { epoch, format, replid, podId: POD };
    await this.authority.register(POD, epoch);
    await this.#scripts.register(this.#caller, MARKER);
    for (const ids of chunks(accountIds(), INSTALLED_AT_ONCE))
      await this.#scripts.install(this.#caller, ids.map(accountOf), 0, 1_000_000);
  }

  async #write(): Promise<void> {
    await this.#apply([this.#order('lost', 'x', 'y')]);
    const calls: TransferOrder[][] = [];
    for (let first = 0; first < this.outcomes; first += PER_ENTRY) {
      const count = Math.min(PER_ENTRY, this.outcomes - first);
      calls.push(
        Array.from({ length: count }, (_, index) => {
          const pair = (first + index) % PAIRS;
          return this.#order(`t-${first + index}`, `a${pair}`, `b${pair}`);
        }),
      );
      if (calls.length < CALLS_AT_ONCE && first + count < this.outcomes) continue;
      await Promise.all(calls.splice(0).map((orders) => this.#apply(orders)));
    }
  }

  /** Hands over like a pod that has received everything but the first transfer. */
  async #handOver(): Promise<void> {
    const { epoch, format, replid } = this.#caller;
    const caller: KeeperCaller = { fenceEpoch: epoch, epoch, format, replid };
    const handOverStore = new MysqlHandOverStore(this.database);
    const inDoubt = [{ kind: 'transfers' as const, id: 'lost', accounts: ['x', 'y'] }];
    await handOverStore.keep(epoch, POD, { entries: [], inDoubt });
    for (let seq = 1; ; ) {
      const { entries, head } = await this.#scripts.journal(caller, seq, ENTRIES_PER_READ);
      const last = entries.at(-1);
      if (!last) return handOverStore.complete(epoch, [POD], head.seq);
      await handOverStore.keep(epoch, POD, { entries, inDoubt: [] });
      seq = lastSeqOf(last);
    }
  }

  async #apply(orders: readonly TransferOrder[]): Promise<void> {
    const now = Date.now();
    const items = orders.map((order) => ({ order, payload: encodeOrder(order, now), lookupCursor: 0 }));
    const { entries } = await this.#scripts.apply(this.#caller, items);
    const written = entries.reduce((sum, entry) => sum + lastSeqOf(entry) - entry.firstSeq + 1, 0);
    if (written !== orders.length) throw new Error(`${written} of ${orders.length} transfers were applied`);
  }

  #order(transactionId: string, source: string, destination: string): TransferOrder {
    return {
      kind: 'transfer',
      transactionId,
      source,
      destination,
      amount: 1,
      currency: 'EUR',
      timestamp: null,
      reference: null,
      metadata: { note: this.#note },
      reverses: null,
      user: 'u',
      correlationId: 'c',
    };
  }
}

const MARKER = 'm';

const accountIds = (): string[] => ['x', 'y', ...Array.from({ length: PAIRS }, (_, n) => [`a${n}`, `b${n}`]).flat()];

const accountOf = (accountId: string): Account => ({
  accountId,
  currency: 'EUR',
  status: 'ACTIVE',
  external: true,
  overdraftLimit: 0,
  settingsVersion: 1,
  limits: null,
  balance: 0,
  held: 0,
  version: 0,
});

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
