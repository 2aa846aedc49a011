import { replay } from '../../domain/content.ts';
import { type GroupOrder, memberIdTaken, replayGroup } from '../../domain/group.ts';
import type { Identity } from '../../domain/identity.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { type Books, type Ledger, windowsIn } from '../../ledger/ports/ledger.ts';
import { groupAnswer, groupPreview, groupRefusedBy, splitAnswer, splitPreview } from './group-schema.ts';
import { limitFigures, refusalDetail } from './transfer-refusal.ts';
import { outcomeAnswer, previewAnswer } from './transfer-schema.ts';

/**
 * Shows what would happen. For an id that already has an outcome, that outcome is shown; everything else is decided by
 * the store that has the authority, from the current state of the accounts. Nothing is written, and no id is used.
 */

interface Stores {
  ledger: Ledger;
  books: Pick<Books, 'businessWindows'>;
}

/** @param id the client's id, which may already have an outcome. @throws Problem as the transfer would */
export async function dryTransfer(
  { ledger, books }: Stores,
  order: TransferOrder,
  id: string | null,
  identity: Identity,
) {
  const existing =
    id === null ? null : await orNull('transfer_not_found', () => ledger.outcome(id, { account: order.source }));
  if (existing) {
    const answer = replay({ order, takenAt: 0, inDoubt: false }, existing);
    const shown = answer instanceof Problem ? answer : outcomeAnswer(answer, 'cache', identity);
    if (shown instanceof Problem) throw shown;
    return { status: 200, body: shown.body };
  }
  const result = await ledger.preview([order], 'transfers', windowsIn(books));
  if (!('sides' in result)) {
    const extras = { ...(id !== null && { transactionId: id }), ...limitFigures(result.limit, order, identity) };
    throw new Problem(result.refusal, refusalDetail(order, result.refusal), extras);
  }
  const [side] = result.sides;
  if (!side) throw new Error('the preview of a transfer has no result');
  return { status: 200, body: previewAnswer(order, side, id, identity) };
}

/** The ids that a request for a group contains: only these may already have outcomes. */
interface OwnIds {
  groupId: string | null;
  transactionIds: readonly (string | null)[];
}

/** @throws Problem as the group would */
export async function dryGroup({ ledger, books }: Stores, group: GroupOrder, own: OwnIds, identity: Identity) {
  const { groupId } = own;
  const account = group.orders[0]?.source;
  const existing =
    groupId === null ? null : await orNull('group_not_found', () => ledger.groupOutcome(groupId, { account }));
  const isSplit = group.split !== null;
  if (existing) {
    const answer = replayGroup({ group, takenAt: 0, inDoubt: false }, existing);
    if (answer instanceof Problem) throw answer;
    const { body } = isSplit ? splitAnswer(answer, 'cache', identity) : groupAnswer(answer, 'cache', identity);
    return { status: 200, body };
  }
  const taken = await Promise.all(
    own.transactionIds.map(async (id, index) => {
      if (id === null) return false;
      if (own.transactionIds.indexOf(id) < index) return true;
      return (
        (await orNull('transfer_not_found', () => ledger.outcome(id, { account: group.orders[index]?.source }))) !==
        null
      );
    }),
  );
  if (taken.includes(true)) throw memberIdTaken(group, taken.indexOf(true));
  const result = await ledger.preview(group.orders, 'group', windowsIn(books));
  if (!('sides' in result)) throw groupRefusedBy(group, result, groupId, identity);
  const body = isSplit ? splitPreview(group, groupId) : groupPreview(group, result.sides, own, identity);
  return { status: 200, body };
}

/** The result, or null for a Problem with this code. */
export async function orNull<T>(absent: ProblemCode, look: () => Promise<T>): Promise<T | null> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Problem && error.code === absent) return null;
    throw error;
  }
}
