import { shardOfAccount } from '../../domain/account-shard.ts';
import { legIdOf, transactionIdOf } from '../../domain/crossing.ts';
import type { LegName } from '../../domain/leg-types.ts';
import { Problem } from '../../domain/problem.ts';
import type { Durability, Outcome, TransferOrder } from '../../domain/types.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { SqlBooks } from '../../mysql/ledger/books.ts';
import { MysqlCrossingStore } from '../../mysql/ledger/crossing-store.ts';
import { SqlHistory } from '../../mysql/ledger/history.ts';
import { SqlHoldBooks } from '../../mysql/ledger/hold-books.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { returnedMoney } from '../../mysql/operations/returned-money.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { Shard } from '../../shards/shard.ts';
import { joinShards } from '../../shards/sharded.ts';
import { PodBench } from './pod-bench.ts';

const FLUSH_EVERY_MS = 10;

/** A process that joins the shards; `events` are its reports, as text. */
export type JoinedPod = ReturnType<typeof joinShards> & { events: string[] };

/** Several shards, each with its own database and its own keys in Redis, and a pod that joins them. */
export class ShardsBench {
  readonly dbs: readonly TestDatabase[];
  pods: PodBench[] = [];
  /** The shards that are not flushed. */
  readonly notFlushed = new Set<number>();
  #flushing: Promise<void> | null = null;
  #stopped = false;

  private constructor(dbs: readonly TestDatabase[]) {
    this.dbs = dbs;
  }

  static async create(shards: number): Promise<ShardsBench> {
    return new ShardsBench(await Promise.all(Array.from({ length: shards }, () => migratedDatabase())));
  }

  /** Begins new ledgers, and opens the account `world` and the listed ones, each in the shard to which it belongs. */
  async begin(accountIds: readonly string[]): Promise<void> {
    this.pods = await Promise.all(this.dbs.map((db) => PodBench.start(db, { format: 2 })));
    await Promise.all(this.pods.map((pod) => pod.serve()));
    for (const [shard, db] of this.dbs.entries()) {
      const own = accountIds.filter((id) => this.shardOf(id) === shard);
      await openIn(
        db.database,
        own.map((id) => account(id)),
      );
      for (const id of own) await this.pod(shard).post({ source: 'world', destination: id, amount: 10_000 });
    }
    this.#stopped = false;
    this.#flushing = this.#flush();
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await this.#flushing;
    await Promise.all(this.pods.map((pod) => pod.stop()));
  }

  async drop(): Promise<void> {
    await Promise.all(this.dbs.map((db) => db.drop()));
  }

  /** Flushes in place of the keepers. Skips a shard whose authority is moving. */
  async #flush(): Promise<void> {
    while (!this.#stopped) {
      for (const [shard, pod] of this.pods.entries()) if (!this.notFlushed.has(shard)) await flushOf(pod);
      await systemClock.sleep(FLUSH_EVERY_MS);
    }
  }

  pod(shard: number): PodBench {
    const pod = this.pods[shard];
    if (!pod) throw new RangeError(`no shard ${shard}`);
    return pod;
  }

  shardOf(accountId: string): number {
    return shardOfAccount(accountId, this.dbs.length);
  }

  /** Joins the shards in one process. @param pods its sessions, one for each shard */
  join(pods: readonly PodBench[] = this.pods): JoinedPod {
    const events: string[] = [];
    const shards = this.dbs.map(({ database }, shard): Shard => {
      const pod = pods[shard];
      if (!pod) throw new RangeError(`no session for shard ${shard}`);
      return {
        ledger: pod.ledger,
        books: new SqlBooks({ database, clock: systemClock }),
        history: new SqlHistory({ database }),
        holds: pod.ledger.holds,
        holdBooks: new SqlHoldBooks({ database }),
        database: new LedgerReader(database),
        crossings: new MysqlCrossingStore(database),
        returns: () => returnedMoney(database),
        isDatabaseAway: () => pod.away !== null,
      };
    });
    const joined = joinShards(shards, {
      clock: systemClock,
      processId: `pod-${Math.random()}`,
      requestTimeoutMs: 10_000,
      courier: { everyMs: 20, minAgeMs: 0, pageMax: 100, inFlightMax: 16, openMax: 10_000 },
      events: {
        answered: ({ transactionId }, answer) => events.push(`${transactionId} ${wordFor(answer)}`),
        ended: ({ transactionId }, end, by) => events.push(`${transactionId} ${end} (${by})`),
        legFailed: ({ transactionId }, leg, code, isUnexpected) =>
          events.push(`${transactionId} ${leg} ${code}${isUnexpected ? '!' : ''}`),
        courierFailed: (from, to, error) => events.push(`courier ${from} ${to} ${error}`),
        open() {},
      },
    });
    return { ...joined, events };
  }

  /** Lets the courier of a process work until no crossing is open. */
  async closeAll({ courier }: JoinedPod): Promise<void> {
    const stop = new AbortController();
    const working = courier.run(stop.signal);
    const deadline = systemClock.monotonic() + 30_000;
    while ((await this.openCrossings()) > 0) {
      if (systemClock.monotonic() > deadline) throw new Error('crossings are still open');
      await systemClock.sleep(20);
    }
    stop.abort();
    await working;
  }

  async openCrossings(): Promise<number> {
    const counts = await Promise.all(
      this.dbs.map(({ database }) =>
        database.rows<{ n: number }>("SELECT COUNT(*) AS n FROM crossings WHERE state = 'OPEN'"),
      ),
    );
    return counts.reduce((sum, [row]) => sum + (row?.n ?? 0), 0);
  }

  /** Lists what is wrong in MySQL once everything is flushed and closed; empty if nothing is wrong. */
  async violations(): Promise<string[]> {
    const found: string[] = [];
    const legs = new Map<string, LegName[]>();
    let transit = 0;
    for (const [shard, { database }] of this.dbs.entries()) {
      const [{ sum = 0, transit: own = 0, overdrawn = 0 } = {}] = await database.rows<Record<string, number>>(
        `SELECT SUM(balance) AS sum, SUM(IF(account_id LIKE '~transit%', balance, 0)) AS transit,
           SUM(balance < 0 AND NOT \`external\`) AS overdrawn FROM accounts`,
      );
      if (Number(sum) !== 0) found.push(`shard ${shard} sums to ${sum}`);
      if (Number(overdrawn) > 0) found.push(`shard ${shard} has overdrawn accounts`);
      transit += Number(own);
      const rows = await database.rows<{ id: string; leg: string; other: number }>(
        "SELECT transaction_id AS id, leg, other_shard AS other FROM transfers WHERE leg IS NOT NULL AND `status` = 'POSTED'",
      );
      for (const { id, leg, other } of rows) {
        const name = leg.toLowerCase() as LegName;
        const key = `${transactionIdOf(id)} from ${name === 'in' ? other : shard}`;
        if (id !== legIdOf(transactionIdOf(id), name, other)) found.push(`${id} is ${leg}`);
        legs.set(key, [...(legs.get(key) ?? []), name]);
      }
    }
    if (transit !== 0) found.push(`${transit} is in transit`);
    for (const [key, names] of legs) {
      const ends = names.filter((name) => name !== 'out').length;
      if (!names.includes('out') || ends !== 1) found.push(`${key} has the legs ${names.join(', ')}`);
    }
    return found;
  }
}

async function flushOf(pod: PodBench): Promise<void> {
  if ((await pod.store.read()).mode !== 'CACHE') return;
  try {
    await pod.flush();
  } catch (error) {
    // The authority has moved, or the test has flushed, in the meantime.
    const hasMoved = error instanceof CursorConflictError || (error instanceof CacheError && error.kind === 'refused');
    if (!hasMoved) throw error;
  }
}

export function wordFor(answer: Outcome | Problem | undefined): string {
  if (answer === undefined) return 'none';
  if (answer instanceof Problem) return answer.code;
  return `${answer.status === 'POSTED' ? 'POSTED' : answer.refusal}${answer.replayed ? '*' : ''}`;
}

export async function applyOne(pod: JoinedPod, order: TransferOrder, durability: Durability = 'cache') {
  const [answer] = await pod.ledger.apply([order], durability);
  return answer;
}
