/**
 * Measures the search index with many transfers: `npx tsx loadtest/search.ts --mysql-url mysql://…`, with an empty
 * database on this machine (STACK_DIR=… npm start -- --stores-only), which it fills.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readCommandLine, refuse, text, wholeNumber } from '../app/config/command-line.mjs';
import { systemClock } from '../app/kernel/clock.ts';
import { Database } from '../app/mysql/connection/pool.ts';
import { migrate } from '../app/mysql/schema/data-source.ts';
import { MysqlSearchIndex } from '../app/mysql/search/mysql-search-index.ts';
import { Projector } from '../app/search/projector.ts';
import { exitOnSignals } from '../verification/harness/command.ts';
import { cpuMs } from '../verification/harness/usage.ts';
import { machine } from './measure.ts';
import { SearchBooks } from './search/books.ts';
import { pagesOf } from './search/pages.ts';

const command = {
  name: 'npx tsx loadtest/search.ts',
  about: 'Measures the search index in an empty database, which it fills.',
  options: {
    'mysql-url': text('URL', 'the URL of an empty database on this machine'),
    transfers: wholeNumber('transfers in the books when the index is filled', { min: 1_000, fallback: 1_000_000 }),
    followed: wholeNumber('transfers that are added through the log afterwards', { min: 750, fallback: 60_000 }),
  },
};
const { values } = readCommandLine(command);
const url = values['mysql-url'] ?? refuse(command, '--mysql-url is required.');
exitOnSignals();

await migrate(url);
const pool = { url, queueMax: 100, connectTimeoutMs: 60_000, queryTimeoutMs: 600_000, lockWaitTimeoutS: 50 };
await using database = new Database({ ...pool, connectionsMax: 6 });
// With one connection, the counters of its session are those of the pages.
await using single = new Database({ ...pool, connectionsMax: 1 });
const mysqld = await pidOf(database);
const books = new SearchBooks(database);
await books.fill(values.transfers);
console.log(`On ${machine()}, ${values.transfers.toLocaleString('en')} transfers`);
await project(database, mysqld, 'fill the index', values.transfers);
await books.seal(values.followed);
await project(database, mysqld, 'follow the log', values.followed);
console.log(await sizes(database, values.transfers + values.followed));
console.log((await pagesOf(single)).join('\n'));

async function pidOf(database: Database): Promise<number> {
  const [row] = await database.rows<{ dir: string; pidFile: string }>(
    'SELECT @@datadir AS dir, @@pid_file AS `pidFile`',
  );
  return Number(readFileSync(resolve(row?.dir ?? '', row?.pidFile ?? ''), 'latin1'));
}

/** Runs a projector until it has reached the end of the log, and prints what that costs. */
async function project(database: Database, mysqld: number, what: string, transfers: number): Promise<void> {
  let isAtEnd = false;
  const projector = new Projector({
    index: new MysqlSearchIndex({ books: database, index: database }),
    clock: systemClock,
    hasPending: false,
    events: {
      moved({ state }, entries) {
        isAtEnd = state === 'READY' && entries === 0;
      },
      restarted(because) {
        throw new Error(`the index begins again: ${because}`);
      },
    },
  });
  const before = { time: performance.now(), own: process.cpuUsage(), mysqld: cpuMs(mysqld) };
  while (!isAtEnd) await projector.step();
  const seconds = (performance.now() - before.time) / 1000;
  const { user, system } = process.cpuUsage(before.own);
  const perTransfer = (micros: number) => `${(micros / transfers).toFixed(1)} µs`;
  console.log(
    `${what}: ${seconds.toFixed(1)} s, ${Math.round(transfers / seconds)} transfers/s; CPU per transfer: projector ${perTransfer(user + system)}, MySQL ${perTransfer((cpuMs(mysqld) - before.mysqld) * 1000)}`,
  );
}

async function sizes(database: Database, transfers: number): Promise<string> {
  await database.rows('ANALYZE TABLE search_transfers, transfers');
  const rows = await database.rows<{ name: string; bytes: number; count: number }>(
    `SELECT \`table_name\` AS \`name\`, data_length + index_length AS bytes, table_rows AS count
     FROM information_schema.tables WHERE table_schema = DATABASE() AND \`table_name\` IN ('transfers', 'search_transfers')`,
  );
  return rows
    .map(({ name: table, bytes }) => `${table}: ${Math.round(Number(bytes) / transfers)} bytes per transfer`)
    .join(', ');
}
