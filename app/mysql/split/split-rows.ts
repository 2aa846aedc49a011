import { shardOfAccount } from '../../domain/account-shard.ts';
import { isInnerAccount, isPayoutId, legIdOf, transactionIdOf } from '../../domain/crossing.ts';
import type { LegName } from '../../domain/leg-types.ts';

/** A row as mysql2 returns it. */
export type Row = Record<string, unknown>;

/** A row of `transfers`; the columns that are not listed are copied as they are. */
export interface StoredTransfer extends Row {
  transaction_id: string;
  kind: 'TRANSFER' | 'REVERSAL' | 'CAPTURE';
  status: 'POSTED' | 'REJECTED';
  source_account: string;
  destination_account: string;
  amount: number;
  currency: string;
  destination_version: number | null;
  destination_balance: number | null;
  persisted_at: Date;
  metadata: string | null;
  group_id: string | null;
  counted: number;
  leg: 'OUT' | 'IN' | 'BACK' | 'RETURNS' | null;
  client_source: string | null;
  client_destination: string | null;
}

/**
 * A side of a transfer that is an inner account. The account id and its version are determined when the row is written.
 */
export interface InnerSide {
  side: 'source' | 'destination';
  account: 'transit' | 'returns' | 'loss';
}
/** The part of a transfer that a shard gets. */
export interface PlacedTransfer {
  row: Row;
  inner: readonly InnerSide[];
  /** The row of `crossings` for a transfer that has become a crossing; otherwise null. */
  crossing: Row | null;
}

/** The accounts of a row go to different shards, but the row cannot be divided, so the ledger cannot be split. */
export class SpansShards extends Error {
  override readonly name = 'SpansShards';
  readonly what: string;
  constructor(what: string) {
    super(`the accounts of ${what} would be in different shards`);
    this.what = what;
  }
}

/**
 * The part of a transfer that one of the new shards gets; null if it gets none. A transfer whose accounts go to
 * different shards becomes the legs `out` and `in`, with the versions and balances of its sides, and a completed
 * crossing; a refused one goes to the shard of its source. Legs stay legs, but refer to the new shards.
 * @throws SpansShards
 */
export function placedTransfer(row: StoredTransfer, shard: number, shards: number): PlacedTransfer | null {
  if (row.leg !== null) return placedLeg(row, row.leg, shard, shards);
  const from = homeOfSource(row, shards);
  const to = shardOfAccount(row.destination_account, shards);
  if (from === to) {
    if (shard !== from) return null;
    const inner = isInnerAccount(row.source_account) ? [{ side: 'source', account: 'returns' } as const] : [];
    return { row, inner, crossing: null };
  }
  if (row.group_id !== null) throw new SpansShards(`group ${row.group_id}`);
  if (row.kind === 'CAPTURE') throw new SpansShards(`capture ${row.transaction_id}`);
  if (isPayoutId(row.transaction_id)) throw new SpansShards(`payout ${row.transaction_id}`);
  if (shard === from) return leaving(row, to);
  return shard === to && row.status === 'POSTED' ? arriving(row, from) : null;
}

/** A payout belongs to the shard of the transfer that was returned. */
function homeOfSource({ source_account, metadata }: StoredTransfer, shards: number): number {
  if (!isInnerAccount(source_account)) return shardOfAccount(source_account, shards);
  const { returnedFrom } = JSON.parse(metadata ?? '{}') as { returnedFrom?: string };
  if (returnedFrom === undefined)
    throw new Error(`a transfer from ${source_account} has no returnedFrom in its metadata`);
  return shardOfAccount(returnedFrom, shards);
}

const named = ({ source_account, destination_account }: StoredTransfer) => ({
  client_source: source_account,
  client_destination: destination_account,
});

function leaving(row: StoredTransfer, to: number): PlacedTransfer {
  const { transaction_id, destination_account, currency, amount, persisted_at } = row;
  const crossing = {
    ...{ transaction_id, state: 'DONE', to_shard: to, destination_account, currency, amount },
    ...{ opened_at: persisted_at, closed_at: persisted_at },
    destination_version: row.destination_version,
    destination_balance: row.destination_balance,
  };
  return {
    row: { ...row, ...named(row), leg: 'OUT', other_shard: to, counted: row.counted & COUNTS_DEBIT },
    inner: [{ side: 'destination', account: 'transit' }],
    crossing: row.status === 'POSTED' ? crossing : null,
  };
}

function arriving(row: StoredTransfer, from: number): PlacedTransfer {
  const transaction_id = legIdOf(row.transaction_id, 'in', from);
  const leg = { transaction_id, leg: 'IN', other_shard: from, counted: row.counted & COUNTS_CREDIT };
  return { row: { ...row, ...named(row), ...leg }, inner: [{ side: 'source', account: 'transit' }], crossing: null };
}
const [COUNTS_DEBIT, COUNTS_CREDIT] = [1, 2];

const INNER: Readonly<Record<LegName, readonly InnerSide[]>> = {
  out: [{ side: 'destination', account: 'transit' }],
  in: [{ side: 'source', account: 'transit' }],
  back: [{ side: 'source', account: 'transit' }],
  returns: [
    { side: 'source', account: 'transit' },
    { side: 'destination', account: 'returns' },
  ],
};

function placedLeg(
  row: StoredTransfer,
  leg: NonNullable<StoredTransfer['leg']>,
  shard: number,
  shards: number,
): PlacedTransfer | null {
  const { client_source, client_destination, transaction_id } = row;
  if (client_source === null || client_destination === null) throw new Error(`leg ${transaction_id} has gaps`);
  const from = shardOfAccount(client_source, shards);
  const to = shardOfAccount(client_destination, shards);
  const name = leg.toLowerCase() as LegName;
  if (shard !== (name === 'in' ? to : from)) return null;
  const other =
    name === 'in'
      ? { transaction_id: legIdOf(transactionIdOf(transaction_id), 'in', from), other_shard: from }
      : { other_shard: to };
  // After a recovery from a backup, the account of losses may have paid instead of the account that the client named.
  const isLost = name === 'out' && isInnerAccount(row.source_account);
  const inner: readonly InnerSide[] = isLost ? [{ side: 'source', account: 'loss' }, ...INNER.out] : INNER[name];
  return { row: { ...row, ...other }, inner, crossing: null };
}
