import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import type { Outcome } from '../../domain/types.ts';
import { decodeOrders } from '../../journal/codec.ts';
import { IntegrityError } from '../../journal/integrity-error.ts';
import type { Database, Session } from '../connection/pool.ts';
import { asRefusal, limitRefusalOf, outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from './transfer-row.ts';
import { rowsByIds } from './unsettled-rows.ts';

/** A row of `transfer_groups` as returned by mysql2. */
interface GroupRow {
  group_id: string;
  status: 'POSTED' | 'REJECTED';
  refusal: string | null;
  refused_index: number | null;
  refused_by: string | null;
  transaction_ids: string | null;
  orders: string | null;
  split: string | null;
  accepted_at: Date;
  accepted_after_ms: number | null;
  epoch: number;
  seq: number;
}

const GROUPS_SELECT = `SELECT group_id, \`status\`, refusal, refused_index, refused_by, transaction_ids, orders, split, accepted_at,
  accepted_after_ms, epoch, seq FROM transfer_groups WHERE group_id IN (?)`;
const MEMBERS_SELECT = `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`;

/**
 * Groups with their members. A group and its members are written in one transaction and never change, so the two reads need no
 * snapshot.
 * @throws IntegrityError if MySQL has only a part of a group
 */
export async function groupsByIds(
  from: Pick<Session | Database, 'rows'>,
  groupIds: readonly string[],
): Promise<Map<string, GroupOutcome>> {
  const rows = await rowsByIds<GroupRow>(from, GROUPS_SELECT, groupIds);
  const members = await rowsByIds<TransferRow>(from, MEMBERS_SELECT, rows.flatMap(idsOf));
  const byId = new Map(members.map((row) => [row.transaction_id, outcomeOfRow(row)]));
  return new Map(rows.map((row) => [row.group_id, outcomeOfGroup(row, byId)]));
}

export const idsOf = ({ transaction_ids }: Pick<GroupRow, 'transaction_ids'>): string[] =>
  transaction_ids === null ? [] : (JSON.parse(transaction_ids) as string[]);

/** The group is committed in MySQL, so any answer made from its row is a replay. */
function outcomeOfGroup(row: GroupRow, transfers: ReadonlyMap<string, Outcome>): GroupOutcome {
  const { group_id: groupId, split, epoch, seq } = row;
  const acceptedAt = row.accepted_at.getTime();
  const takenAt = row.accepted_after_ms === null ? null : acceptedAt - row.accepted_after_ms;
  const common = { acceptedAt, takenAt, epoch, seq, replayed: true, persisted: true };
  if (row.status === 'REJECTED') {
    const orders = decodeOrders(row.orders ?? '[]').map(({ order }) => ({ ...order, groupId }));
    const group: GroupOrder = { groupId, orders, split };
    const limit = row.refused_by === null ? {} : { limit: limitRefusalOf(row.refused_by) };
    const index = row.refused_index ?? 0;
    return { ...common, status: 'REJECTED', group, index, refusal: asRefusal(row.refusal), ...limit };
  }
  const members = idsOf(row).map((id) => {
    const member = transfers.get(id);
    if (member?.status !== 'POSTED' || member.order.groupId !== groupId)
      throw new IntegrityError(`MySQL has only a part of group ${groupId}: transfer ${id} is not one of its members`);
    return member;
  });
  return {
    ...common,
    status: 'POSTED',
    group: { groupId, orders: members.map(({ order }) => order), split },
    sides: members.map(({ source, destination, counted }) => ({
      source,
      destination,
      ...(counted && { counted }),
    })),
  };
}
