import { notFound, unsettledAccount } from '../../domain/account-problems.ts';
import { type Unwindowed, unwindowed } from '../../domain/business-calendar.ts';
import { accountsOfGroup, type GroupOutcome, memberIdTaken, membersOf } from '../../domain/group.ts';
import { idAhead, uuidV7Time } from '../../domain/ids.ts';
import type { Windows } from '../../domain/limits.ts';
import type { Problem } from '../../domain/problem.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { AccountMove } from '../../journal/flush-batch.ts';
import type { DirectGroup } from '../ports/direct-server.ts';
import { type Found, isLimitedIn, movesBetween, NO_SEQ, postAll, unsettledId, windowsFor } from './decide.ts';

/** The rows in MySQL that a call's groups need, with all their accounts locked. */
interface FoundForGroups extends Found {
  /** Committed groups, by group id. */
  groups: ReadonlyMap<string, GroupOutcome>;
  unsettledGroups: ReadonlySet<string>;
}

interface DecidedGroups {
  /** One per group, in order. */
  answers: (GroupOutcome | Problem)[];
  /** The results to write: groups, including refused ones, their transfers, and the accounts after them. */
  groups: GroupOutcome[];
  outcomes: Outcome[];
  moves: AccountMove[];
}

/**
 * Decides groups in order, each as a whole, and each on the accounts as left by the previous groups, exactly like
 * redis/lua/apply.lua.
 */
export function decideGroups(items: readonly DirectGroup[], found: FoundForGroups): DecidedGroups {
  let accounts = new Map(found.accounts);
  const groups = new Map<string, GroupOutcome>();
  const taken = new Set(found.existing.keys());
  const outcomes: Outcome[] = [];
  const answers = items.map((item) => {
    const { groupId } = item.group;
    const existing = found.groups.get(groupId) ?? groups.get(groupId);
    if (existing) return { ...existing, replayed: true };
    const why = undecided(item, accounts, taken, found);
    if (why) return why;
    // Works on a copy, so that a refused group changes nothing.
    const copy = new Map(accounts);
    const windows = windowsFor(accountsOfGroup(item.group), found);
    if (typeof windows === 'string' && item.group.orders.some((order) => isLimitedIn(order, accounts)))
      return unwindowed(windows);
    const answer = decide(item, copy, found, windows);
    if (answer.status === 'POSTED') {
      accounts = copy;
      outcomes.push(...membersOf(answer));
      for (const { transactionId } of item.group.orders) taken.add(transactionId);
    }
    groups.set(groupId, answer);
    return answer;
  });
  return {
    answers,
    groups: [...groups.values()],
    outcomes,
    moves: movesBetween(found.accounts, accounts, found.time),
  };
}

/**
 * Returns the reason why a group that does not exist yet gets no outcome. The id of the group is checked first, then
 *   the ids of
 * its members.
 */
function undecided(
  { group }: DirectGroup,
  accounts: ReadonlyMap<string, Account>,
  taken: ReadonlySet<string>,
  { unsettledGroups, unsettled, frozen, time, stopped }: FoundForGroups,
): Problem | null {
  const { groupId } = group;
  if (unsettledGroups.has(groupId)) return unsettledId(groupId);
  const ids = group.orders.map(({ transactionId }) => transactionId);
  const waiting = ids.find((id) => unsettled.has(id));
  if (waiting !== undefined) return unsettledId(waiting);
  const index = ids.findIndex((id, at) => taken.has(id) || ids.indexOf(id) < at);
  if (index >= 0) return memberIdTaken(group, index);
  if ([groupId, ...ids].some((id) => (uuidV7Time(id) ?? 0) > time.idTimeMax)) return idAhead('');
  if (stopped) return ledgerStopped();
  const accountIds = accountsOfGroup(group);
  const missing = accountIds.find((id) => !accounts.has(id));
  if (missing !== undefined) return notFound(missing);
  const frozenId = accountIds.find((id) => frozen.has(id));
  return frozenId === undefined ? null : unsettledAccount(frozenId);
}

/** The outcome of a new group; a posted one updates `accounts`. */
function decide(
  { group, takenAt }: DirectGroup,
  accounts: Map<string, Account>,
  found: FoundForGroups,
  windows: Windows | Unwindowed,
): GroupOutcome {
  const acceptedAt = found.time.accept(accountsOfGroup(group));
  const common = { group, acceptedAt, takenAt, epoch: found.epoch, seq: NO_SEQ, replayed: false, persisted: true };
  const result = postAll(group.orders, accounts, windows);
  return 'sides' in result ? { ...common, status: 'POSTED', ...result } : { ...common, status: 'REJECTED', ...result };
}
