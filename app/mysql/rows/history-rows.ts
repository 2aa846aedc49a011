import { isPayoutId, transactionIdOf } from '../../domain/crossing.ts';
import type { HistoryItem, Posting } from '../../domain/types.ts';
import { type LegColumns, legNameOf } from './leg-columns.ts';

/** A version of an account, from either side of `transfers`, from `holds` or from `hold_events`. */
export interface HistoryRow {
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
  reference: string | null;
  metadata_bytes: number | null;
  group_id: string | null;
  reverses: string | null;
  leg: LegColumns['leg'];
}

export const KINDS = {
  TRANSFER: 'transfer',
  REVERSAL: 'reversal',
  CAPTURE: 'capture',
  PLACED: 'hold_placed',
  CHANGED: 'hold_changed',
  VOIDED: 'hold_voided',
  EXPIRED: 'hold_expired',
} as const;
type StoredKind = keyof typeof KINDS;

/** A table, the columns of its unique key on (account, version), and what its rows are. */
export interface SideTable {
  /** With the index that has to be used, if there are others that begin with the account. */
  table: string;
  account: string;
  version: string;
  /** Null for holds. */
  direction: 'debit' | 'credit' | null;
  kinds: readonly StoredKind[];
  /** The columns of a `HistoryRow`. */
  columns: string;
}

/** @param counterparty the other account; for a leg, the one that the client named */
const side = (own: string, counterparty: string, sign: '' | '-', held: string): string =>
  `${own}_version AS version, kind, ${sign}amount AS amount, ${own}_balance AS balance_after, ${held}, hold_id,
   transaction_id, ${counterparty} AS counterparty, currency, client_timestamp, accepted_at, persisted_at,
   correlation_id, \`user\`, \`reference\`, LENGTH(metadata) AS metadata_bytes, group_id, reverses, leg`;
/** @param held the amount after the version */
const ofHold = (version: string, kind: string, balance: string, held: string, change: string): string =>
  `${version} AS version, ${kind} AS kind, 0 AS amount, ${balance} AS balance_after, ${held} AS held_after,
   ${change} AS held_change, hold_id, NULL AS transaction_id, NULL AS counterparty, currency, NULL AS client_timestamp,
   accepted_at, persisted_at, correlation_id, \`user\`, NULL AS \`reference\`, NULL AS metadata_bytes, NULL AS group_id,
   NULL AS reverses, NULL AS leg`;

const TRANSFERS: readonly StoredKind[] = ['TRANSFER', 'REVERSAL', 'CAPTURE'];
const DEBITS: SideTable = {
  table: 'transfers',
  account: 'source_account',
  version: 'source_version',
  direction: 'debit',
  kinds: TRANSFERS,
  columns: side('source', 'COALESCE(client_destination, destination_account)', '-', 'held_after, held_change'),
};
const CREDITS: SideTable = {
  table: 'transfers',
  account: 'destination_account',
  version: 'destination_version',
  direction: 'credit',
  kinds: TRANSFERS,
  columns: side(
    'destination',
    "CASE WHEN leg IS NULL THEN source_account WHEN leg = 'IN' THEN client_source ELSE client_destination END",
    '',
    'NULL AS held_after, NULL AS held_change',
  ),
};
const HOLDS = 'holds FORCE INDEX (hold_placing)';
const PLACINGS: SideTable = {
  table: HOLDS,
  account: 'account_id',
  version: 'placed_version',
  direction: null,
  kinds: ['PLACED'],
  columns: ofHold('placed_version', "'PLACED'", 'placed_balance', 'placed_held', 'placed_amount'),
};
const HOLD_EVENTS: SideTable = {
  table: 'hold_events',
  account: 'account_id',
  version: 'version',
  direction: null,
  // A build before decision 070 wrote placings, too.
  kinds: ['PLACED', 'CHANGED', 'VOIDED', 'EXPIRED'],
  columns: ofHold('version', 'kind', 'balance_after', 'held_after', 'held_change'),
};
/** Together they contain every version of every account exactly once. */
export const SIDES: readonly SideTable[] = [DEBITS, CREDITS, PLACINGS, HOLD_EVENTS];

/** For each version that changed what an account holds: where the amount held after it is stored. */
export const HELD_AMOUNTS = [
  { table: HOLDS, account: 'account_id', version: 'placed_version', held: 'placed_held' },
  { table: 'hold_events', account: 'account_id', version: 'version', held: 'held_after' },
  { table: 'hold_captures', account: 'account_id', version: 'version', held: 'held_after' },
] as const;

/** @param heldAfter what the account held after this version; null if unknown */
export function itemOfRow(
  accountId: string,
  row: HistoryRow,
  heldAfter: number | null,
  metadata: Posting['metadata'],
): HistoryItem {
  const common = {
    accountId,
    version: row.version,
    currency: row.currency,
    balanceAfter: row.balance_after,
    acceptedAt: row.accepted_at.getTime(),
    persistedAt: row.persisted_at.getTime(),
    correlationId: row.correlation_id,
    user: row.user,
  };
  const kind = KINDS[row.kind];
  const { transaction_id: transactionId, counterparty, hold_id: holdId, reference, reverses } = row;
  const hold = holdId === null ? null : { holdId, heldChange: row.held_change ?? 0 };
  if (kind === 'transfer' || kind === 'reversal' || kind === 'capture') {
    if (transactionId === null || counterparty === null) throw new TypeError(`version ${row.version} has no transfer`);
    const timestamp = row.client_timestamp?.getTime() ?? null;
    const own = { kind, amount: row.amount, counterparty, timestamp, reference, metadata, reverses };
    const transfer = { ...common, ...own, heldAfter, groupId: row.group_id, hold };
    if (row.leg === null) {
      if (!isPayoutId(transactionId)) return { ...transfer, transactionId } satisfies Posting;
      return { ...transfer, ...payoutSide(transfer, transactionId) } satisfies Posting;
    }
    const leg = { leg: legNameOf(row.leg), transactionId: transactionIdOf(transactionId) };
    return { ...transfer, ...leg } satisfies Posting;
  }
  const { held_after } = row;
  if (!hold || held_after === null) throw new TypeError(`version ${row.version} has no hold`);
  return { ...common, kind, ...hold, heldAfter: held_after };
}

/** Clients see a payout as part of the transfer that was returned: its recipient sees the source of that transfer. */
function payoutSide(
  { amount, counterparty, metadata }: Pick<Posting, 'amount' | 'counterparty' | 'metadata'>,
  id: string,
) {
  const from = metadata?.['returnedFrom'];
  return {
    leg: 'payout' as const,
    transactionId: transactionIdOf(id),
    counterparty: amount > 0 && from !== undefined ? from : counterparty,
  };
}
