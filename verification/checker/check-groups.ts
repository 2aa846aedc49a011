import type { Books } from './books.ts';
import type { History } from './history.ts';
import type { Violations } from './violations.ts';

/** Checks that all transfers of a group are in MySQL, or none, and that all answers to the group agree. */
export function checkGroups({ groups = new Map(), transfers }: History, books: Books, violations: Violations): void {
  const posted = new Map<string, number>();
  for (const { content, refusal } of books.transfers) {
    const { groupId } = content;
    if (groupId === undefined) continue;
    if (refusal !== null) violations.add('in-part', `group ${groupId} has a transfer that was refused`);
    posted.set(groupId, (posted.get(groupId) ?? 0) + 1);
    if (!groups.has(groupId)) violations.add('phantom', `group ${groupId} is in MySQL, but nobody sent it`);
  }
  for (const [groupId, { group, answers }] of groups) {
    const count = posted.get(groupId) ?? 0;
    if (count > 0 && count !== group.orders.length)
      violations.add('in-part', `group ${groupId} has ${group.orders.length} transfers, but ${count} are in MySQL`);
    // After an accepted loss, a group may be decided again.
    const isGivenUp = group.orders.some(({ transactionId }) =>
      transfers.get(transactionId)?.attempts.some(({ answer }) => answer.kind === 'given-up'),
    );
    if (new Set(answers).size > 1 && !isGivenUp)
      violations.add('contradicted', `group ${groupId} was reported as posted and as refused`);
    if (answers.includes('rejected') && count > 0 && !isGivenUp)
      violations.add('contradicted', `group ${groupId} was reported as refused, but is in MySQL`);
  }
}
