import { isInnerAccount, isPayoutId } from '../../domain/crossing.ts';
import type { TransferStatus } from '../../ledger/ports/search.ts';
import type { Session } from '../connection/pool.ts';
import { integer, statements, text } from '../connection/sql.ts';
import { IN_LIST_MAX } from '../rows/unsettled-rows.ts';
import { accountTerm, EVERY, kindTerm, metadataTerm, pairTerm, referenceTerm, statusTerm, USUAL } from './terms.ts';

/** A row of `transfers` with everything that the index needs. */
export interface IndexedRow {
  transaction_id: string;
  kind: 'TRANSFER' | 'REVERSAL' | 'CAPTURE';
  status: 'POSTED' | 'REJECTED';
  leg: 'OUT' | 'IN' | 'BACK' | 'RETURNS' | null;
  source_account: string;
  destination_account: string;
  client_source: string | null;
  client_destination: string | null;
  amount: number;
  currency: string;
  accepted_at: Date;
  reference: string | null;
  metadata: string | null;
  /** The state of the crossing; null unless the row is a posted `out` leg. */
  crossing: 'OPEN' | 'DONE' | 'RETURNED' | null;
}

/** The alias of `transfers` is `t`. */
export const INDEXED_COLUMNS = `t.transaction_id, t.kind, t.\`status\`, t.leg, t.source_account, t.destination_account,
  t.client_source, t.client_destination, t.amount, t.currency, t.accepted_at, t.\`reference\`, t.metadata, c.state AS crossing`;
export const INDEXED_TABLES =
  "transfers t LEFT JOIN crossings c ON t.leg = 'OUT' AND c.transaction_id = t.transaction_id";

/**
 * A transfer between shards is listed once, by its first leg. Other legs, and payouts by an operator, are movements
 * inside the ledger, and are not listed.
 */
const isListed = ({ leg, transaction_id }: IndexedRow): boolean =>
  (leg === null || leg === 'OUT') && !isPayoutId(transaction_id);

function statusOf({ status, crossing }: IndexedRow): TransferStatus {
  if (status === 'REJECTED' || crossing === 'RETURNED') return 'REJECTED';
  return crossing === 'OPEN' ? 'PENDING' : 'POSTED';
}

/** Returns no pairs if someone has damaged the row by hand: one such row must not stop the index. */
function pairsOf(metadata: string | null): [string, string][] {
  try {
    return Object.entries((JSON.parse(metadata ?? '{}') ?? {}) as Record<string, string>);
  } catch {
    return [];
  }
}

/** All terms of a row. */
export function termsOfRow(row: IndexedRow): string[] {
  const source = row.client_source ?? row.source_account;
  const destination = row.client_destination ?? row.destination_account;
  const status = statusOf(row);
  const terms = [EVERY, accountTerm(source), accountTerm(destination), pairTerm(source, destination)];
  if (row.reference !== null) terms.push(referenceTerm(row.reference));
  for (const [key, value] of pairsOf(row.metadata)) terms.push(metadataTerm(key, value));
  if (status !== USUAL.status) terms.push(statusTerm(status));
  if (row.kind !== USUAL.kind) terms.push(kindTerm(row.kind));
  return terms;
}

/**
 * Adds transfers to the index. Their rows in the index depend only on their rows in the books, so writing them again
 * changes nothing.
 */
export async function indexTransfers(session: Session, rows: readonly IndexedRow[]): Promise<void> {
  const listed = rows.filter(isListed);
  for (const values of statements(literalsOf(listed)))
    await session.run(
      `INSERT INTO search_transfers (term, at_ms, transaction_id, amount, currency, \`status\`, kind)
       VALUES ${values.join(',')} ON DUPLICATE KEY UPDATE \`status\` = VALUES(\`status\`)`,
    );
  const decided = listed.filter((row) => row.leg === 'OUT' && statusOf(row) !== 'PENDING');
  for (let first = 0; first < decided.length; first += IN_LIST_MAX)
    await noLongerPending(session, decided.slice(first, first + IN_LIST_MAX));
}

async function noLongerPending(session: Session, rows: readonly IndexedRow[]): Promise<void> {
  const times = rows.map(({ accepted_at }) => accepted_at.getTime());
  // The times limit how many of the pending transfers are read. MariaDB would read the whole table for a list of pairs.
  await session.run(
    `DELETE FROM search_transfers WHERE term = x'${PENDING}' AND at_ms BETWEEN ? AND ? AND transaction_id IN (?)`,
    [Math.min(...times), Math.max(...times), rows.map(({ transaction_id }) => transaction_id)],
  );
}

export const PENDING = statusTerm('PENDING');

function* literalsOf(rows: readonly IndexedRow[]): Iterable<string> {
  for (const row of rows) {
    const place = `${integer(row.accepted_at.getTime())},${text(row.transaction_id)}`;
    const content = `${integer(row.amount)},'${row.currency}','${statusOf(row)}','${row.kind}'`;
    for (const term of termsOfRow(row)) yield `(x'${term}',${place},${content})`;
  }
}

export interface IndexedAccount {
  account_id: string;
  currency: string;
  status: string;
}

export async function indexAccounts(session: Session, accounts: readonly IndexedAccount[]): Promise<void> {
  const rows = accounts
    .filter(({ account_id }) => !isInnerAccount(account_id))
    .map(({ account_id, currency, status }) => `(${text(account_id)},${text(currency)},${text(status)})`);
  for (const values of statements(rows))
    await session.run(
      `INSERT INTO search_accounts (account_id, currency, \`status\`) VALUES ${values.join(',')}
       ON DUPLICATE KEY UPDATE \`status\` = VALUES(\`status\`)`,
    );
}
