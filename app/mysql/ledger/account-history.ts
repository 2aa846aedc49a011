import type { HistoryItem } from '../../domain/types.ts';
import type { HistoryFilter, HistoryPage, HistoryQuery } from '../../ledger/ports/history.ts';
import type { Database, Session } from '../connection/pool.ts';
import { HELD_AMOUNTS, type HistoryRow, itemOfRow, KINDS, SIDES, type SideTable } from '../rows/history-rows.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

type Source = Pick<Session | Database, 'rows'>;

interface Versions {
  accountId: string;
  /** Versions in (after, until]. */
  after: number;
  until: number;
}
type Reading = Pick<HistoryQuery, 'toward' | 'limit' | 'filter'> & { holds: boolean };

/**
 * The maximum number of rows of each kind (debits, credits, events of holds) that a filtered page examines. There is no
 * index on kinds and amounts, because it would make every transfer more expensive.
 */
export const EXAMINED_MAX = 10_000;
/** A page ends early if the metadata of its items exceeds this size, bytes. A row may have 17 kB. */
const METADATA_BYTES_MAX = 2 * 1024 * 1024;

/** A range of an index that contains versions of an account, and a condition on its rows. */
interface Arm extends SideTable {
  condition: string;
  values: unknown[];
}

/**
 * Reads versions of an account in order, each from the one table that has it. Versions have no gaps, so an unfiltered
 * page that includes the events of holds has a known length.
 */
export async function historyPage(from: Source, versions: Versions, reading: Reading): Promise<HistoryPage> {
  const { limit, toward, holds, filter } = reading;
  const isWhole = holds && !isSet(filter);
  const arms = armsFor(holds, filter);
  const window = isWhole ? nearest(versions, toward, limit) : await examined(from, versions, arms, toward);
  if (window.after >= window.until || arms.length === 0) return { items: [], next: nextOf(versions, window, toward) };
  const rows = await rowsIn(from, window, arms, toward, limit + 1);
  const kept = rows.slice(0, Math.min(limit, withinBudget(rows)));
  const last = kept.at(-1);
  const next =
    last && kept.length < rows.length ? positionAfter(last.version, toward) : nextOf(versions, window, toward);
  return { items: await itemsOf(from, versions.accountId, kept, reading, isWhole), next };
}

/** One version of an account; null if no table has it. */
export async function historyItem(from: Source, accountId: string, version: number): Promise<HistoryItem | null> {
  const versions = { accountId, after: version - 1, until: version };
  const { items } = await historyPage(from, versions, { limit: 1, toward: 'newer', holds: true });
  return items[0] ?? null;
}

const isSet = (filter: HistoryFilter | undefined): boolean =>
  filter !== undefined && Object.values(filter).some((condition) => condition !== undefined);

function armsFor(holds: boolean, { kinds, direction, amountMin, amountMax }: HistoryFilter = {}): Arm[] {
  const arms: Arm[] = [];
  for (const side of SIDES) {
    if (side.direction === null ? !holds : direction !== undefined && direction !== side.direction) continue;
    const ofTransfers = direction !== undefined || amountMin !== undefined || amountMax !== undefined;
    if (side.direction === null && ofTransfers) continue;
    const wanted = side.kinds.filter((kind) => kinds === undefined || kinds.includes(KINDS[kind]));
    if (wanted.length === 0) continue;
    const conditions: [string, unknown][] = [];
    if (wanted.length < side.kinds.length) conditions.push(['kind IN (?)', wanted]);
    if (amountMin !== undefined) conditions.push(['amount >= ?', amountMin]);
    if (amountMax !== undefined) conditions.push(['amount <= ?', amountMax]);
    arms.push({
      ...side,
      condition: conditions.map(([condition]) => ` AND ${condition}`).join(''),
      values: conditions.map(([, value]) => value),
    });
  }
  return arms;
}

/** The part of a range that a page of a known length covers. */
function nearest({ accountId, after, until }: Versions, toward: HistoryQuery['toward'], limit: number): Versions {
  return toward === 'newer'
    ? { accountId, after, until: Math.min(until, after + limit) }
    : { accountId, after: Math.max(after, until - limit), until };
}

/** The part of a range in which no condition is evaluated on more than `EXAMINED_MAX` rows of an arm. */
async function examined(
  from: Source,
  versions: Versions,
  arms: readonly Arm[],
  toward: HistoryQuery['toward'],
): Promise<Versions> {
  const { accountId, after, until } = versions;
  const sieved = arms.filter(({ condition }) => condition !== '');
  if (sieved.length === 0 || until - after <= EXAMINED_MAX) return versions;
  const rows = await from.rows<{ version: number }>(
    sieved
      .map((arm) => `(SELECT ${arm.version} AS version ${rangeOf(arm, toward)} LIMIT 1 OFFSET ${EXAMINED_MAX - 1})`)
      .join(' UNION ALL '),
    sieved.flatMap(() => range(versions)),
  );
  const last = rows.map(({ version }) => version);
  return toward === 'newer'
    ? { accountId, after, until: Math.min(until, ...last) }
    : { accountId, after: Math.max(after, ...last.map((version) => version - 1)), until };
}

/**
 * A range of versions in an index, in order, with the values of `range`. The account is written as a range, too, even
 * though there is only one: for an equality, MariaDB may choose `ref`, which reads all versions between the end of the
 * account's history and the range.
 */
const rangeOf = (
  { table, account, version }: { table: string; account: string; version: string },
  toward: HistoryQuery['toward'],
  condition = '',
): string => {
  const order = orderOf(toward);
  return `FROM ${table} WHERE ${account} >= ? AND ${account} <= ? AND ${version} > ? AND ${version} <= ?${condition}
    ORDER BY ${account} ${order}, ${version} ${order}`;
};
const range = ({ accountId, after, until }: Versions): unknown[] => [accountId, accountId, after, until];
const orderOf = (toward: HistoryQuery['toward']): string => (toward === 'newer' ? 'ASC' : 'DESC');

function rowsIn(
  from: Source,
  versions: Versions,
  arms: readonly Arm[],
  toward: HistoryQuery['toward'],
  limit: number,
): Promise<HistoryRow[]> {
  const parts = arms.map((arm) => `(SELECT ${arm.columns} ${rangeOf(arm, toward, arm.condition)} LIMIT ?)`);
  return from.rows<HistoryRow>(`${parts.join(' UNION ALL ')} ORDER BY version ${orderOf(toward)} LIMIT ?`, [
    ...arms.flatMap(({ values }) => [...range(versions), ...values, limit]),
    limit,
  ]);
}

/** The number of rows, at least one, whose metadata has an acceptable total size. */
function withinBudget(rows: readonly HistoryRow[]): number {
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    bytes += row.metadata_bytes ?? 0;
    if (bytes > METADATA_BYTES_MAX) return Math.max(1, index);
  }
  return rows.length;
}

const positionAfter = (version: number, toward: HistoryQuery['toward']): number =>
  toward === 'newer' ? version : version - 1;

/** Where to continue after a window; null if it reached the end of the range. */
function nextOf({ after, until }: Versions, window: Versions, toward: HistoryQuery['toward']): number | null {
  if (toward === 'newer') return window.until < until ? window.until : null;
  return window.after > after ? window.after : null;
}

async function itemsOf(
  from: Source,
  accountId: string,
  rows: readonly HistoryRow[],
  { toward }: Reading,
  isWhole: boolean,
): Promise<HistoryItem[]> {
  const metadata = await metadataOf(from, rows);
  const oldestFirst = toward === 'newer' ? [...rows] : [...rows].reverse();
  const [first] = oldestFirst;
  let held = isWhole && first ? await heldAt(from, accountId, first.version - 1) : null;
  const items = oldestFirst.map((row) => {
    held = isWhole ? (row.held_after ?? held) : null;
    return itemOfRow(accountId, row, held, metadata.get(row.transaction_id ?? '') ?? null);
  });
  return toward === 'newer' ? items : items.reverse();
}

/**
 * The metadata of transfers. It is read separately, because a TEXT column in a union would make MySQL sort its rows on
 * disk, and only the sizes show how many rows fit into a page.
 */
async function metadataOf(from: Source, rows: readonly HistoryRow[]): Promise<Map<string, Record<string, string>>> {
  const ids = rows.flatMap((row) => (row.metadata_bytes ? (row.transaction_id ?? []) : []));
  const found = await rowsByIds<{ transaction_id: string; metadata: string }>(
    from,
    'SELECT transaction_id, metadata FROM transfers WHERE transaction_id IN (?)',
    ids,
  );
  return new Map(
    found.map(({ transaction_id, metadata }) => [transaction_id, JSON.parse(metadata) as Record<string, string>]),
  );
}

/**
 * The held amount of an account after one of its versions, in minor units, from the last change of that amount. This
 * takes three index lookups.
 */
async function heldAt(from: Source, accountId: string, version: number): Promise<number> {
  const latest = HELD_AMOUNTS.map(
    (one) => `(SELECT ${one.version} AS version, ${one.held} AS held_after ${rangeOf(one, 'older')} LIMIT 1)`,
  );
  const [row] = await from.rows<{ held_after: number }>(
    `${latest.join(' UNION ALL ')} ORDER BY version DESC LIMIT 1`,
    latest.flatMap(() => range({ accountId, after: 0, until: version })),
  );
  return row?.held_after ?? 0;
}

/** When versions were accepted, ms. Versions that no table has are absent. */
async function acceptedAtOf(
  from: Source,
  accountId: string,
  versions: readonly number[],
): Promise<Map<number, number>> {
  const rows = await from.rows<{ version: number; accepted_at: Date }>(
    SIDES.map(
      ({ table, account, version }) =>
        `SELECT ${version} AS version, accepted_at FROM ${table}
         WHERE ${account} >= ? AND ${account} <= ? AND ${version} IN (?)`,
    ).join(' UNION ALL '),
    SIDES.flatMap(() => [accountId, accountId, versions]),
  );
  return new Map(rows.map(({ version, accepted_at }) => [version, accepted_at.getTime()]));
}

/** The number of versions that one statement of the search below reads. */
const PROBES = 16;

/**
 * The last version accepted before a given time; 0 for none. Found by a search, because versions are in order of
 * acceptance. (The exception is versions whose times come from the clock of a pod of an older release: among these, the
 * result may be any of several valid ones. An index on the time would make every transfer more expensive.) A search
 * among a million versions takes five statements; among ten million, six.
 * @param last the last version of the account
 */
export async function versionBefore(from: Source, accountId: string, moment: number, last: number): Promise<number> {
  let before = 0;
  let notBefore = last + 1;
  while (notBefore - before > 1) {
    const probes = spread(before + 1, notBefore - 1);
    const times = await acceptedAtOf(from, accountId, probes);
    for (const version of probes) {
      const acceptedAt = times.get(version);
      if (acceptedAt === undefined) throw new Error(`account ${accountId} lacks version ${version}`);
      if (acceptedAt >= moment) {
        notBefore = version;
        break;
      }
      before = version;
    }
  }
  return before;
}

/** Up to `PROBES` versions from the first to the last one, both included, evenly spaced. */
function spread(first: number, last: number): number[] {
  const count = Math.min(PROBES, last - first + 1);
  if (count === 1) return [first];
  return Array.from({ length: count }, (_, n) => first + Math.floor((n * (last - first)) / (count - 1)));
}
