import type { Redis } from 'ioredis';
import { inject } from 'vitest';
import type { HandOverStore as HandOvers, PodAuthority } from '../../authority/authority-ports.ts';
import { PodSession } from '../../authority/pod/pod-session.ts';
import type { Authority, Format } from '../../domain/authority.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import type { TransferOrder } from '../../domain/types.ts';
import type { Head } from '../../journal/codec.ts';
import { itemsOf } from '../../journal/journaled.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { FaultyCache } from '../../journal/testing/faulty-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { PushedClock } from '../../kernel/testing/pushed-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import type { EpochView } from '../../ledger/epoch/epoch-view.ts';
import { PodLedger } from '../../ledger/pod-ledger.ts';
import { CountedEvents } from '../../ledger/testing/counted-events.ts';
import { LIMITS } from '../../ledger/testing/model-ledger.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { MysqlHandOverStore } from '../../mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../../mysql/authority/recovery-store.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { openIn, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { connectRedis, cutConnection, identifyServer } from '../../redis/connection.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import type { Flusher } from '../../sync/flusher.ts';
import { testFlusher } from '../../sync/testing/test-flusher.ts';

const JOURNAL_PAGE = 1000;
const BY = { keeper: 'k', reason: 'r' };
export const AWAY = new Problem('database_unavailable', 'away');
/** Limits that no test reaches before it flushes, however slow the machine is. */
const UNFLUSHED = { backlogEntriesMax: 1_000_000, backlogAgeMaxMs: 3_600_000 };
const SHARED_REDIS = () => `redis://127.0.0.1:${inject('redisPort')}/0`;

interface NewLedger {
  format?: Format;
  /** The URL of a Redis that the test may kill; absent: the shared one. */
  redisUrl?: string;
}

/**
 * A pod's session and the ledger above it, on a real Redis and a real MySQL. The test takes the place of the keeper.
 */
export class PodBench {
  readonly prefix: string;
  readonly log = keptLog();
  readonly clock = new PushedClock();
  /** The pod's connection. */
  readonly redis: Redis;
  readonly #keeperRedis: Redis;
  /** Uses a connection of the test, because the pod's connection is closed at the end of its epoch. */
  readonly scripts: RedisScripts;
  /** The pod's calls to Redis, which a test can make fail. */
  readonly cache: FaultyCache;
  readonly store: AuthorityStore;
  readonly recoveryStore: RecoveryStore;
  readonly session: PodSession;
  readonly ledger: PodLedger;
  /** When set, every read of the authority from MySQL fails with this error. */
  away: Error | null = null;
  /** When false, the authority moves after the pod has read it and before the pod registers. */
  registers = true;
  /** Stores the data that the pod hands over; a test can make this fail. */
  keeps: (kept: () => Promise<void>) => Promise<void> = (kept) => kept();
  completes: (completed: () => Promise<void>) => Promise<void> = (completed) => completed();
  /** Replaces the retirement of the pod's ids in Redis. */
  retires: (() => Promise<Head>) | null = null;
  opened = 0;
  cuts = 0;
  readonly #database: Database;
  readonly #redisUrl: string;
  readonly #others: PodBench[] = [];

  /** Creates a pod, without starting it, for a new ledger whose authority is about to move to Redis. */
  static async start(db: TestDatabase, { format = 1, redisUrl = SHARED_REDIS() }: NewLedger = {}): Promise<PodBench> {
    await db.reset(0, 'REBUILDING', format);
    const pod = new PodBench(db.database, redisUrl);
    await pod.connected();
    return pod;
  }

  private constructor(database: Database, url: string, podName = 'pod', prefix = randomPrefix()) {
    this.#database = database;
    this.#redisUrl = url;
    this.prefix = prefix;
    const options = { url, connectTimeoutMs: 1000, commandTimeoutMs: 1500 };
    this.redis = connectRedis(options);
    this.#keeperRedis = connectRedis(options);
    this.scripts = new RedisScripts(this.#keeperRedis, shardPrefix(this.prefix), ofTestLedger);
    const scripts = new RedisScripts(this.redis, shardPrefix(this.prefix), ofTestLedger);
    this.cache = new FaultyCache(scripts);
    this.store = new AuthorityStore(database);
    this.recoveryStore = new RecoveryStore(database);
    const { cache, clock } = this;
    let pods = 0;
    this.session = new PodSession({
      authority: this.#authority(),
      handOverStore: this.#handOverStore(),
      cache,
      retire: (caller, podId) => (this.retires ? this.retires() : scripts.retire(caller, podId)),
      clock,
      logger: this.log,
      processId: podName,
      heartbeatMs: 20,
      closedAfterMs: 10_000,
      newPodId: () => `${podName}-${++pods}`,
      redis: {
        ready: () => this.redis.status === 'ready',
        probe: async () => void (await this.redis.ping()),
        cut: () => {
          this.cuts += 1;
          cutConnection(this.redis);
        },
      },
      onAuthority: () => {},
    });
    this.redis.on('close', () => this.session.lostRedis());
    this.session.onOpen(() => {
      this.opened += 1;
    });
    this.ledger = new PodLedger({
      cache,
      database: new LedgerReader(database),
      direct: new DirectStore({ database, clock }),
      session: this.session,
      clock,
      events: new CountedEvents(),
      limits: { ...LIMITS, ...UNFLUSHED, queueTransfersMax: 10_000 },
    });
  }

  #authority(): PodAuthority {
    const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
      if (this.away) throw this.away;
      return work();
    };
    return {
      read: () => guarded(() => this.store.read()),
      register: (podId, epoch) => guarded(async () => this.registers && this.store.register(podId, epoch)),
      heartbeat: (report) => guarded(() => this.store.heartbeat(report)),
      removePod: (podId) => guarded(() => this.store.removePod(podId)),
      removeProcess: (processId) => guarded(() => this.store.removeProcess(processId)),
    };
  }

  #handOverStore(): HandOvers {
    const handOverStore = new MysqlHandOverStore(this.#database);
    return {
      keep: (epoch, podId, chunk) => this.keeps(() => handOverStore.keep(epoch, podId, chunk)),
      complete: (epoch, podIds, observed) => this.completes(() => handOverStore.complete(epoch, podIds, observed)),
    };
  }

  async connected(): Promise<void> {
    await until('Redis is connected', () => this.redis.status === 'ready' && this.#keeperRedis.status === 'ready');
  }

  /** Another open pod of the same ledger, which stops before this one. */
  async another(): Promise<PodBench> {
    const other = new PodBench(this.#database, this.#redisUrl, 'other', this.prefix);
    this.#others.push(other);
    await other.connected();
    other.session.start();
    await other.open();
    return other;
  }

  /** Activates the next epoch on this Redis, as a keeper would, from any state of the authority. */
  async activate(): Promise<Authority & { replid: string }> {
    let now = await this.store.read();
    if (now.mode === 'CACHE') now = await this.closing();
    if (now.mode === 'CLOSING') now = await this.finishFromJournal();
    if (now.mode === 'DIRECT') now = moved(await this.store.move(now, 'REBUILDING', BY));
    const { replid } = await identifyServer(this.#keeperRedis);
    const cacheEpoch = now.epoch + 1;
    const { idTimeMax } = await this.store.cursor();
    const marker = await this.scripts.activate(
      { epoch: cacheEpoch, format: now.format },
      replid,
      'marker',
      Math.max(idTimeMax, this.clock.now() - 1_000),
    );
    const server = { cacheEpoch, redisNode: 'n', replid, marker };
    return { ...moved(await this.recoveryStore.activate(now, server, BY)), replid };
  }
  async closing(): Promise<Authority> {
    return moved(await this.store.move(await this.store.read(), 'CLOSING', BY));
  }
  async finishFromJournal(to: 'REBUILDING' | 'DIRECT' = 'REBUILDING'): Promise<Authority> {
    const now = await this.store.read();
    const { replid } = await identifyServer(this.#keeperRedis);
    await this.scripts.fence(now.epoch, replid);
    const end = await this.#flusher().catchUp(
      { fenceEpoch: now.epoch, epoch: now.cacheEpoch ?? 0, format: now.cacheFormat ?? 1, replid },
      now.epoch,
    );
    return moved(await this.recoveryStore.finishFromJournal(now, to, end, BY));
  }
  /** Waits until every pod has handed over. */
  async recoverFromHandOvers(): Promise<Authority> {
    return until('all pods have handed over', async () => {
      const recovered = await this.recoveryStore.recoverFromHandOvers(await this.store.read(), BY);
      if (recovered && 'unexplained' in recovered) throw new Error(JSON.stringify(recovered));
      return recovered && 'authority' in recovered ? recovered.authority : null;
    });
  }
  /**
   * Recovers the frozen accounts from the journal of the ended epoch, as a keeper does when the Redis of that epoch has
   * returned.
   */
  async unfreeze(): Promise<Authority> {
    const now = await this.store.read();
    const { replid } = await identifyServer(this.#keeperRedis);
    await this.scripts.fence(now.epoch, replid);
    const of = { fenceEpoch: now.epoch, epoch: now.cacheEpoch ?? 0, format: now.cacheFormat ?? 1, replid };
    const { head, entries } = await this.scripts.journal(of, (await this.store.cursor()).seq, JOURNAL_PAGE);
    if (entries.length === JOURNAL_PAGE) throw new Error('the journal is longer than a page');
    await this.recoveryStore.postJournal(now, entries, head.seq);
    return moved(await this.recoveryStore.unfreezeFromJournal(now, head.seq, BY));
  }
  /** Gives MySQL the authority, in the next epoch. */
  async moveToMysql(): Promise<void> {
    await this.#database.rows("UPDATE authority SET mode = 'DIRECT', epoch = epoch + 1, cache_epoch = NULL");
  }
  /** Writes the running epoch's journal to MySQL. */
  async flush(): Promise<number> {
    const { epoch, format, replid } = await this.store.read();
    return this.#flusher().catchUp({ fenceEpoch: epoch, epoch, format, replid: replid ?? '' }, epoch);
  }
  #flusher(): Flusher {
    return testFlusher({ cache: this.scripts, store: new FlushStore(this.#database), clock: this.clock });
  }

  /** Opens the accounts world, ada and bob, begins an epoch, and waits until the session is open. */
  async serve(): Promise<EpochView> {
    await openIn(
      this.#database,
      ['world', 'ada', 'bob'].map((id) => account(id)),
    );
    await this.activate();
    this.session.start();
    return this.open();
  }
  /** @throws when the session is closed */
  view(): EpochView {
    const view = this.session.view();
    if (!view) throw new Error('the session is closed');
    return view;
  }
  open(): Promise<EpochView> {
    return until('the session is open', () => this.session.view());
  }
  openDirectly(): Promise<number> {
    return until('the session is open on MySQL', () => this.session.direct());
  }
  async closed(): Promise<void> {
    await until('the session is closed', () => this.session.view() === null && this.session.direct() === null);
  }

  order(different: Partial<TransferOrder> = {}): TransferOrder {
    // Redis uses the real time, and rejects ids from an advanced clock because they are too far in the future.
    return orderOf({ transactionId: newUuidV7(systemClock.now()), destination: 'ada', ...different });
  }
  apply(...orders: TransferOrder[]) {
    return this.ledger.apply(orders, 'cache');
  }
  async post(different: Partial<TransferOrder> = {}): Promise<string> {
    const one = this.order(different);
    const [answer] = await this.apply(one);
    if (!answer || answer instanceof Error || answer.status !== 'POSTED') throw new Error(`not posted: ${answer}`);
    return one.transactionId;
  }

  /** The ids under which pods are registered in MySQL. */
  async podIds(): Promise<string[]> {
    return (await this.store.pods()).map(({ podId }) => podId);
  }
  /** The state that the pod has reported to MySQL about itself. */
  async reported() {
    return (await this.store.livePods())[0];
  }

  /** The data of an epoch that pods have handed over to MySQL. */
  async handedOver(epoch: number): Promise<{ ids: string[]; inDoubt: string[]; pods: Record<string, number | null> }> {
    // First read which pods have handed over, so that everything that they handed over is visible.
    const pods = (await this.store.pods()).filter((pod) => pod.epoch === epoch);
    const entries = await this.#database.rows<{
      kind: 'transfers' | 'account-change';
      first_seq: number;
      payload: string;
      records: Buffer;
    }>('SELECT kind, first_seq, payload, records FROM drained_entries WHERE epoch = ? ORDER BY first_seq', [epoch]);
    const inDoubt = await this.#database.rows<{ id: string }>(
      'SELECT DISTINCT id FROM drained_doubts WHERE epoch = ? ORDER BY id',
      [epoch],
    );
    return {
      ids: entries.flatMap(({ kind, first_seq, payload, records }) =>
        itemsOf({ kind, firstSeq: first_seq, payload, records, acceptedAt: null }, epoch).map(({ id }) => id),
      ),
      inDoubt: inDoubt.map(({ id }) => id),
      pods: Object.fromEntries(pods.map(({ podId, handedOver, observed }) => [podId, handedOver ? observed : null])),
    };
  }
  /** Waits until every registration of the pod counts as handed over. */
  async everythingHandedOver(epoch: number) {
    return until('all pods have handed over', async () => {
      const found = await this.handedOver(epoch);
      const observed = Object.values(found.pods);
      return observed.length > 0 && observed.every((one) => one !== null) ? found : null;
    });
  }

  /** Stops everything without waiting for a flush. */
  async stop(): Promise<void> {
    for (const other of this.#others) await other.stop();
    this.clock.hurries = true;
    await this.session.stop();
    this.redis.disconnect();
    this.#keeperRedis.disconnect();
  }
}

function moved(authority: Authority | null): Authority {
  if (!authority) throw new Error('the authority has moved');
  return authority;
}
