import { type GroupOrder, type GroupOutcome, membersOf } from '../../app/domain/group.ts';
import { PROBLEMS, type ProblemCode } from '../../app/domain/problem.ts';
import type { AccountView, Outcome, Side, TransferOrder } from '../../app/domain/types.ts';
import type { Answer, ChangeHistory, ShownPosition, TransferContent } from '../../verification/checker/history.ts';

/** The answer that a simulated client gets. */
export type Reply<T> =
  | { kind: 'value'; value: T }
  | { kind: 'problem'; code: ProblemCode }
  /** No connection: the request was never sent. */
  | { kind: 'not_begun' }
  /** The connection broke, or the client gave up: the request may have been carried out, or may still be. */
  | { kind: 'lost' };

export const contentOf = ({
  source,
  destination,
  amount,
  currency,
  groupId,
  capture,
}: TransferOrder): TransferContent => ({
  source,
  destination,
  amount,
  currency,
  ...(groupId !== undefined && { groupId }),
  ...(capture && { capture }),
});

/**
 * Derives the answer about each member of a group from the answer to the group. A refused group leaves the ids of its
 * members free.
 */
export function memberAnswersOf(group: GroupOrder, reply: Reply<GroupOutcome>): Answer[] {
  if (reply.kind === 'value' && reply.value.status === 'POSTED')
    return membersOf(reply.value).map((value) => answerOf({ kind: 'value', value }));
  const answer: Answer =
    reply.kind === 'lost' || (reply.kind === 'problem' && isOpen(reply.code))
      ? { kind: 'unknown', reason: reply.kind === 'problem' ? reply.code : reply.kind }
      : { kind: 'refused', status: 0, code: reply.kind === 'problem' ? reply.code : 'group_refused' };
  return group.orders.map(() => answer);
}

/** Converts a reply to the form of the checker, with everything that an outcome contains. */
export function answerOf(reply: Reply<Outcome>): Answer {
  if (reply.kind === 'value') return outcomeAnswer(reply.value);
  if (reply.kind === 'lost') return { kind: 'unknown', reason: 'lost' };
  if (reply.kind === 'not_begun') return { kind: 'refused', status: 0, code: 'not_begun' };
  const { code } = reply;
  const { status } = PROBLEMS[code];
  if (code === 'transfer_not_found') return { kind: 'absent' };
  return isOpen(code) ? { kind: 'unknown', reason: code } : { kind: 'refused', status, code };
}

function outcomeAnswer(outcome: Outcome): Answer {
  const { order, replayed, acceptedAt, epoch } = outcome;
  const facts = { replayed, acceptedAt, epoch, content: contentOf(order) };
  if (outcome.status === 'REJECTED') return { kind: 'rejected', code: outcome.refusal, ...facts };
  return { kind: 'posted', source: shownOf(outcome.source), destination: shownOf(outcome.destination), ...facts };
}

/** The row of a closed transfer between shards does not have the settings of the destination. */
function shownOf({ balance, version, settingsVersion }: Side): ShownPosition {
  return { balance, version, ...(settingsVersion > 0 && { settingsVersion }) };
}

/** Whether a problem leaves the outcome of the request unknown. */
export const isOpen = (code: ProblemCode): boolean => code === 'outcome_unknown' || code === 'internal_error';

export function changeAnswerOf(reply: Reply<AccountView>): ChangeHistory['answer'] {
  if (reply.kind === 'value') {
    const { settingsVersion, overdraftLimit, status } = reply.value;
    return { kind: 'changed', settingsVersion, overdraftLimit, status };
  }
  const isUnknown = reply.kind === 'lost' || (reply.kind === 'problem' && isOpen(reply.code));
  return { kind: isUnknown ? 'unknown' : 'refused' };
}

/** Describes a reply in a few words, for the trace and for the hash of a run. */
export function said(reply: Reply<unknown>): string {
  if (reply.kind === 'problem') return reply.code;
  if (reply.kind !== 'value') return reply.kind;
  const outcome = reply.value as Partial<Outcome>;
  if (outcome.status === 'POSTED' && outcome.source && outcome.destination) {
    const { source, destination, replayed, epoch, seq } = outcome;
    return `${replayed ? 'again ' : ''}${source.balance} v${source.version} > ${destination.balance} v${destination.version} (${epoch}/${seq})`;
  }
  if (outcome.status === 'REJECTED')
    return `${outcome.replayed ? 'again ' : ''}${outcome.refusal} (${outcome.epoch}/${outcome.seq})`;
  return 'answered';
}

/** Hashes a text, for the hash of a run. */
export function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
