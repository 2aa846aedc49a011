/** Measures MariaDB's CPU time for each statement of a flush of transfers, of placings of holds, and of captures. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { newUuidV7 } from '../app/domain/ids.ts';
import { batchOf, type FlushBatch } from '../app/journal/flush-batch.ts';
import type { HoldItem } from '../app/journal/hold-codec.ts';
import { account, type EpochUnderTest, modelEpoch, order } from '../app/journal/testing/epoch-under-test.ts';
import { place } from '../app/journal/testing/hold-items.ts';
import type { Sql } from '../app/mysql/connection/own-ledger.ts';
import { Database, Session } from '../app/mysql/connection/pool.ts';
import { FlushStore } from '../app/mysql/ledger/flush-store.ts';
import { migrate } from '../app/mysql/schema/data-source.ts';
import { DATABASE, USER } from '../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../devstack/testing/temporary.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import { MysqlServer } from '../verification/harness/mysql-server.ts';
import { commit, machine, round } from './measure.ts';

const ACCOUNTS = Array.from({ length: 1000 }, (_, index) =>
  account(`load-${index}`, { overdraftLimit: 1_000_000_000 }),
);
const KINDS = ['transfer', 'placing', 'capture'] as const;
type Kind = (typeof KINDS)[number];
const WARM_UP = 20;

/** CPU time by statement, µs. */
type Costs = Map<string, number>;

/** Measures each statement that changes something, by the thread of its connection; InnoDB's own threads are not included. */
class MeteredDatabase extends Database {
  costs: Costs = new Map();

  override transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return super.transaction((session) => {
      const metered: Pick<Session, 'rows' | 'run'> = {
        rows: (sql, values) => session.rows(sql, values),
        run: async (sql, values) => {
          const before = await cpuUs(session);
          const overhead = (await cpuUs(session)) - before;
          const changed = await session.run(sql, values);
          const spent = (await cpuUs(session)) - before - 2 * overhead;
          const name = nameOf(sql);
          this.costs.set(name, (this.costs.get(name) ?? 0) + spent);
          return changed;
        },
      };
      return work(Object.setPrototypeOf(metered, Session.prototype) as Session);
    });
  }
}

async function cpuUs(session: Session): Promise<number> {
  const [row] = await session.rows<{ Value: string }>("SHOW SESSION STATUS LIKE 'Cpu_time'");
  return Number(row?.Value) * 1e6;
}

/** The table that a statement changes. */
function nameOf(sql: Sql): string {
  const text = typeof sql === 'string' ? sql : sql(() => 'TRUE');
  return /^\s*(INSERT INTO|UPDATE|DELETE) \w+/.exec(text)?.[0].trim() ?? 'other';
}

/** Decides items of one kind in memory, and returns them as batches to flush. */
class Load {
  readonly #epoch: EpochUnderTest;
  readonly #open: { holdId: string; account: string; destination: string }[] = [];

  constructor(epoch: EpochUnderTest) {
    this.#epoch = epoch;
  }

  async batch(kind: Kind, items: number, afterSeq: number): Promise<FlushBatch> {
    const all = Array.from({ length: items }, () => this.#item(kind));
    if (kind === 'transfer') await this.#epoch.apply(...all.flatMap((one) => ('op' in one ? [] : one)));
    else await this.#epoch.applyHolds(...all.flatMap((one) => ('op' in one ? one : [])));
    const batch = batchOf(await this.#epoch.entries(afterSeq), 1, afterSeq);
    await this.#epoch.cache.publish(this.#epoch.keeper, batch.lastSeq, batch.lastSeq);
    return batch;
  }

  #item(kind: Kind): ReturnType<typeof order> | HoldItem {
    const id = newUuidV7(Date.now());
    const origin = { user: 'loadtest', correlationId: randomUUID() };
    const [source, destination] = accounts();
    if (kind === 'transfer') return order(id, { source, destination, amount: 1, ...origin });
    if (kind === 'placing') {
      this.#open.push({ holdId: id, account: source, destination });
      return place(id, 1, { account: source, destination, ...origin });
    }
    const hold = this.#open.shift();
    if (!hold) throw new Error('there is no hold to capture');
    const sides = { source: hold.account, destination: hold.destination };
    const capture = { holdId: hold.holdId, amount: null, destination: null, final: true };
    return { op: 'capture', order: { ...order(id, { ...sides, amount: 0, ...origin }), kind: 'capture', capture } };
  }
}

function accounts(): [source: string, destination: string] {
  const source = Math.floor(Math.random() * ACCOUNTS.length);
  const destination = (source + 1 + Math.floor(Math.random() * (ACCOUNTS.length - 1))) % ACCOUNTS.length;
  return [`load-${source}`, `load-${destination}`];
}

exitOnSignals();
const { values } = readCommandLine({
  name: 'npx tsx loadtest/flush-cost.ts',
  about: "Measures MariaDB's CPU time for each statement of a flush, per item.",
  options: {
    items: wholeNumber('items in a flush', { min: 1, max: 400, fallback: 75 }),
    flushes: wholeNumber('flushes of each kind', { min: 1, max: 100_000, fallback: 200 }),
  },
});
const folder = temporaryFolder();
const server = await MysqlServer.in({ dir: join(folder, 'mysql'), stack: folder, shards: 1 });
process.once('exit', () => server.signal('SIGKILL'));
await server.start();
await server.administer('SET GLOBAL userstat = 1');
const url = `mysql://${USER}:${server.password}@${server.host}:${server.port}/${DATABASE}`;
await migrate(url);
const limits = {
  connectionsMax: 2,
  queueMax: 10,
  connectTimeoutMs: 60_000,
  queryTimeoutMs: 60_000,
  lockWaitTimeoutS: 5,
};
const database = new MeteredDatabase({ url, ...limits });
await database.rows('INSERT INTO accounts (account_id, currency, overdraft_limit) VALUES ?', [
  ACCOUNTS.map(({ accountId, currency, overdraftLimit }) => [accountId, currency, overdraftLimit]),
]);
await database.rows("UPDATE authority SET epoch = 1, `mode` = 'CACHE_2', cache_epoch = 1, cache_format = 2");
await database.rows('UPDATE flush_cursor SET epoch = 1, seq = 0');
const epoch = await modelEpoch(ACCOUNTS);
// As in a script, all items of a call have one time.
let nowMs = Date.now();
epoch.cache.now = () => nowMs;
const load = new Load(epoch);
const store = new FlushStore(database);

async function flush(kind: Kind): Promise<void> {
  const { seq } = await store.cursor();
  nowMs = Date.now();
  await store.commit(await load.batch(kind, values.items, seq), 1);
}

const found = new Map<Kind, Costs>(KINDS.map((kind) => [kind, new Map()]));
for (const kind of KINDS) for (let number = 0; number < WARM_UP; number++) await flush(kind);
// In turns, so that whatever else the machine does slows all of them.
for (let number = 0; number < values.flushes; number++) {
  for (const kind of KINDS) {
    database.costs = found.get(kind) ?? new Map();
    await flush(kind);
  }
}
const names = [...new Set(KINDS.flatMap((kind) => [...(found.get(kind)?.keys() ?? [])]))].sort();
const perItem = (us: number): number => round(us / values.flushes / values.items, 1);
console.log(`${machine()}, commit ${commit()}, flushes of ${values.items} items, µs of CPU per item\n`);
console.log(`| | ${KINDS.join(' | ')} |\n| --- | ${KINDS.map(() => '---').join(' | ')} |`);
for (const name of names)
  console.log(`| ${name} | ${KINDS.map((kind) => perItem(found.get(kind)?.get(name) ?? 0)).join(' | ')} |`);
const totals = KINDS.map((kind) => perItem([...(found.get(kind)?.values() ?? [])].reduce((sum, us) => sum + us, 0)));
console.log(`| all | ${totals.join(' | ')} |`);
await database[Symbol.asyncDispose]();
await server.stop();
process.exit();
