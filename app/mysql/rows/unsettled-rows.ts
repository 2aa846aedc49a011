import type { IdKind } from '../../journal/journal-entry.ts';
import type { Database, Session } from '../connection/pool.ts';

/**
 * Maximum number of ids in one IN list. From 1000 ids on, MariaDB turns the list into a join
 * (`in_predicate_conversion_threshold`), which reads and locks in arbitrary order.
 */
export const IN_LIST_MAX = 500;

/** The rows of a statement with one IN list. A list that is too long for one statement is divided. */
export async function rowsByIds<Row>(
  from: Pick<Session | Database, 'rows'>,
  sql: string,
  ids: readonly (string | number)[],
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let first = 0; first < ids.length; first += IN_LIST_MAX) {
    rows.push(...(await from.rows<Row>(sql, [ids.slice(first, first + IN_LIST_MAX)])));
  }
  return rows;
}

/** Rows of an epoch that nothing waits for are ignored; there may be millions, and they are deleted gradually. */
export const WAITS = 'epoch = (SELECT a.cache_epoch FROM authority a)';

/** The accounts that wait for the journal of an ended epoch. They change only together with the authority's epoch. */
export async function frozenAmong(session: Session, accountIds: readonly string[]): Promise<Set<string>> {
  const sql = `SELECT account_id FROM frozen_accounts WHERE account_id IN (?) AND ${WAITS}`;
  const rows = await rowsByIds<{ account_id: string }>(session, sql, accountIds);
  return new Set(rows.map((row) => row.account_id));
}

/** The ids whose outcome is only in the journal of an ended epoch. */
export async function unsettledAmong(session: Session, kind: IdKind, ids: readonly string[]): Promise<Set<string>> {
  const sql = `SELECT \`id\` FROM unsettled_ids WHERE kind = '${kind}' AND \`id\` IN (?) AND ${WAITS}`;
  const rows = await rowsByIds<{ id: string }>(session, sql, ids);
  return new Set(rows.map((row) => row.id));
}
