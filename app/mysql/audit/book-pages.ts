import type { BookItem } from '../../audit/book-items.ts';
import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import {
  ACCOUNTS,
  type BookTable,
  CAPTURES,
  CHANGES,
  CROSSINGS,
  GROUPS,
  HOLD_EVENTS,
  HOLDS,
  LOSSES,
  MOVES,
  type Reader,
  TRANSFERS,
} from './book-tables.ts';

const TABLES = [...[TRANSFERS, GROUPS, HOLDS, HOLD_EVENTS, CHANGES, ACCOUNTS], ...[CAPTURES, CROSSINGS, MOVES, LOSSES]];

/**
 * The rows of the books that never change, table by table, each in pages in the order of its key: all rows that were
 * written up to `upTo`. A row that claims to be from the future is read, too: otherwise it would never be compared.
 */
export async function* bookPages(database: Reader, upTo: Date): AsyncIterable<BookItem[]> {
  for (const table of TABLES) yield* pagesOf(database, table, upTo);
}

async function* pagesOf(database: Reader, table: BookTable, upTo: Date): AsyncIterable<BookItem[]> {
  const { select, key, written, where = 'TRUE', rowsMax } = table;
  const columns = key.map(([column]) => column);
  const [one = '', two] = columns;
  const after = two === undefined ? `${one} > ?` : `(${one} > ? OR (${one} = ? AND ${two} > ?))`;
  const until = `(${written} IS NULL OR ${written} <= ? OR ${written} > NOW(3) + INTERVAL 1 MINUTE)`;
  for (let last = table.first; ; ) {
    const position = two === undefined ? last : [last[0], last[0], last[1]];
    const rows = await database.rows<Record<string, string | number>>(
      `${select} WHERE ${where} AND ${after} AND ${until} ORDER BY ${columns.join(', ')} LIMIT ${rowsMax}`,
      [...position, upTo],
    );
    const end = rows.at(-1);
    if (!end) return;
    yield table.items(database, rows as never[]);
    last = key.map(([, field]) => end[field] ?? '');
  }
}

/** The rows to which entries of the log correspond, found by their ids. */
export async function bookItemsOf(database: Reader, entries: readonly SealedEntry[]): Promise<BookItem[]> {
  const wanted = new Map<string, { table: BookTable; column: string; ids: Set<string | number> }>();
  for (const [table, column, id] of entries.flatMap(placesOf)) {
    const key = `${table.select} ${column}`;
    const known = wanted.get(key) ?? { table, column, ids: new Set() };
    known.ids.add(id);
    wanted.set(key, known);
  }
  const items: BookItem[] = [];
  for (const { table, column, ids } of wanted.values()) {
    const rows = await rowsByIds<object>(database, `${table.select} WHERE ${column} IN (?)`, [...ids]);
    items.push(...(await table.items(database, rows as never[])));
  }
  return items;
}

type Place = [table: BookTable, column: string, id: string | number];

function placesOf(entry: SealedEntry): Place[] {
  switch (entry.kind) {
    case 'transfer': {
      const { transactionId, capture, leg } = entry.order;
      return [
        [TRANSFERS, 'transaction_id', transactionId],
        ...(capture ? [[CAPTURES, 'c.hold_id', capture.holdId] as Place] : []),
        ...(leg ? [[CROSSINGS, 'c.transaction_id', transactionId] as Place] : []),
      ];
    }
    case 'group':
      return [[GROUPS, 'group_id', entry.groupId]];
    case 'hold':
      return [holdPlace(entry.event)];
    case 'account-changed':
      return [[CHANGES, 'change_id', entry.change.changeId]];
    case 'account-opened':
    case 'account-state':
      return [[ACCOUNTS, 'account_id', entry.accountId]];
    case 'authority-moved':
      return [[MOVES, 'epoch', entry.epoch]];
    case 'loss-accepted':
      // The index begins with the kind.
      return [[LOSSES, `kind = '${LOSS_KINDS.find((kind) => kind === entry.what) ?? ''}' AND entry_id`, entry.id]];
    default:
      return [];
  }
}

const LOSS_KINDS = ['transfers', 'account-change', 'group', 'holds', 'hold', 'hold-event'];

function holdPlace(event: Extract<SealedEntry, { kind: 'hold' }>['event']): Place {
  return 'eventId' in event ? [HOLD_EVENTS, 'event_id', event.eventId] : [HOLDS, 'h.hold_id', event.holdId];
}
