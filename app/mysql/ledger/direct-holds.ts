import type { StoredHold } from '../../domain/hold-types.ts';
import { withoutMark } from '../../domain/ids.ts';
import type { HoldResult } from '../../journal/hold-codec.ts';
import type { IdKind } from '../../journal/journal-entry.ts';
import type { Session } from '../connection/pool.ts';
import { HOLD_COLUMNS, type HoldRow, holdUpdatesOf, placingsOf, storedHoldOfRow } from '../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { rowsByIds, unsettledAmong } from '../rows/unsettled-rows.ts';

/**
 * Locks holds in order of their ids, in any state except refused; their accounts are already locked. Holds that do not
 * exist are absent from the result and not locked.
 */
export async function lockHolds(session: Session, holdIds: readonly string[]): Promise<Map<string, StoredHold>> {
  const rows = await rowsByIds<HoldRow>(
    session,
    `SELECT ${HOLD_COLUMNS} FROM holds h FORCE INDEX (PRIMARY) WHERE h.hold_id IN (?) ORDER BY h.hold_id FOR UPDATE`,
    [...holdIds].sort(),
  );
  return new Map(
    rows.flatMap((row) => {
      const hold = storedHoldOfRow(row);
      return hold ? [[hold.holdId, hold] as const] : [];
    }),
  );
}

/** The ids of hold items, by kind. @param keys keys as returned by `keyOfItem` */
function idsByKind(keys: readonly string[]): Record<Exclude<IdKind, 'account-change' | 'group'>, string[]> {
  const marked = (mark: string) => keys.filter((key) => key.startsWith(mark)).map(withoutMark);
  return { transfers: keys.filter((key) => key === withoutMark(key)), hold: marked('='), 'hold-event': marked('#') };
}

/** The existing results of hold items, by key; items whose ids MySQL does not have are absent. */
export async function knownResults(session: Session, keys: readonly string[]): Promise<Map<string, HoldResult>> {
  const ids = idsByKind(keys);
  const transfers = await rowsByIds<TransferRow>(
    session,
    `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`,
    ids.transfers,
  );
  const results = new Map<string, HoldResult>();
  for (const row of transfers) results.set(row.transaction_id, { capture: outcomeOfRow(row) });
  for (const [id, event] of await placingsOf(session, ids.hold)) results.set(`=${id}`, { event });
  for (const [id, event] of await holdUpdatesOf(session, ids['hold-event'])) results.set(`#${id}`, { event });
  return results;
}

/** The keys whose outcomes are only in the journal of an ended epoch. */
export async function unsettledKeys(session: Session, keys: readonly string[]): Promise<Set<string>> {
  const ids = idsByKind(keys);
  const transfers = await unsettledAmong(session, 'transfers', ids.transfers);
  const holds = await unsettledAmong(session, 'hold', ids.hold);
  const events = await unsettledAmong(session, 'hold-event', ids['hold-event']);
  return new Set([...transfers, ...[...holds].map((id) => `=${id}`), ...[...events].map((id) => `#${id}`)]);
}
