import type { AccountQuery, Order, TransferFilter, TransferPlace, TransferQuery } from '../../ledger/ports/search.ts';
import type { Database } from '../connection/pool.ts';
import { kindTerm, statusTerm, termsOf } from './terms.ts';

type Source = Pick<Database, 'rows'>;

/**
 * The maximum number of index rows that a page examines if some of its conditions cannot use the order of the index. A
 * page that stops there has fewer rows than its limit, and the next page continues after the last row that was
 * examined.
 */
export const EXAMINED_MAX = 5_000;

interface Condition {
  sql: string;
  values: readonly unknown[];
}

const all = (conditions: readonly Condition[]): Condition => ({
  sql: conditions.map(({ sql }) => sql).join(' AND '),
  values: conditions.flatMap(({ values }) => values),
});

const DIRECTIONS = { asc: { sql: 'ASC', beyond: '>' }, desc: { sql: 'DESC', beyond: '<' } } as const;

/** A page of the index of transfers, and where the next one begins. */
export async function foundTransfers(
  from: Source,
  { filter, order, after, limit, isRestricted = false }: TransferQuery,
): Promise<{ places: TransferPlace[]; next: TransferPlace | null }> {
  const { driving, others } = termsOf(filter, isRestricted);
  const range = all([rangeOf(driving, filter), ...(after ? [placeBeyond(after, order)] : [])]);
  const conditions = conditionsOf(filter, driving);
  const sorted = `ORDER BY s.term ${DIRECTIONS[order].sql}, s.at_ms ${DIRECTIONS[order].sql}, s.transaction_id ${DIRECTIONS[order].sql}`;
  const isSieved = others.length + conditions.length > 0;
  const [last] = isSieved
    ? await from.rows<PlaceRow>(
        `SELECT s.at_ms, s.transaction_id FROM search_transfers s WHERE ${range.sql} ${sorted}
         LIMIT 1 OFFSET ${EXAMINED_MAX - 1}`,
        [...range.values],
      )
    : [];
  const where = all([range, ...(last ? [notBeyond(placeOf(last), order)] : []), ...conditions]);
  // STRAIGHT_JOIN looks up each row of the range under the other terms, which may have millions of rows.
  const joins = others.map(
    (term, n) =>
      `STRAIGHT_JOIN search_transfers o${n} ON o${n}.term = x'${term}' AND o${n}.at_ms = s.at_ms AND o${n}.transaction_id = s.transaction_id`,
  );
  const rows = await from.rows<PlaceRow>(
    `SELECT s.at_ms, s.transaction_id FROM search_transfers s ${joins.join(' ')} WHERE ${where.sql} ${sorted} LIMIT ?`,
    [...where.values, limit + 1],
  );
  const places = rows.map(placeOf);
  if (places.length > limit) return { places: places.slice(0, limit), next: places[limit - 1] ?? null };
  return { places, next: last ? placeOf(last) : null };
}

interface PlaceRow {
  at_ms: number;
  transaction_id: string;
}
const placeOf = ({ at_ms, transaction_id }: PlaceRow): TransferPlace => ({ at: at_ms, transactionId: transaction_id });

/**
 * The rows of a term within a period. The condition on the term is written as a range, although it matches only one
 * term: for an equality, MariaDB may choose `ref` access, which reads all rows from the end of the term to the page.
 */
const rangeOf = (term: string, { from = 0, to }: TransferFilter): Condition => ({
  sql: `s.term >= x'${term}' AND s.term <= x'${term}' AND s.at_ms >= ?${to === undefined ? '' : ' AND s.at_ms < ?'}`,
  values: to === undefined ? [from] : [from, to],
});

const placeBeyond = ({ at, transactionId }: TransferPlace, order: Order): Condition => {
  const { beyond } = DIRECTIONS[order];
  return {
    sql: `s.at_ms ${beyond}= ? AND (s.at_ms ${beyond} ? OR s.transaction_id ${beyond} ?)`,
    values: [at, at, transactionId],
  };
};

/** Everything up to and including a place. */
const notBeyond = ({ at, transactionId }: TransferPlace, order: Order): Condition => {
  const { beyond } = DIRECTIONS[order === 'asc' ? 'desc' : 'asc'];
  return {
    sql: `s.at_ms ${beyond}= ? AND (s.at_ms ${beyond} ? OR s.transaction_id ${beyond}= ?)`,
    values: [at, at, transactionId],
  };
};

/** The conditions on the columns of a row, except those that all rows of the term meet. */
function conditionsOf({ status, kind, currency, amountMin, amountMax }: TransferFilter, driving: string): Condition[] {
  const hasStatus = status !== undefined && statusTerm(status) === driving;
  const hasKind = kind !== undefined && kindTerm(kind.toUpperCase()) === driving;
  const conditions: [string, unknown][] = [
    ['s.`status` = ?', hasStatus ? undefined : status],
    ['s.kind = ?', hasKind ? undefined : kind?.toUpperCase()],
    ['s.currency = ?', currency],
    ['s.amount >= ?', amountMin],
    ['s.amount <= ?', amountMax],
  ];
  return conditions.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, values: [value] }]));
}

/** A page of the index of accounts, and where the next one begins. */
export async function foundAccounts(
  from: Source,
  { prefixes, currency, status, order, after, limit }: AccountQuery,
): Promise<{ ids: string[]; next: string | null }> {
  if (prefixes.length === 0) return { ids: [], next: null };
  const { sql: direction, beyond } = DIRECTIONS[order];
  const [index, column] =
    status !== undefined && status !== 'ACTIVE'
      ? (['search_status', 'status'] as const)
      : currency === undefined
        ? (['PRIMARY', null] as const)
        : (['search_currency', 'currency'] as const);
  const range = all([
    ...(column === null ? [] : [{ sql: `\`${column}\` = ?`, values: [column === 'status' ? status : currency] }]),
    prefixRanges(prefixes),
    ...(after === null ? [] : [{ sql: `account_id ${beyond} ?`, values: [after] }]),
  ]);
  const conditions = [
    ...(status !== undefined && column !== 'status' ? [{ sql: '`status` = ?', values: [status] }] : []),
    ...(currency !== undefined && column !== 'currency' ? [{ sql: 'currency = ?', values: [currency] }] : []),
  ];
  const table = `SELECT account_id FROM search_accounts FORCE INDEX (${index})`;
  const sorted = `ORDER BY ${column === null ? '' : `\`${column}\` ${direction}, `}account_id ${direction}`;
  const [last] =
    conditions.length === 0
      ? []
      : await from.rows<{ account_id: string }>(
          `${table} WHERE ${range.sql} ${sorted} LIMIT 1 OFFSET ${EXAMINED_MAX - 1}`,
          [...range.values],
        );
  const back = order === 'asc' ? '<=' : '>=';
  const where = all([
    range,
    ...(last ? [{ sql: `account_id ${back} ?`, values: [last.account_id] }] : []),
    ...conditions,
  ]);
  const rows = await from.rows<{ account_id: string }>(`${table} WHERE ${where.sql} ${sorted} LIMIT ?`, [
    ...where.values,
    limit + 1,
  ]);
  const ids = rows.map(({ account_id }) => account_id);
  if (ids.length > limit) return { ids: ids.slice(0, limit), next: ids[limit - 1] ?? null };
  return { ids, next: last?.account_id ?? null };
}

/** Ids contain only characters that sort before `~`. */
const AFTER_ALL = '~';

const prefixRanges = (prefixes: readonly string[]): Condition => ({
  sql: `(${prefixes.map(() => '(account_id >= ? AND account_id < ?)').join(' OR ')})`,
  values: prefixes.flatMap((prefix) => [prefix, `${prefix}${AFTER_ALL}`]),
});
