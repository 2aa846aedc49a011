import { clientOrderOf, transactionIdOf } from '../../app/domain/crossing.ts';
import type { HoldPlaced, HoldUpdated } from '../../app/domain/hold-events.ts';
import { stateOf } from '../../app/domain/holds.ts';
import type { Outcome } from '../../app/domain/types.ts';
import type { BookedHold, BookedHoldEvent, BookedTransfer, Books, Waiting } from '../../verification/checker/books.ts';
import type { GivenUp } from '../../verification/checker/given-up.ts';
import type { Answer } from '../../verification/checker/history.ts';
import { answersIn, type History, isOutcome } from '../../verification/checker/history.ts';
import type { HoldRow, Tables } from '../mysql/tables.ts';
import { contentOf } from './answers.ts';

/** The contents of the model of MySQL, in the form of the checker. */
export function booksIn(tables: Tables, history: History): Books {
  const sums: Record<string, bigint> = {};
  for (const { currency, balance } of tables.accounts.values()) {
    sums[currency] = (sums[currency] ?? 0n) + BigInt(balance);
  }
  return {
    transfers: [...tables.transfers.values()].map(bookedTransfer),
    accounts: [...tables.accounts.values()].map(({ limits, ...account }) => ({
      ...account,
      ...(limits && { counted: limits.usage }),
    })),
    businessDays: tables.calendar.days.map(({ dayStart }) => dayStart),
    changes: [...tables.changes.values()],
    holds: [...tables.holds.values()].map(bookedHold),
    holdEvents: holdEventsIn(tables),
    sums,
    views: [],
    waiting: waitingIn(tables, history),
  };
}

function bookedTransfer(outcome: Outcome): BookedTransfer {
  const { order, acceptedAt } = outcome;
  const { transactionId, correlationId } = order;
  const leg = order.leg && {
    name: order.leg.name,
    of: transactionIdOf(transactionId),
    content: contentOf(clientOrderOf(order)),
  };
  const isReversal = order.kind === 'reversal' && { isReversal: true as const };
  const row = {
    transactionId,
    correlationId,
    content: contentOf(order),
    acceptedAt,
    ...(leg && { leg }),
    ...isReversal,
  };
  if (outcome.status === 'REJECTED') return { ...row, refusal: outcome.refusal, source: null, destination: null };
  const { source, destination, hold } = outcome;
  return { ...row, refusal: null, source, destination, ...(hold && { hold }) };
}

function bookedHold({ placing, state }: HoldRow): BookedHold {
  const { order, acceptedAt } = placing;
  const { holdId, correlationId, account, destination, amount, currency, expiresAt } = order;
  const content = { account, destination, amount, currency, expiresAt };
  const refusal = placing.kind === 'REFUSED' ? placing.refusal : null;
  return { holdId, correlationId, content, acceptedAt, refusal, hold: state && stateOf(state) };
}

const holdEventsIn = ({ holds, holdUpdates }: Tables): BookedHoldEvent[] =>
  [...[...holds.values()].map(({ placing }) => placing), ...holdUpdates.values()].flatMap((event) =>
    event.kind === 'REFUSED' ? [] : [bookedEvent(event)],
  );

function bookedEvent(event: HoldPlaced | HoldUpdated): BookedHoldEvent {
  const { kind, holdId, account: accountId, currency, correlationId, acceptedAt, side, held, heldChange, hold } = event;
  const common = { kind, holdId, accountId, currency, correlationId, acceptedAt };
  return { ...common, ...side, held, heldChange, hold: stateOf(hold) };
}

/**
 * The outcomes and balances that MySQL itself reports as not yet known. While the ledger is closed, that includes all
 * outcomes of the epoch whose Redis is gone, and the balances that only that Redis had.
 */
function waitingIn({ frozen, unsettled, authority, accounts }: Tables, { transfers }: History): Waiting {
  const transactionIds = new Set(
    [...unsettled.values()].filter(({ kind }) => kind === 'transfers').map(({ id }) => id),
  );
  const holdIds = new Set([...unsettled.values()].filter(({ kind }) => kind === 'hold').map(({ id }) => id));
  if (authority.mode !== 'CLOSING') return { accounts: new Set(frozen.keys()), transactionIds, holdIds };
  for (const transfer of transfers.values()) {
    const isOfEpoch = answersIn(transfer).some(
      ({ answer }) => isReuse(answer) || (isOutcome(answer) && answer.epoch === authority.cacheEpoch),
    );
    if (isOfEpoch) transactionIds.add(transfer.transactionId);
  }
  return { accounts: new Set(accounts.keys()), transactionIds, holdIds };
}

const isReuse = (answer: Answer): boolean => answer.kind === 'refused' && answer.status === 409;

/** Everything that an operator gives up by accepting a loss, because MySQL does not have it at that time. */
export function givenUpIn({ transfers, changes, accounts, holds }: Tables, history: History, at: number): GivenUp {
  const made = new Set([...changes.values()].map(({ correlationId }) => correlationId));
  return {
    at,
    transactionIds: new Set([...history.transfers.keys()].filter((id) => !transfers.has(id))),
    changes: new Set(history.changes.map(({ correlationId }) => correlationId).filter((id) => !made.has(id))),
    accounts,
    holds: new Map([...holds].map(([holdId, { state }]) => [holdId, state?.revision ?? 0])),
  };
}
