import { type Counted, LIMITS, type LimitRefusal } from '../../domain/limits.ts';
import { HOLD_REFUSALS, REFUSALS, type Refusal } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import { type CaptureColumns, captureOf, holdAfterOf } from './capture-columns.ts';
import { LEG_COLUMNS, type LegColumns, legOf } from './leg-columns.ts';

/** A row of `transfers` as returned by mysql2. */
export interface TransferRow extends CaptureColumns, LegColumns {
  transaction_id: string;
  kind: 'TRANSFER' | 'REVERSAL' | 'CAPTURE';
  status: 'POSTED' | 'REJECTED';
  refusal: string | null;
  source_account: string;
  destination_account: string;
  amount: number;
  currency: string;
  source_version: number | null;
  source_balance: number | null;
  source_settings_version: number | null;
  destination_version: number | null;
  destination_balance: number | null;
  destination_settings_version: number | null;
  client_timestamp: Date | null;
  accepted_at: Date;
  accepted_after_ms: number | null;
  user: string;
  correlation_id: string;
  reference: string | null;
  metadata: string | null;
  reverses: string | null;
  epoch: number;
  seq: number;
  group_id: string | null;
  counted: number;
  refused_by: string | null;
}

export const TRANSFER_COLUMNS = `transaction_id, kind, \`status\`, refusal, source_account, destination_account, amount, currency,
  source_version, source_balance, source_settings_version, destination_version, destination_balance,
  destination_settings_version, client_timestamp, accepted_at, accepted_after_ms, \`user\`,
  correlation_id, \`reference\`, metadata, reverses, epoch, seq, group_id, counted, refused_by, hold_id, held_after,
  held_change, capture, ${LEG_COLUMNS}`;

const KINDS = { TRANSFER: 'transfer', REVERSAL: 'reversal', CAPTURE: 'capture' } as const;

/** The outcome in a row. The row is committed in MySQL, so any answer made from it is a replay. */
export function outcomeOfRow(row: TransferRow): Outcome {
  const common = {
    order: {
      kind: KINDS[row.kind],
      transactionId: row.transaction_id,
      source: row.source_account,
      destination: row.destination_account,
      amount: row.amount,
      currency: row.currency,
      timestamp: row.client_timestamp?.getTime() ?? null,
      reference: row.reference,
      metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, string>),
      reverses: row.reverses,
      user: row.user,
      correlationId: row.correlation_id,
      ...(row.group_id !== null && { groupId: row.group_id }),
      ...captureOf(row),
      ...legOf(row),
    } satisfies TransferOrder,
    acceptedAt: row.accepted_at.getTime(),
    takenAt: row.accepted_after_ms === null ? null : row.accepted_at.getTime() - row.accepted_after_ms,
    epoch: row.epoch,
    seq: row.seq,
    replayed: true,
    persisted: true,
  };
  if (row.status === 'REJECTED') {
    const limit = row.refused_by === null ? {} : { limit: limitRefusalOf(row.refused_by) };
    return { ...common, status: 'REJECTED', refusal: asRefusal(row.refusal), ...limit };
  }
  return {
    ...common,
    status: 'POSTED',
    source: side(row.source_balance, row.source_version, row.source_settings_version),
    destination: side(row.destination_balance, row.destination_version, row.destination_settings_version),
    ...(row.counted > 0 && { counted: row.counted as Counted }),
    ...holdAfterOf(row),
  };
}

function side(balance: number | null, version: number | null, settingsVersion: number | null) {
  if (balance === null || version === null || settingsVersion === null)
    throw new TypeError('a posted transfer lacks a side');
  return { balance, version, settingsVersion };
}

/** The limit that caused a refusal, in the form of the column `refused_by`. */
export const refusedByOf = ({ limit, value, remaining }: LimitRefusal): string => `${limit} ${value} ${remaining}`;

export function limitRefusalOf(refusedBy: string): LimitRefusal {
  const [name, value, remaining] = refusedBy.split(' ');
  const limit = LIMITS.find((known) => known === name);
  if (!limit) throw new TypeError(`limit ${name} is unknown`);
  return { limit, value: Number(value), remaining: Number(remaining) };
}

export function asRefusal(text: string | null): Refusal {
  const refusal = [...REFUSALS, ...HOLD_REFUSALS].find((known) => known === text);
  if (!refusal) throw new TypeError(`refusal ${text} is unknown`);
  return refusal;
}
