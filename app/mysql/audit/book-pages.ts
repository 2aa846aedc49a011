import type { BookItem } from '../../audit/book-items.ts';
import type { LimitsChange } from '../../domain/limits.ts';
import type { AccountStatus } from '../../domain/types.ts';
import type { JournaledChange } from '../../journal/flush-batch.ts';
import type { Database } from '../connection/pool.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { groupsByIds } from '../rows/group-row.ts';
import {
  HOLD_COLUMNS,
  HOLD_EVENT_COLUMNS,
  type HoldEventRow,
  type HoldRow,
  placingOfRow,
  updateOfRow,
} from '../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

type Reader = Pick<Database, 'rows'>;
interface Written {
  written_at: Date | null;
  salt: Buffer | null;
}

/** How many rows are read at a time. */
const PAGE = 1_000;
/** A group may have a hundred transfers. */
const GROUPS_PAGE = 50;

/**
 * Rows that were written until `upTo`. A row that claims to be from the future is read, too: otherwise it would never be
 * compared.
 */
const until = (column: string): string => `(${column} <= ? OR ${column} > NOW(3) + INTERVAL 1 MINUTE)`;

const hex = (salt: Buffer | null): string | null => salt?.toString('hex') ?? null;

/** The item for a row. A row with values that no release writes does not stop the audit. */
function itemOf(what: string, row: Written, facts: () => object): BookItem {
  const common = { at: row.written_at?.getTime() ?? Number.MAX_SAFE_INTEGER, salt: hex(row.salt) };
  try {
    return { ...common, ...facts() } as BookItem;
  } catch (error) {
    return { ...common, kind: 'unreadable', what, why: error instanceof Error ? error.message : String(error) };
  }
}

/** All rows of a table, page by page in the order of its key. */
async function* pagesOf<Row extends object, Key extends readonly unknown[]>(
  read: (after: Key) => Promise<Row[]>,
  first: Key,
  keyOf: (row: Row) => Key,
): AsyncIterable<Row[]> {
  for (let after = first; ; ) {
    const page = await read(after);
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = keyOf(last);
  }
}

/** The rows of the books that never change, table by table. */
export async function* bookPages(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  yield* transfers(database, upTo);
  yield* groups(database, upTo);
  yield* holdEvents(database, upTo);
  yield* otherHolds(database, upTo);
  yield* changes(database, upTo);
  yield* accounts(database, upTo);
  yield* captures(database, upTo);
  yield* crossings(database, upTo);
  yield* moves(database, upTo);
  yield* losses(database, upTo);
}

async function* transfers(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  const read = ([after]: readonly [string]) =>
    database.rows<TransferRow & Written>(
      `SELECT ${TRANSFER_COLUMNS}, salt, persisted_at AS written_at FROM transfers
       WHERE transaction_id > ? AND ${until('persisted_at')} ORDER BY transaction_id LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.transaction_id] as const))
    yield page.map((row) =>
      itemOf(`transfer ${row.transaction_id}`, row, () => ({ kind: 'transfer', outcome: outcomeOfRow(row) })),
    );
}

async function* groups(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  type Row = Written & { group_id: string; status: string; first_id: string | null };
  const read = ([after]: readonly [string]) =>
    database.rows<Row>(
      `SELECT group_id, \`status\`, JSON_VALUE(transaction_ids, '$[0]') AS first_id, salt, persisted_at AS written_at
       FROM transfer_groups WHERE group_id > ? AND ${until('persisted_at')} ORDER BY group_id LIMIT ${GROUPS_PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.group_id] as const)) {
    // A posted group has no personal data of its own: it is in the log if its members are.
    const salts = await rowsByIds<{ transaction_id: string; salt: Buffer | null }>(
      database,
      'SELECT transaction_id, salt FROM transfers WHERE transaction_id IN (?)',
      page.flatMap(({ first_id }) => first_id ?? []),
    );
    const ofMember = new Map(salts.map(({ transaction_id, salt }) => [transaction_id, salt]));
    for (const row of page)
      if (row.status === 'POSTED') row.salt = ofMember.get(row.first_id ?? '') ?? (salts.length > 0 ? null : NO_SALT);
    yield Promise.all(page.map((row) => groupItem(database, row)));
  }
}
const NO_SALT = Buffer.alloc(0);

async function groupItem(database: Reader, row: Written & { group_id: string }): Promise<BookItem> {
  const { group_id: id } = row;
  const found = await groupsByIds(database, [id]).catch((error: unknown) => error as Error);
  return itemOf(`group ${id}`, row, () => {
    if (found instanceof Error) throw found;
    const outcome = found.get(id);
    if (!outcome) throw new Error('it has disappeared');
    return { kind: 'group', outcome };
  });
}

async function* holdEvents(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  type Row = HoldEventRow & Written;
  const read = ([account, version]: readonly [string, number]) =>
    database.rows<Row>(
      `SELECT ${HOLD_EVENT_COLUMNS}, salt, persisted_at AS written_at FROM hold_events
       WHERE (account_id > ? OR (account_id = ? AND version > ?)) AND ${until('persisted_at')}
       ORDER BY account_id, version LIMIT ${PAGE}`,
      [account, account, version, upTo],
    );
  for await (const page of pagesOf(read, ['', 0] as const, (row) => [row.account_id, row.version] as const)) {
    const placed = page.filter(({ kind }) => kind === 'PLACED').map(({ hold_id }) => hold_id);
    const holds = await rowsByIds<HoldRow & Pick<Written, 'salt'>>(
      database,
      `SELECT ${HOLD_COLUMNS}, h.salt FROM holds h WHERE h.hold_id IN (?)`,
      placed,
    );
    const byId = new Map(holds.map((row) => [row.hold_id, row]));
    yield page.map((row) => {
      if (row.kind !== 'PLACED')
        return itemOf(`hold event ${row.event_id}`, row, () => ({ kind: 'hold', event: updateOfRow(row) }));
      const hold = byId.get(row.hold_id);
      return itemOf(`hold ${row.hold_id}`, { ...row, salt: hold ? hold.salt : NO_SALT }, () => {
        if (!hold) throw new Error('the row of the hold is missing');
        return { kind: 'hold', event: placingOfRow(hold, row) };
      });
    });
  }
}

/** Holds that were refused, and holds that have no salt. All others are compared by their events. */
async function* otherHolds(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  type Row = HoldRow & Written;
  const read = ([after]: readonly [string]) =>
    database.rows<Row>(
      `SELECT ${HOLD_COLUMNS}, h.salt, h.persisted_at AS written_at FROM holds h
       WHERE h.hold_id > ? AND (h.\`status\` = 'REFUSED' OR h.salt IS NULL) AND ${until('h.persisted_at')}
       ORDER BY h.hold_id LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.hold_id] as const))
    yield page.map((row) =>
      itemOf(`hold ${row.hold_id}`, row, () => {
        if (row.status !== 'REFUSED') throw new Error('it has no salt');
        return { kind: 'hold', event: placingOfRow(row, null) };
      }),
    );
}

interface ChangeRow extends Written {
  change_id: string;
  account_id: string;
  settings_version: number;
  status: AccountStatus;
  overdraft_limit: number;
  accepted_at: Date;
  user: string;
  correlation_id: string;
  epoch: number;
  seq: number;
  limits: string | null;
}

async function* changes(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  const read = ([after]: readonly [string]) =>
    database.rows<ChangeRow>(
      `SELECT change_id, account_id, settings_version, \`status\`, overdraft_limit, accepted_at, \`user\`, correlation_id,
         epoch, seq, limits, salt, persisted_at AS written_at FROM account_changes
       WHERE change_id > ? AND ${until('persisted_at')} ORDER BY change_id LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.change_id] as const))
    yield page.map((row) => itemOf(`change ${row.change_id}`, row, () => ({ kind: 'change', ...changeOf(row) })));
}

function changeOf(row: ChangeRow): { change: JournaledChange; epoch: number } {
  const limits = row.limits === null ? null : (JSON.parse(row.limits) as LimitsChange);
  return {
    epoch: row.epoch,
    change: {
      changeId: row.change_id,
      accountId: row.account_id,
      settingsVersion: row.settings_version,
      status: row.status,
      overdraftLimit: row.overdraft_limit,
      acceptedAt: row.accepted_at.getTime(),
      takenAt: null,
      user: row.user,
      correlationId: row.correlation_id,
      seq: row.seq,
      ...(limits && { limits }),
    },
  };
}

async function* accounts(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  type Row = Written & {
    account_id: string;
    currency: string;
    external: number;
    name: string | null;
    opened_by: string;
  };
  const read = ([after]: readonly [string]) =>
    database.rows<Row>(
      `SELECT account_id, currency, \`external\`, \`name\`, opened_by, opened_at AS written_at, salt FROM accounts
       WHERE account_id > ? AND ${until('opened_at')} ORDER BY account_id LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.account_id] as const))
    yield page.map((row) =>
      itemOf(`account ${row.account_id}`, row, () => ({
        kind: 'account',
        account: {
          accountId: row.account_id,
          currency: row.currency,
          external: row.external === 1,
          name: row.name,
          openedBy: row.opened_by,
          openedAt: row.written_at?.getTime() ?? 0,
        },
      })),
    );
}

async function* captures(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  interface Row extends Written {
    hold_id: string;
    revision: number;
    transaction_id: string;
    account_id: string;
    version: number;
    held_after: number;
    counted_at_ms: number;
    day_change: number;
    month_change: number;
  }
  const read = ([hold, revision]: readonly [string, number]) =>
    database.rows<Row>(
      `SELECT c.hold_id, c.revision, c.transaction_id, c.account_id, c.version, c.held_after, c.counted_at_ms,
         c.day_change, c.month_change, t.salt, t.persisted_at AS written_at
       FROM hold_captures c LEFT JOIN transfers t ON t.transaction_id = c.transaction_id
       WHERE (c.hold_id > ? OR (c.hold_id = ? AND c.revision > ?))
         AND (t.persisted_at IS NULL OR ${until('t.persisted_at')})
       ORDER BY c.hold_id, c.revision LIMIT ${PAGE}`,
      [hold, hold, revision, upTo],
    );
  for await (const page of pagesOf(read, ['', 0] as const, (row) => [row.hold_id, row.revision] as const))
    yield page.map((row) => {
      const counted = [row.counted_at_ms, row.day_change, row.month_change];
      const facts = [row.hold_id, row.revision, row.account_id, row.version, row.held_after, ...counted];
      return itemOf('', row, () => ({ kind: 'capture', transactionId: row.transaction_id, facts }));
    });
}

async function* crossings(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  interface Row extends Written {
    transaction_id: string;
    to_shard: number;
    destination_account: string;
    currency: string;
    amount: number;
  }
  const read = ([after]: readonly [string]) =>
    database.rows<Row>(
      `SELECT c.transaction_id, c.to_shard, c.destination_account, c.currency, c.amount, t.salt,
         t.persisted_at AS written_at
       FROM crossings c LEFT JOIN transfers t ON t.transaction_id = c.transaction_id
       WHERE c.transaction_id > ? AND (t.persisted_at IS NULL OR ${until('t.persisted_at')})
       ORDER BY c.transaction_id LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [''] as const, (row) => [row.transaction_id] as const))
    yield page.map((row) => {
      const facts = [row.to_shard, row.destination_account, row.currency, row.amount];
      return itemOf('', row, () => ({ kind: 'crossing', transactionId: row.transaction_id, facts }));
    });
}

async function* moves(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  type Row = Written & Pick<AuthorityColumns, 'epoch' | 'mode'> & { changed_by: string; reason: string };
  const read = ([after]: readonly [number]) =>
    database.rows<Row>(
      `SELECT epoch, \`mode\`, changed_by, reason, salt, changed_at AS written_at FROM authority_log
       WHERE epoch > ? AND ${until('changed_at')} ORDER BY epoch LIMIT ${PAGE}`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [-1] as const, (row) => [row.epoch] as const))
    yield page.map((row) => {
      const { epoch, mode, changed_by: user, reason } = row;
      const what = `move of the authority to epoch ${epoch}`;
      return itemOf(what, row, () => ({ kind: 'move', epoch, ...modeOf(mode), user, reason }));
    });
}

async function* losses(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  interface Row extends Written {
    id: number;
    cache_epoch: number;
    kind: string;
    entry_id: string;
    what: string;
    accepted_by: string;
    reason: string;
  }
  const read = ([after]: readonly [number]) =>
    database.rows<Row>(
      `SELECT \`id\`, cache_epoch, kind, entry_id, what, accepted_by, reason, salt, dropped_at AS written_at
       FROM dropped_entries WHERE \`id\` > ? AND ${until('dropped_at')} ORDER BY \`id\` LIMIT 100`,
      [after, upTo],
    );
  for await (const page of pagesOf(read, [0] as const, (row) => [row.id] as const))
    yield page.map((row) => {
      const { cache_epoch: epoch, kind: what, entry_id: id, what: content, accepted_by: user, reason } = row;
      return itemOf('', row, () => ({ kind: 'loss', epoch, what, id, content, user, reason }));
    });
}
