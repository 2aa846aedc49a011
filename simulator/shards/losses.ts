import { shardOfAccount } from '../../app/domain/account-shard.ts';
import { legIdOf } from '../../app/domain/crossing.ts';
import { withoutGivenUp } from '../../verification/checker/given-up.ts';
import { type History, isOutcome, type LookUp, type TransferHistory } from '../../verification/checker/history.ts';
import type { World } from '../world/world.ts';

/**
 * What a shard's MySQL had when everything else in the shard was lost, because an operator accepted the loss or a
 * backup was restored.
 */
export interface Loss {
  shard: number;
  /** Virtual ms. */
  at: number;
  transactionIds: ReadonlySet<string>;
  changes: ReadonlySet<string>;
  accounts: ReadonlyMap<string, { version: number; settingsVersion: number }>;
  holds: ReadonlyMap<string, number>;
  groups: ReadonlySet<string>;
  /** Whether MySQL itself was restored from a backup, so that even what it had confirmed is lost. */
  isRestored?: boolean;
}

/** To be called in the transaction that ends the acceptance. */
export function lossIn({ mysql: { tables }, scheduler }: World, shard: number): Loss {
  return {
    shard,
    at: scheduler.nowMs,
    transactionIds: new Set(tables.transfers.keys()),
    changes: new Set([...tables.changes.values()].map(({ correlationId }) => correlationId)),
    accounts: new Map(
      [...tables.accounts].map(([id, { version, settingsVersion }]) => [id, { version, settingsVersion }]),
    ),
    holds: new Map([...tables.holds].map(([holdId, { state }]) => [holdId, state?.revision ?? 0])),
    groups: new Set(tables.groups.keys()),
  };
}

/** The name under which the transfers of several shards are recorded. */
export const keyOf = (transactionId: string, source: string, shards: number): string =>
  `${shardOfAccount(source, shards)}/${transactionId}`;
const idIn = (key: string): string => key.slice(key.indexOf('/') + 1);

/**
 * The history without what was lost. Unknown outcomes stay unknown, because a request that was sent before a loss may
 * also have been carried out after it.
 */
export function withoutLosses(history: History, losses: readonly Loss[], shards: number): History {
  return losses.reduce((left, loss) => withoutLoss(left, loss, shards), history);
}

function withoutLoss(history: History, loss: Loss, shards: number): History {
  const isOwn = (accountId: string) => shardOfAccount(accountId, shards) === loss.shard;
  const inside = new Set<string>();
  const between = new Map<string, TransferHistory>();
  for (const [key, transfer] of history.transfers) {
    const isInside = transfer.attempts.some(
      ({ content: { source, destination } }) => isOwn(source) && isOwn(destination),
    );
    const isLost = key.startsWith(`${loss.shard}/`) && !loss.transactionIds.has(idIn(key));
    if (isInside && isLost) inside.add(key);
    else between.set(key, withoutLostLeg(transfer, loss, isLost, isOwn));
  }
  return unknownForGivenUp(
    withoutGivenUp(
      {
        ...history,
        transfers: new Map([...history.transfers, ...between]),
        groups: groupsKept(history, loss, isOwn),
      },
      {
        at: loss.at,
        transactionIds: inside,
        changes: changesLost(history, loss, isOwn),
        accounts: versionsKept(history, loss, isOwn),
        holds: holdsKept(history, loss, isOwn),
      },
    ),
  );
}

/** The history of a transfer between shards, without what was lost if this shard has lost one of the legs. */
function withoutLostLeg(
  transfer: TransferHistory,
  { at, shard, transactionIds, isRestored = false }: Loss,
  isOutLost: boolean,
  isOwn: (accountId: string) => boolean,
): TransferHistory {
  const key = transfer.transactionId;
  const isReused = ({ answer }: LookUp) => answer.kind === 'refused' && answer.status === 409;
  const isAny = (one: LookUp) => isReused(one) || isOutcome(one.answer);
  if (isOutLost && isRestored) return mapped(transfer, at, { attempts: isAny, lookUps: isAny });
  // Attempts are answered only once MySQL has the outcome, so only a lookup may have shown an outcome that was lost.
  if (isOutLost)
    return mapped(transfer, at, {
      attempts: isReused,
      lookUps: (one) => isReused(one) || one.answer.kind === 'rejected',
    });
  const ofShard = Number(key.slice(0, key.indexOf('/')));
  const isToward = ofShard !== shard && transfer.attempts.some(({ content }) => isOwn(content.destination));
  if (!isToward || transactionIds.has(legIdOf(idIn(key), 'in', ofShard))) return transfer;
  // The transfer had left its source, but the MySQL of its destination did not have its arrival.
  const isPosted = ({ answer }: LookUp) => answer.kind === 'posted';
  const isGone = isRestored ? isAny : isPosted;
  return mapped(transfer, at, { attempts: isGone, lookUps: isGone });
}

const EVERYTHING = Number.POSITIVE_INFINITY;

const versionsKept = ({ accounts }: History, loss: Loss, isOwn: (accountId: string) => boolean) =>
  new Map(
    accounts.map(({ accountId }) => {
      const known = isOwn(accountId) ? loss.accounts.get(accountId) : undefined;
      return [accountId, known ?? { version: EVERYTHING, settingsVersion: EVERYTHING }] as const;
    }),
  );

function holdsKept({ holds = new Map() }: History, loss: Loss, isOwn: (accountId: string) => boolean) {
  const kept = new Map(loss.holds);
  for (const [holdId, { requests }] of holds) {
    const isHere = requests.some((request) => request.op === 'place' && isOwn(request.content.account));
    if (!isHere) kept.set(holdId, EVERYTHING);
  }
  return kept;
}

/** A group that a restored database lacks may be decided again. */
function groupsKept({ groups = new Map() }: History, loss: Loss, isOwn: (accountId: string) => boolean) {
  return new Map(
    [...groups].map(([groupId, { group, answers }]) => {
      const isLost = loss.isRestored === true && !loss.groups.has(groupId) && isOwn(group.orders[0]?.source ?? '');
      return [groupId, { group, answers: isLost ? [] : answers }] as const;
    }),
  );
}

const changesLost = ({ changes }: History, { at, changes: made }: Loss, isOwn: (accountId: string) => boolean) =>
  new Set(
    changes
      .filter(({ accountId, correlationId, sentAt }) => isOwn(accountId) && sentAt <= at && !made.has(correlationId))
      .map(({ correlationId }) => correlationId),
  );

const UNKNOWN = { kind: 'unknown', reason: 'a loss was accepted' } as const;

type IsGone = (request: LookUp) => boolean;
function mapped(transfer: TransferHistory, at: number, isGone: { attempts: IsGone; lookUps: IsGone }): TransferHistory {
  const forget = <R extends LookUp>(request: R, gone: IsGone): R =>
    request.sentAt <= at && gone(request) ? { ...request, answer: UNKNOWN } : request;
  return {
    ...transfer,
    attempts: transfer.attempts.map((request) => forget(request, isGone.attempts)),
    lookUps: transfer.lookUps.map((request) => forget(request, isGone.lookUps)),
  };
}

function unknownForGivenUp(history: History): History {
  const soften = <R extends { answer: { kind: string } }>(request: R): R =>
    request.answer.kind === 'given-up' ? { ...request, answer: UNKNOWN } : request;
  const givenUp = new Set<string>();
  for (const { transactionId, attempts } of history.transfers.values())
    if (attempts.some(({ answer }) => answer.kind === 'given-up')) givenUp.add(idIn(transactionId));
  return {
    ...history,
    transfers: new Map(
      [...history.transfers].map(([key, { transactionId, attempts, lookUps }]) => [
        key,
        { transactionId, attempts: attempts.map(soften), lookUps: lookUps.map(soften) },
      ]),
    ),
    changes: history.changes.map(soften),
    holds: new Map(
      [...(history.holds ?? [])].map(([holdId, { requests }]) => [holdId, { holdId, requests: requests.map(soften) }]),
    ),
    // After a loss, a group may be decided again.
    groups: new Map(
      [...(history.groups ?? [])].map(([groupId, { group, answers }]) => {
        const isGivenUp = group.orders.some(({ transactionId }) => givenUp.has(transactionId));
        return [groupId, { group, answers: isGivenUp ? [] : answers }];
      }),
    ),
  };
}
