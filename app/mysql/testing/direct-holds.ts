import { expect } from 'vitest';
import { ACCEPTED_AT, order } from '../../journal/testing/epoch-under-test.ts';
import type { DirectHold, HoldAnswer } from '../../ledger/ports/direct-server.ts';
import type { Database } from '../connection/pool.ts';

const WHO = { user: 'u', correlationId: 'c' };
const END = Date.now() + 3_600_000;
let events = 0;
const newEventId = () => `01890000-0000-7000-8000-${String(++events).padStart(12, '0')}`;
const taken = (hold: DirectHold['hold']): DirectHold => ({ hold, takenAt: ACCEPTED_AT, podNow: Date.now() });

/** Hold items that always have the same content, so that a call can be repeated. */
export const placing = (holdId: string, account: string, amount: number, expiresAt: number | null = END): DirectHold =>
  taken({
    op: 'place',
    order: {
      ...{ holdId, account, destination: null, amount, currency: 'EUR', expiresAt, reference: null, metadata: null },
      ...WHO,
    },
  });
export const capturing = (
  transactionId: string,
  { holdId, source, destination }: { holdId: string; source: string; destination: string },
  amount: number | null = null,
  final = true,
): DirectHold =>
  taken({
    op: 'capture',
    order: {
      ...order(transactionId, { source, destination, amount: amount ?? 0, ...WHO }),
      kind: 'capture',
      capture: { holdId, amount, destination, final },
    },
  });
export const updating = (op: 'void' | 'expire', holdId: string, account: string): DirectHold =>
  taken({ op, eventId: newEventId(), holdId, account, currency: 'EUR', ...WHO });

/** A short text for an answer, for comparisons. */
export function holdSummary(answer: HoldAnswer | Error): string {
  if (answer instanceof Error) return answer.message;
  if (answer.kind === 'refused') return answer.refusal;
  if (answer.kind !== 'result') return answer.kind;
  const { result, replayed } = answer;
  const again = replayed ? 'again ' : '';
  if ('event' in result) return `${again}${result.event.kind}`;
  return `${again}${result.capture.status === 'POSTED' ? 'captured' : result.capture.refusal}`;
}

interface HeldRow {
  account_id: string;
  version: number;
  balance_after: number;
  held_after: number | null;
  held_change: number;
  hold_id: string | null;
}

/**
 * Checks that each version of each account is in exactly one place, that `held` follows from the events of its holds,
 * and that in the end, `held` is the sum of its open holds.
 */
export async function expectWholeHolds(database: Database): Promise<void> {
  const rows = await database.rows<HeldRow>(
    `SELECT account_id, placed_version AS version, placed_balance AS balance_after, placed_held AS held_after,
       placed_amount AS held_change, hold_id FROM holds WHERE placed_version IS NOT NULL
     UNION ALL SELECT account_id, version, balance_after, held_after, held_change, hold_id FROM hold_events
     UNION ALL SELECT source_account, source_version, source_balance, held_after, COALESCE(held_change, 0), hold_id
       FROM transfers WHERE \`status\` = 'POSTED'
     UNION ALL SELECT destination_account, destination_version, destination_balance, NULL, 0, NULL
       FROM transfers WHERE \`status\` = 'POSTED'
     ORDER BY account_id, version`,
  );
  const accounts = await database.rows<{ account_id: string; balance: number; held: number; version: number }>(
    'SELECT account_id, balance, held, version FROM accounts',
  );
  for (const { account_id, held, version, balance } of accounts) {
    const own = rows.filter((row) => row.account_id === account_id);
    expect(own.map((row) => row.version)).toEqual(own.map((_, index) => index + 1));
    let sum = 0;
    for (const { held_after, held_change } of own) {
      sum += held_change;
      if (held_after !== null) expect(held_after).toBe(sum);
    }
    const [open] = await database.rows<{ left: number }>(
      `SELECT CAST(COALESCE(SUM(hold_amount - captured), 0) AS SIGNED) AS \`left\` FROM holds
       WHERE account_id = ? AND \`status\` = 'OPEN'`,
      [account_id],
    );
    expect({ held, version, left: open?.left }).toEqual({ held: sum, version: own.length, left: sum });
    if (own.length > 0) expect(balance).toBe(own.at(-1)?.balance_after);
  }
}
