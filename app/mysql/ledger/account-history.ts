import { transactionIdOf } from '../../domain/crossing.ts';
import type { HistoryItem, Posting } from '../../domain/types.ts';
import type { Database, Session } from '../connection/pool.ts';
import { type LegColumns, legNameOf } from '../rows/leg-columns.ts';

interface HistoryColumns {
  version: number;
  kind: keyof typeof KINDS;
  amount: number;
  balance_after: number;
  held_after: number | null;
  held_change: number | null;
  hold_id: string | null;
  transaction_id: string | null;
  counterparty: string | null;
  currency: string;
  client_timestamp: Date | null;
  accepted_at: Date;
  persisted_at: Date;
  correlation_id: string;
  user: string;
  leg: LegColumns['leg'];
}

const KINDS = {
  TRANSFER: 'transfer',
  REVERSAL: 'reversal',
  CAPTURE: 'capture',
  PLACED: 'hold_placed',
  CHANGED: 'hold_changed',
  VOIDED: 'hold_voided',
  EXPIRED: 'hold_expired',
} as const;

type Source = Pick<Session | Database, 'rows'>;
interface Versions {
  accountId: string;
  /** Versions in (after, until]. */
  after: number;
  until: number;
}

/**
 * Reads versions of an account in order, each from the only table that has it. Versions have no gaps, so a page that includes
 * the events of holds has a known length.
 * @param limit the maximum number of items; without the events of holds, their versions are skipped
 */
export async function historyBetween(
  from: Source,
  { accountId, after, until }: Versions,
  { holds, limit }: { holds: boolean; limit: number },
): Promise<HistoryItem[]> {
  const arms = holds ? [SOURCE, DESTINATION, EVENTS] : [SOURCE, DESTINATION];
  const rows = await from.rows<HistoryColumns>(
    `${arms.map((arm) => `(${arm} LIMIT ?)`).join(' UNION ALL ')} ORDER BY version LIMIT ?`,
    [...arms.flatMap(() => [accountId, after, until, limit]), limit],
  );
  if (!holds) return rows.map((row) => itemOf(accountId, row, null));
  const [first] = rows;
  let held = first ? await heldAt(from, accountId, first.version - 1) : 0;
  return rows.map((row) => {
    held = row.held_after ?? held;
    return itemOf(accountId, row, held);
  });
}

/**
 * The held amount of an account after one of its versions, in minor units, from the last change of that amount. This
 * takes two index lookups.
 */
export async function heldAt(from: Source, accountId: string, version: number): Promise<number> {
  const latest = (table: string) =>
    `(SELECT version, held_after FROM ${table} WHERE account_id = ? AND version <= ? ORDER BY version DESC LIMIT 1)`;
  const [row] = await from.rows<{ held_after: number }>(
    `${latest('hold_events')} UNION ALL ${latest('hold_captures')} ORDER BY version DESC LIMIT 1`,
    [accountId, version, accountId, version],
  );
  return row?.held_after ?? 0;
}

/** @param counterparty the other account; for a leg, the one that the client named */
const side = (own: 'source' | 'destination', counterparty: string, sign: '' | '-', held: string): string =>
  `SELECT ${own}_version AS version, kind, ${sign}amount AS amount, ${own}_balance AS balance_after, ${held}, hold_id,
    transaction_id, ${counterparty} AS counterparty, currency, client_timestamp, accepted_at, persisted_at,
    correlation_id, \`user\`, leg
  FROM transfers WHERE ${own}_account = ? AND ${own}_version > ? AND ${own}_version <= ? ORDER BY ${own}_version`;
const SOURCE = side('source', 'COALESCE(client_destination, destination_account)', '-', 'held_after, held_change');
const DESTINATION = side(
  'destination',
  "CASE WHEN leg IS NULL THEN source_account WHEN leg = 'IN' THEN client_source ELSE client_destination END",
  '',
  'NULL AS held_after, NULL AS held_change',
);
const EVENTS = `SELECT version, kind, 0 AS amount, balance_after, held_after, held_change, hold_id,
    NULL AS transaction_id, NULL AS counterparty, currency, NULL AS client_timestamp, accepted_at, persisted_at,
    correlation_id, \`user\`, NULL AS leg
  FROM hold_events WHERE account_id = ? AND version > ? AND version <= ? ORDER BY version`;

/** When a version was accepted, ms; null if no table has it. */
export async function acceptedAtOf(from: Source, accountId: string, version: number): Promise<number | null> {
  const [row] = await from.rows<{ accepted_at: Date }>(
    `SELECT accepted_at FROM transfers WHERE source_account = ? AND source_version = ?
     UNION ALL SELECT accepted_at FROM transfers WHERE destination_account = ? AND destination_version = ?
     UNION ALL SELECT accepted_at FROM hold_events WHERE account_id = ? AND version = ?`,
    [accountId, version, accountId, version, accountId, version],
  );
  return row?.accepted_at.getTime() ?? null;
}

function itemOf(accountId: string, row: HistoryColumns, heldAfter: number | null): HistoryItem {
  const common = {
    accountId,
    version: row.version,
    currency: row.currency,
    balanceAfter: row.balance_after,
    heldAfter,
    acceptedAt: row.accepted_at.getTime(),
    persistedAt: row.persisted_at.getTime(),
    correlationId: row.correlation_id,
    user: row.user,
  };
  const kind = KINDS[row.kind];
  const { transaction_id: transactionId, counterparty, hold_id: holdId } = row;
  const hold = holdId === null ? null : { holdId, heldChange: row.held_change ?? 0 };
  if (kind === 'transfer' || kind === 'reversal' || kind === 'capture') {
    if (transactionId === null || counterparty === null) throw new TypeError(`version ${row.version} has no transfer`);
    const timestamp = row.client_timestamp?.getTime() ?? null;
    const transfer = { kind, amount: row.amount, counterparty, timestamp, hold };
    if (row.leg === null) return { ...common, ...transfer, transactionId } satisfies Posting;
    const leg = { leg: legNameOf(row.leg), transactionId: transactionIdOf(transactionId) };
    return { ...common, ...transfer, ...leg } satisfies Posting;
  }
  if (!hold) throw new TypeError(`version ${row.version} has no hold`);
  return { ...common, kind, ...hold };
}
