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
  isPlacedByEvent,
  placingEventsOf,
  placingOfRow,
  updateOfRow,
} from '../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { refuseStrayColumns, refuseStrayHoldColumns } from './stray-columns.ts';

export type Reader = Pick<Database, 'rows'>;
export interface Written {
  written_at: Date | null;
  salt: Buffer | null;
}

/** A table of the books whose rows never change, or the part of a table that never changes. */
export interface BookTable {
  /** The statement, without a condition. */
  select: string;
  /** The columns of the primary key, with their names in the statement and in its rows. */
  key: readonly (readonly [column: string, field: string])[];
  /** The lowest values of these columns. */
  first: readonly (string | number)[];
  /** The column that contains the time at which a row was written. */
  written: string;
  /** The condition on the rows that belong to the table; by default, all rows do. */
  where?: string;
  rowsMax: number;
  items(database: Reader, rows: readonly never[]): Promise<BookItem[]>;
}

const hex = (salt: Buffer | null): string | null => salt?.toString('hex') ?? null;
/** Stands for the salt of rows that have to be in the log, but have no salt of their own. */
const NO_SALT = Buffer.alloc(0);

/** The item for a row. A row with values that no release writes does not stop the audit. */
function itemOf(what: string, row: Written, facts: () => object): BookItem {
  const common = { at: row.written_at?.getTime() ?? Number.MAX_SAFE_INTEGER, salt: hex(row.salt) };
  try {
    return { ...common, ...facts() } as BookItem;
  } catch (error) {
    return { ...common, kind: 'unreadable', what, why: error instanceof Error ? error.message : String(error) };
  }
}

type Row = Written & Record<string, unknown>;
function table<R extends Row>(
  description: Omit<BookTable, 'items' | 'rowsMax'> & { rowsMax?: number },
  items: (rows: readonly R[], database: Reader) => BookItem[] | Promise<BookItem[]>,
): BookTable {
  return { rowsMax: 1_000, ...description, items: async (database, rows) => items(rows, database) };
}

export const TRANSFERS = table<TransferRow & Row>(
  {
    select: `SELECT ${TRANSFER_COLUMNS}, salt, persisted_at AS written_at FROM transfers`,
    key: [['transaction_id', 'transaction_id']],
    first: [''],
    written: 'persisted_at',
  },
  (rows) =>
    rows.map((row) =>
      itemOf(`transfer ${row.transaction_id}`, row, () => {
        refuseStrayColumns(row);
        return { kind: 'transfer', outcome: outcomeOfRow(row) };
      }),
    ),
);

/** A group may have a hundred transfers. */
const GROUPS_PAGE = 50;
type GroupRow = Row & { group_id: string; status: string; first_id: string | null };

export const GROUPS = table<GroupRow>(
  {
    select: `SELECT group_id, \`status\`, JSON_VALUE(transaction_ids, '$[0]') AS first_id, salt, persisted_at AS written_at
     FROM transfer_groups`,
    key: [['group_id', 'group_id']],
    first: [''],
    written: 'persisted_at',
    rowsMax: GROUPS_PAGE,
  },
  async (rows, database) => {
    // A posted group has no personal data of its own: it is in the log if its members are.
    const salts = await rowsByIds<{ transaction_id: string; salt: Buffer | null }>(
      database,
      'SELECT transaction_id, salt FROM transfers WHERE transaction_id IN (?)',
      rows.flatMap(({ first_id }) => first_id ?? []),
    );
    const ofMember = new Map(salts.map(({ transaction_id, salt }) => [transaction_id, salt]));
    const saltOf = ({ status, first_id, salt }: GroupRow): Buffer | null => {
      if (status !== 'POSTED') return salt;
      const known = ofMember.get(first_id ?? '');
      return known === undefined ? NO_SALT : known;
    };
    return Promise.all(rows.map((row) => groupItem(database, { ...row, salt: saltOf(row) })));
  },
);

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

/** Holds as they were placed or refused. */
export const HOLDS = table<HoldRow & Row>(
  {
    select: `SELECT ${HOLD_COLUMNS}, h.salt, h.persisted_at AS written_at FROM holds h`,
    key: [['h.hold_id', 'hold_id']],
    first: [''],
    written: 'h.persisted_at',
  },
  async (rows, database) => {
    const events = await placingEventsOf(database, rows);
    return rows.map((row) =>
      itemOf(`hold ${row.hold_id}`, row, () => {
        const event = events.get(row.hold_id);
        refuseStrayHoldColumns(row, event);
        return { kind: 'hold', event: placingOfRow(row, event) };
      }),
    );
  },
);

/** Everything that happened to holds later, except captures. Placings are compared with their holds. */
export const HOLD_EVENTS = table<HoldEventRow & Row>(
  {
    select: `SELECT ${HOLD_EVENT_COLUMNS}, salt, persisted_at AS written_at FROM hold_events`,
    key: [
      ['account_id', 'account_id'],
      ['version', 'version'],
    ],
    first: ['', 0],
    written: 'persisted_at',
  },
  async (rows, database) => {
    const placed = rows.filter(({ kind, revision }) => kind === 'PLACED' && revision === 1);
    const holds = await rowsByIds<Pick<HoldRow, 'hold_id' | 'status' | 'placed_version'>>(
      database,
      'SELECT hold_id, `status`, placed_version FROM holds WHERE hold_id IN (?)',
      placed.map(({ hold_id }) => hold_id),
    );
    const compared = new Set(holds.filter(isPlacedByEvent).map(({ hold_id }) => hold_id));
    return rows.flatMap((row) => {
      if (row.kind === 'PLACED' && row.revision === 1 && compared.has(row.hold_id)) return [];
      return row.kind === 'PLACED'
        ? itemOf(`hold ${row.hold_id}`, { ...row, salt: NO_SALT }, () => {
            throw new Error('it has a placing that does not belong to it');
          })
        : itemOf(`hold event ${row.event_id}`, row, () => ({ kind: 'hold', event: updateOfRow(row) }));
    });
  },
);

interface ChangeRow extends Row {
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

export const CHANGES = table<ChangeRow>(
  {
    select: `SELECT change_id, account_id, settings_version, \`status\`, overdraft_limit, accepted_at, \`user\`,
     correlation_id, epoch, seq, limits, salt, persisted_at AS written_at FROM account_changes`,
    key: [['change_id', 'change_id']],
    first: [''],
    written: 'persisted_at',
  },
  (rows) => rows.map((row) => itemOf(`change ${row.change_id}`, row, () => ({ kind: 'change', ...changeOf(row) }))),
);

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

type AccountRow = Row & {
  account_id: string;
  currency: string;
  external: number;
  name: string | null;
  opened_by: string;
};

export const ACCOUNTS = table<AccountRow>(
  {
    select: `SELECT account_id, currency, \`external\`, \`name\`, opened_by, opened_at AS written_at, salt FROM accounts`,
    key: [['account_id', 'account_id']],
    first: [''],
    written: 'opened_at',
  },
  (rows) =>
    rows.map((row) =>
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
    ),
);

interface CaptureRow extends Row {
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

export const CAPTURES = table<CaptureRow>(
  {
    select: `SELECT c.hold_id, c.revision, c.transaction_id, c.account_id, c.version, c.held_after, c.counted_at_ms,
     c.day_change, c.month_change, t.salt, t.persisted_at AS written_at
     FROM hold_captures c LEFT JOIN transfers t ON t.transaction_id = c.transaction_id`,
    key: [
      ['c.hold_id', 'hold_id'],
      ['c.revision', 'revision'],
    ],
    first: ['', 0],
    written: 't.persisted_at',
  },
  (rows) =>
    rows.map((row) => {
      const counted = [row.counted_at_ms, row.day_change, row.month_change];
      const facts = [row.hold_id, row.revision, row.account_id, row.version, row.held_after, ...counted];
      return itemOf('', row, () => ({ kind: 'capture', transactionId: row.transaction_id, facts }));
    }),
);

interface CrossingRow extends Row {
  transaction_id: string;
  to_shard: number;
  destination_account: string;
  currency: string;
  amount: number;
}

export const CROSSINGS = table<CrossingRow>(
  {
    select: `SELECT c.transaction_id, c.to_shard, c.destination_account, c.currency, c.amount, t.salt,
     t.persisted_at AS written_at FROM crossings c LEFT JOIN transfers t ON t.transaction_id = c.transaction_id`,
    key: [['c.transaction_id', 'transaction_id']],
    first: [''],
    written: 't.persisted_at',
  },
  (rows) =>
    rows.map((row) => {
      const facts = [row.to_shard, row.destination_account, row.currency, row.amount];
      return itemOf('', row, () => ({ kind: 'crossing', transactionId: row.transaction_id, facts }));
    }),
);

export const MOVES = table<Row & Pick<AuthorityColumns, 'epoch' | 'mode'> & { changed_by: string; reason: string }>(
  {
    select: 'SELECT epoch, `mode`, changed_by, reason, salt, changed_at AS written_at FROM authority_log',
    key: [['epoch', 'epoch']],
    first: [-1],
    written: 'changed_at',
  },
  (rows) =>
    rows.map((row) => {
      const { epoch, mode, changed_by: user, reason } = row;
      const what = `move of the authority to epoch ${epoch}`;
      return itemOf(what, row, () => ({ kind: 'move', epoch, ...modeOf(mode), user, reason }));
    }),
);

interface LossRow extends Row {
  cache_epoch: number;
  kind: string;
  entry_id: string;
  what: string;
  accepted_by: string;
  reason: string;
}

export const LOSSES = table<LossRow>(
  {
    select: `SELECT \`id\`, cache_epoch, kind, entry_id, what, accepted_by, reason, salt, dropped_at AS written_at
     FROM dropped_entries`,
    key: [['`id`', 'id']],
    first: [0],
    written: 'dropped_at',
    rowsMax: 100,
  },
  (rows) =>
    rows.map((row) => {
      const { cache_epoch: epoch, kind: what, entry_id: id, what: content, accepted_by: user, reason } = row;
      return itemOf('', row, () => ({ kind: 'loss', epoch, what, id, content, user, reason }));
    }),
);
