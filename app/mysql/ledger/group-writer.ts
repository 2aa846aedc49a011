import type { GroupOutcome } from '../../domain/group.ts';
import { encodeOrder } from '../../journal/codec.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull, integer, moment, statements, text, textOrNull } from '../connection/sql.ts';
import { refusedByOf } from '../rows/transfer-row.ts';

/** Writes groups; the members of posted groups are among the outcomes. */
export async function insertGroups(session: Session, groups: readonly GroupOutcome[], salts: Salts): Promise<void> {
  for (const rows of statements(groups.map((group) => groupLiteral(group, salts)))) {
    await session.run(`INSERT INTO transfer_groups (group_id, \`status\`, refusal, refused_index, refused_by, transaction_ids, orders, split,
      accepted_at, accepted_after_ms, epoch, seq, salt) VALUES ${rows.join(',')}`);
  }
}

function groupLiteral(outcome: GroupOutcome, salts: Salts): string {
  const { group, acceptedAt, takenAt, epoch, seq } = outcome;
  const { groupId, orders, split } = group;
  const after = takenAt === null ? 'NULL' : integer(acceptedAt - takenAt);
  return `(${text(groupId)},${verdict(outcome)},${members(outcome.status, orders)},${textOrNull(split)},${moment(acceptedAt)},${after},${integer(epoch)},${integer(seq)},${binaryOrNull(salts.ofGroup(groupId))})`;
}

const verdict = (outcome: GroupOutcome): string =>
  outcome.status === 'POSTED'
    ? "'POSTED',NULL,NULL,NULL"
    : `'REJECTED','${outcome.refusal}',${integer(outcome.index)},${textOrNull(outcome.limit ? refusedByOf(outcome.limit) : null)}`;

/** The ids of a refused group's members remain free, so these members are stored only here. */
function members(status: GroupOutcome['status'], orders: GroupOutcome['group']['orders']): string {
  if (status === 'POSTED') return `${text(JSON.stringify(orders.map(({ transactionId }) => transactionId)))},NULL`;
  return `NULL,${text(`[${orders.map((order) => encodeOrder(order, 0)).join(',')}]`)}`;
}
