import { verifyLog } from '../../app/jobs/log-verifier.ts';
import type { SealedEntry } from '../../app/journal/sealed/sealed-entry.ts';
import { MysqlSealedLog } from '../../app/mysql/ledger/sealed-log-reader.ts';
import type { BookedLog } from '../checker/books.ts';
import { Mysql } from '../harness/mysql.ts';
import type { MysqlAddress } from '../harness/system.ts';
import { until } from '../harness/time.ts';

const SEALED_MS_MAX = 60_000;
const PAGE = { rows: 100, bytes: 8 * 1024 * 1024 };

/** Everything whose salt is in the books must be in the log. Selects the names of these entries. */
const EXPECTED = `
  SELECT CONCAT('transfer ', transaction_id) AS name FROM transfers WHERE salt IS NOT NULL
  UNION ALL SELECT CONCAT('hold ', hold_id) FROM holds WHERE salt IS NOT NULL
  UNION ALL SELECT CONCAT('event ', event_id) FROM hold_events WHERE salt IS NOT NULL
  UNION ALL SELECT CONCAT('change ', change_id) FROM account_changes WHERE salt IS NOT NULL
  UNION ALL SELECT CONCAT('account ', account_id) FROM accounts WHERE salt IS NOT NULL`;

/** The logs of all databases, once everything that waits is sealed. A database of an older release has none. */
export async function readLogs(addresses: readonly MysqlAddress[]): Promise<BookedLog[]> {
  return (await Promise.all(addresses.map(readLog))).flat();
}

async function readLog(address: MysqlAddress): Promise<BookedLog[]> {
  using mysql = await Mysql.open(address);
  if ((await mysql.rows("SHOW TABLES LIKE 'sealed_head'")).length === 0) return [];
  // Everything is read from one snapshot, in which nothing waits to be sealed.
  await until('the log is sealed', SEALED_MS_MAX, async () => {
    await mysql.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return (await mysql.rows('SELECT 1 FROM unsealed LIMIT 1')).length === 0;
  });
  // The connection uses this database, which has one head.
  const log = new MysqlSealedLog({
    rows: async <Row>(sql: unknown, values?: unknown[]) =>
      (await mysql.rows(typeof sql === 'function' ? sql(() => '1 = 1') : String(sql), values)) as unknown as Row[],
  });
  const verified = await verifyLog(log);
  const entries: BookedLog['entries'][number][] = [];
  for (let after = 0; ; ) {
    const rows = await log.read(after, PAGE);
    if (rows.length === 0) break;
    for (const row of rows) entries.push(...row.entries.flatMap(bookedEntry));
    after = rows.at(-1)?.position ?? after;
  }
  const expected = (await mysql.rows(EXPECTED)).map((row) => String(row['name']));
  const fault = 'problem' in verified ? `the log is broken at ${verified.position}: ${verified.problem}` : null;
  return [{ fault, entries, expected }];
}

function bookedEntry(entry: SealedEntry): BookedLog['entries'][number][] {
  switch (entry.kind) {
    case 'transfer': {
      const { transactionId, source, destination } = entry.order;
      const key = `transfer ${transactionId}`;
      if (entry.status === 'REJECTED') return [{ key, positions: [] }];
      const positions = [
        { accountId: source, version: entry.source.version, isState: false },
        { accountId: destination, version: entry.destination.version, isState: false },
      ];
      return [{ key, positions }];
    }
    case 'hold': {
      const { event } = entry;
      const key = 'eventId' in event ? `event ${event.eventId}` : `hold ${event.holdId}`;
      const positions =
        'side' in event ? [{ accountId: event.account, version: event.side.version, isState: false }] : [];
      return [{ key, positions }];
    }
    case 'account-changed':
      return [{ key: `change ${entry.change.changeId}`, positions: [] }];
    case 'account-opened':
    case 'account-state': {
      const version = entry.kind === 'account-state' ? entry.version : 0;
      const position = { accountId: entry.accountId, version, isState: true };
      return [{ key: `account ${entry.accountId}`, positions: [position] }];
    }
    default:
      return [];
  }
}
