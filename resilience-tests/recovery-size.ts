/**
 * Whether a keeper with the memory of the chart ends an epoch of the largest backlog: writes what pods would have drained
 * straight into a MariaDB of its own, and starts a real keeper on it, for each way that needs no Redis.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, wholeNumber } from '../app/command-line.mjs';
import { encodeOrder, encodeRecord, RecordStatus } from '../app/ledger/cache/codec.ts';
import type { JournalEntry } from '../app/ledger/journal.ts';
import { AuthorityStore } from '../app/store/authority-store.ts';
import { migrate } from '../app/store/data-source.ts';
import { DrainStore } from '../app/store/drain-store.ts';
import { Database } from '../app/store/pool.ts';
import { SettlementStore } from '../app/store/settlement-store.ts';
import { UnsettledStore } from '../app/store/unsettled-store.ts';
import { startMariadb } from '../scripts/stack/mariadb.mjs';
import { freePort } from '../scripts/stack/ports.mjs';
import { temporaryFolder } from '../scripts/testing/temporary.mjs';

const { values } = readCommandLine({
  name: 'npx tsx resilience-tests/recovery-size.ts',
  about:
    'Ends an epoch of a large backlog with a keeper of little memory: by what was drained, and by an accepted loss.',
  options: {
    outcomes: wholeNumber('drained outcomes', { min: 1, fallback: 2_000_000 }),
    bytes: wholeNumber('bytes of metadata of each', { min: 1, fallback: 900 }),
    heap: wholeNumber('heap of the keeper, MiB: half of its memory, as Node.js takes it in a container', {
      min: 1,
      fallback: 256,
    }),
    memory: wholeNumber('memory that it may take in all, MiB', { min: 1, fallback: 512 }),
    minutes: wholeNumber('how long each way may take', { min: 1, fallback: 60 }),
  },
});
const PAIRS = 20_000;
const PER_ENTRY = 50;
const ENTRIES_PER_CALL = 100;
const LOOK_EVERY_MS = 250;
const ACCEPTED_AT = Date.UTC(2026, 0, 31, 12);
const NOTE = 'x'.repeat(values.bytes);

const dir = temporaryFolder();
const mysql = await startMariadb({ dir: join(dir, 'mysql'), relaxed: true });
await migrate(mysql.url);
const database = new Database({
  url: mysql.url,
  connectionsMax: 4,
  queueMax: 100,
  connectTimeoutMs: 5_000,
  queryTimeoutMs: 600_000,
  lockWaitTimeoutS: 60,
});
const authority = new AuthorityStore(database);
const by = { keeper: 'operator', reason: 'to see that it fits into memory' };
try {
  await fill();
  await timed('by what was drained', async () => {});
  const report = await new UnsettledStore(database).report(1000);
  console.log(`listed: ${report.frozenAccounts.total} frozen accounts, ${report.ids.total} ids`);
  await emptyBooks();
  await timed('by an accepted loss', async () => {
    const step = await new SettlementStore(database).acceptLoss(await authority.read(), by);
    if (step === null || !('working' in step)) throw new Error('a loss of this size is not over with one page');
  });
} finally {
  await database[Symbol.asyncDispose]();
  await mysql.stop();
  rmSync(dir, { recursive: true, force: true });
}

/** An epoch that has ended: everything but its first seq was drained. */
async function fill(): Promise<void> {
  const started = performance.now();
  for (let first = 0; first < PAIRS; first += 1000) {
    const rows = Array.from({ length: 1000 }, (_, n) => [`a${first + n}`, `b${first + n}`]).flat();
    await database.rows('INSERT INTO accounts (account_id, currency, `external`) VALUES ?', [
      rows.map((id) => [id, 'EUR', 1]),
    ]);
  }
  await database.rows("INSERT INTO accounts (account_id, currency) VALUES ('x', 'EUR'), ('y', 'EUR')");
  await database.rows("INSERT INTO pods (pod_id, epoch) VALUES ('pod', 1)");
  await close();
  const drains = new DrainStore(database);
  for (let entry = 0; entry * PER_ENTRY < values.outcomes; entry += ENTRIES_PER_CALL) {
    const entries = Array.from({ length: ENTRIES_PER_CALL }, (_, n) => entryOf(entry + n)).filter(
      ({ records }) => records.length > 0,
    );
    await drains.keep(1, 'pod', { entries, inDoubt: [] });
  }
  await drains.keep(1, 'pod', { entries: [], inDoubt: [{ kind: 'transfers', id: 'lost', accounts: ['x', 'y'] }] });
  await drains.complete(1, ['pod'], values.outcomes + 1);
  const [size] = await database.rows<{ mib: number }>(
    'SELECT ROUND(SUM(payload_bytes) / 1048576) AS mib FROM drained_entries',
  );
  console.log(`${values.outcomes} outcomes, ${size?.mib} MiB, drained in ${seconds(started)} s`);
}

async function close(): Promise<void> {
  await database.rows(
    "UPDATE authority SET epoch = 2, `mode` = 'CLOSING', cache_epoch = 1, replid = 'r', marker = 'm', redis_node = '', bound = NULL",
  );
  await database.rows('UPDATE flush_cursor SET epoch = 1, seq = 0');
  await database.rows('DELETE FROM authority_log');
}

function entryOf(entry: number): JournalEntry {
  const orders: string[] = [];
  const records: Buffer[] = [];
  for (let n = entry * PER_ENTRY; n < Math.min((entry + 1) * PER_ENTRY, values.outcomes); n++) {
    const pair = n % PAIRS;
    const version = Math.floor(n / PAIRS) + 1;
    const order = {
      kind: 'transfer' as const,
      transactionId: `t-${n}`,
      source: `a${pair}`,
      destination: `b${pair}`,
      amount: 1,
      currency: 'EUR',
      timestamp: null,
      reference: null,
      metadata: { note: NOTE },
      reverses: null,
      user: 'u',
      correlationId: 'c',
    };
    orders.push(encodeOrder(order, ACCEPTED_AT));
    records.push(
      encodeRecord({
        status: RecordStatus.POSTED,
        detail: 0,
        balance: -version,
        version,
        otherBalance: version,
        otherVersion: version,
        settingsVersion: 1,
        otherSettingsVersion: 1,
        seq: n + 2,
      }),
    );
  }
  const firstSeq = entry * PER_ENTRY + 2;
  const payload = `[${orders.join(',')}]`;
  return { kind: 'transfers', firstSeq, payload, records: Buffer.concat(records), acceptedAt: ACCEPTED_AT };
}

async function emptyBooks(): Promise<void> {
  await database.transaction(async (session) => {
    await session.run('SET FOREIGN_KEY_CHECKS = 0');
    await session.run('TRUNCATE TABLE transfers');
    await session.run('SET FOREIGN_KEY_CHECKS = 1');
  });
  await database.rows('UPDATE accounts SET balance = 0, version = 0, previous_version = 0, previous_balance = 0');
  for (const table of ['frozen_accounts', 'unsettled_ids', 'epoch_recovery'])
    await database.rows(`DELETE FROM ${table}`);
  await close();
}

/** A keeper without Redis, until the ledger is open. */
async function timed(way: string, begin: () => Promise<void>): Promise<void> {
  await begin();
  const started = performance.now();
  const keeper = spawn(
    process.execPath,
    [`--max-old-space-size=${values.heap}`, '--import', 'tsx', 'app/main.ts', 'keeper'],
    {
      env: {
        ...process.env,
        MYSQL_URL: mysql.url,
        REDIS_URL: 'redis://127.0.0.1:1',
        ADMIN_PORT: `${await freePort()}`,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  try {
    for (let now = await authority.read(); now.mode !== 'DIRECT'; now = await authority.read()) {
      if (keeper.exitCode !== null || keeper.signalCode !== null) throw new Error(`the keeper has died ${way}`);
      if (performance.now() - started > values.minutes * 60_000)
        throw new Error(`not open after ${values.minutes} min`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${keeper.pid}/status`, 'utf8'))?.[1]) / 1024;
    const [row] = await database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM transfers');
    console.log(`${way}: open after ${seconds(started)} s, ${row?.n} posted, the keeper took ${Math.round(peak)} MiB`);
    if (row?.n !== values.outcomes) throw new Error(`${way}: ${row?.n} of ${values.outcomes} are posted`);
    if (peak > values.memory) throw new Error(`${way}: ${Math.round(peak)} MiB are more than ${values.memory}`);
  } finally {
    keeper.kill('SIGKILL');
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
