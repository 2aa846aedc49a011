import { createHash } from 'node:crypto';
import { sameContent } from './content.ts';
import { ID_LENGTH_MAX, uuidV7Time } from './ids.ts';
import type { Counted, LimitRefusal } from './limits.ts';
import { Problem, type Refusal } from './problem.ts';
import type { Posted, Side, TransferOrder } from './types.ts';

export const GROUP_TRANSFERS_MIN = 2;
export const GROUP_TRANSFERS_MAX = 100;

/**
 * Transfers that are posted all together, or not at all. They are decided in order, each on the balances that result
 * from the previous ones.
 */
export interface GroupOrder {
  groupId: string;
  /** The members of the group, each with this `groupId`. */
  orders: readonly TransferOrder[];
  /**
   * For a split: what was requested, as JSON. It is part of the content, because destinations that get nothing are not
   * members.
   */
  split: string | null;
}

interface GroupOutcomeCommon {
  group: GroupOrder;
  /** This field and the next two have the same meaning as in an `Outcome`. */
  acceptedAt: number;
  takenAt: number | null;
  epoch: number;
  /** The seq of the first member; a refused group has only this one. 0 if MySQL decided. */
  seq: number;
  replayed: boolean;
  persisted: boolean;
}
export interface PostedGroup extends GroupOutcomeCommon {
  status: 'POSTED';
  /** The two accounts of each member, in their state after the member. */
  sides: readonly { source: Side; destination: Side; counted?: Counted }[];
}
export interface RejectedGroup extends GroupOutcomeCommon {
  status: 'REJECTED';
  /** The index (from 0) of the first member that was refused, and why. The ids of the members remain unused. */
  index: number;
  refusal: Refusal;
  /** Present for `limit_exceeded`. */
  limit?: LimitRefusal;
}
/** The single, permanent outcome of a group id. */
export type GroupOutcome = PostedGroup | RejectedGroup;

/**
 * The last seq of a group. A posted group has one seq per member, a refused group has a single one, and the seq of a group
 * that MySQL decided is 0.
 */
export const lastSeqOfGroup = (outcome: GroupOutcome): number =>
  outcome.status === 'POSTED' && outcome.seq > 0 ? outcome.seq + outcome.sides.length - 1 : outcome.seq;

/** The outcomes of a posted group's members, in order. */
export function membersOf({ group, sides, status, seq, ...common }: PostedGroup): Posted[] {
  return sides.map((side, index) => {
    const order = group.orders[index];
    if (!order) throw new RangeError(`group ${group.groupId} has fewer members than results`);
    return { order, ...common, status, seq: seq === 0 ? 0 : seq + index, ...side };
  });
}

/**
 * The id of a member that was sent without one. It depends only on the group's id and the index, so that a retry is the
 * same group. If the group's id is a UUIDv7, so is this one, with the same time, so that Redis can decide the member
 * without MySQL. Null if the group's id is too long.
 */
export function memberIdOf(groupId: string, index: number): string | null {
  if (uuidV7Time(groupId) === null) {
    const id = `${groupId}.${index}`;
    return id.length > ID_LENGTH_MAX ? null : id;
  }
  const hash = createHash('sha256').update(`${groupId}.${index}`).digest('hex');
  // Bits 48 to 51 are the version, bits 64 and 65 the variant (RFC 9562).
  return `${groupId.slice(0, 14)}7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
}

/** All accounts of a group, each once. */
export const accountsOfGroup = ({ orders }: GroupOrder): string[] => [
  ...new Set(orders.flatMap(({ source, destination }) => [source, destination])),
];

function sameGroup(a: GroupOrder, b: GroupOrder): boolean {
  return (
    a.split === b.split &&
    a.orders.length === b.orders.length &&
    a.orders.every((order, index) => {
      const other = b.orders[index];
      return other !== undefined && order.transactionId === other.transactionId && sameContent(order, other);
    })
  );
}

interface Asked {
  group: GroupOrder;
  takenAt: number;
  inDoubt: boolean;
}

/** The answer to a group whose id already has an outcome: that outcome again, or 409; like `replay` for a transfer. */
export function replayGroup({ group, takenAt, inDoubt }: Asked, existing: GroupOutcome): GroupOutcome | Problem {
  if (!sameGroup(group, existing.group)) return groupIdReused(group.groupId);
  const own = inDoubt && takenAt === (existing.takenAt ?? existing.acceptedAt) && sameOrigin(group, existing.group);
  return { ...existing, replayed: !own };
}

const sameOrigin = (a: GroupOrder, b: GroupOrder): boolean => a.orders[0]?.correlationId === b.orders[0]?.correlationId;

const groupIdReused = (groupId: string): Problem =>
  new Problem('group_id_reused', `group ${groupId} already exists with different content`, { groupId });

/**
 * Compares the group that MySQL has under an id with one received in an epoch that has since ended; like `persistedAs`
 * for a transfer.
 */
export function groupPersistedAs(received: GroupOutcome, stored: GroupOutcome): GroupOutcome | Problem {
  const { epoch, seq, group } = received;
  if (stored.epoch === epoch && stored.seq === seq) return { ...stored, replayed: received.replayed };
  return sameGroup(group, stored.group) ? { ...stored, replayed: true } : groupIdReused(group.groupId);
}

/** A member's id already has an outcome, so the group cannot be posted. This is not an outcome: nothing is stored. */
export const memberIdTaken = ({ groupId, orders }: GroupOrder, index: number): Problem =>
  new Problem('transaction_id_reused', `the id of transfer ${index} of the group already belongs to another transfer`, {
    groupId,
    index,
    transactionId: orders[index]?.transactionId ?? '',
  });
