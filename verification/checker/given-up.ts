import {
  type Answer,
  type History,
  type HoldHistory,
  type HoldRequest,
  isHoldOutcome,
  isOutcome,
  type LookUp,
  type ReadHistory,
} from './history.ts';

/** The transfers and changes that an operator accepted as lost. */
export interface GivenUp {
  /** The time of the acceptance, ms on the clock of the history. */
  at: number;
  transactionIds: ReadonlySet<string>;
  /** Changes of settings, by correlation id. */
  changes?: ReadonlySet<string>;
  /**
   * The versions that MySQL had at that time, for each account that may have lost something. All other accounts and
   * their holds have lost nothing. If this field is absent, earlier reads of accounts of those transfers do not count.
   */
  accounts?: ReadonlyMap<string, { version: number; settingsVersion: number }>;
  /** The revisions that MySQL had at that time, for each hold of these accounts; 0 for a hold that was refused. */
  holds?: ReadonlyMap<string, number>;
}

/**
 * The history without what an operator gave up. Answers about it from before the acceptance do not count, and neither
 * do reads from before then that saw its effects; a request that was in progress at that moment counts as decided
 * later. An id that was sent again later has the outcome that it got then. Everything else still holds. Pure.
 */
export function withoutGivenUp(history: History, givenUp: GivenUp): History {
  const { at, transactionIds, changes } = givenUp;
  const affected = new Set<string>();
  const forget = <R extends LookUp>(request: R): R =>
    request.endedAt <= at && isGone(request.answer) ? { ...request, answer: { kind: 'given-up' } } : request;
  const transfers = new Map(history.transfers);
  for (const transactionId of transactionIds) {
    const transfer = transfers.get(transactionId);
    if (!transfer) continue;
    for (const { content } of transfer.attempts) affected.add(content.source).add(content.destination);
    const { attempts, lookUps } = transfer;
    transfers.set(transactionId, { transactionId, attempts: attempts.map(forget), lookUps: lookUps.map(forget) });
  }
  const holds = (read: ReadHistory): boolean => {
    if (read.sentAt > at) return true;
    if (!givenUp.accounts) return !affected.has(read.accountId);
    const account = givenUp.accounts.get(read.accountId);
    if (account === undefined) return true;
    const { version, settings } = read;
    return version <= account.version && (settings?.settingsVersion ?? 0) <= account.settingsVersion;
  };
  return {
    ...history,
    isLossAccepted: true,
    transfers,
    holds: new Map(
      [...(history.holds ?? [])].map(([holdId, hold]) => [holdId, holdWithoutGivenUp(hold, givenUp)] as const),
    ),
    reads: history.reads.filter(holds),
    changes: history.changes.map((change) => {
      const { accountId, correlationId, sentAt, answer } = change;
      if (answer.kind !== 'changed') return change;
      if (changes?.has(correlationId)) return { ...change, answer: { kind: 'given-up' } };
      // The change was made, and its answer showed the settings of a later change that was given up.
      const { settingsVersion = Number.POSITIVE_INFINITY } = givenUp.accounts?.get(accountId) ?? {};
      const isShownGone = sentAt <= at && answer.settingsVersion > settingsVersion;
      return isShownGone ? { ...change, answer: { kind: 'unknown' } } : change;
    }),
  };
}

function holdWithoutGivenUp(hold: HoldHistory, { at, accounts, holds = new Map() }: GivenUp): HoldHistory {
  const { holdId, requests } = hold;
  const placing = requests.find((request) => request.op === 'place');
  if (accounts && placing?.op === 'place' && !accounts.has(placing.content.account)) return hold;
  const revision = holds.get(holdId);
  const isBeyond = ({ answer }: HoldRequest) =>
    answer.kind === 'held' && answer.hold !== undefined && answer.hold.revision > (revision ?? 0);
  const forget = (request: HoldRequest): HoldRequest[] => {
    if (request.endedAt > at) return [request];
    const { op, answer } = request;
    const isLost = op === 'place' ? revision === undefined && isHoldGone(answer) : isBeyond(request);
    if (isLost) return op === 'read' ? [] : [{ ...request, answer: { kind: 'given-up' } }];
    if (op !== 'place' || answer.kind !== 'held' || !isBeyond(request)) return [request];
    const { hold: _beyond, ...outcome } = answer;
    return [{ ...request, answer: outcome }];
  };
  return { holdId, requests: requests.flatMap(forget) };
}

const isHoldGone = (answer: HoldRequest['answer']): boolean =>
  isHoldOutcome(answer) || answer.kind === 'unknown' || (answer.kind === 'refused' && answer.status === 409);

/**
 * Whether an answer confirms an outcome that was given up, or leaves it open. A batch is answered when its last item
 * has its outcome.
 */
const isGone = (answer: Answer): boolean =>
  isOutcome(answer) || answer.kind === 'unknown' || (answer.kind === 'refused' && answer.status === 409);
