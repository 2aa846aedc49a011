import { replay } from '../../domain/content.ts';
import { type HoldOutcome, holdOutcomeOf, replayHold } from '../../domain/hold-events.ts';
import { holdRefusalDetail } from '../../domain/hold-refusals.ts';
import { idAhead } from '../../domain/ids.ts';
import type { LimitRefusal } from '../../domain/limits.ts';
import { holdNotFound } from '../../domain/not-found.ts';
import { Problem, type Refusal } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { HOLD_CHANGED, RecordStatus, type ResultRecord, refusalIn } from '../../journal/codec.ts';
import {
  accountsOfItem,
  currencyOf,
  type HoldItem,
  type HoldRecord,
  holdIdOf,
  holdResultOf,
} from '../../journal/hold-codec.ts';
import type { EpochView } from '../epoch/epoch-view.ts';
import type { HoldAnswer } from '../ports/direct-server.ts';
import type { HoldDone, PendingHold } from './pending.ts';

/**
 * This pod remembers a different hold with the same id: an operator accepted the loss of that hold, and the id was used
 * again.
 */
export class OtherHold extends Problem {
  constructor(holdId: string) {
    super('overloaded', `hold ${holdId} was replaced by a different hold; send the request again`, { holdId });
  }
}

type Asked = Pick<PendingHold, 'hold' | 'takenAt' | 'inDoubt'>;

/** The answer to an item (not a capture) whose id already has an outcome. */
export const replayEvent = ({ hold, takenAt, inDoubt }: Asked, existing: HoldOutcome): HoldOutcome | Problem =>
  replayHold({ order: hold.op === 'place' ? hold.order : null, takenAt, inDoubt }, existing);

function replayCapture({ hold, takenAt, inDoubt }: Asked, existing: Outcome): Outcome | Problem {
  if (hold.op !== 'capture') throw new TypeError(`a ${hold.op} is not a capture`);
  return replay({ order: hold.order, takenAt, inDoubt }, existing);
}

/** A refusal that is not an outcome: nothing was stored. */
function refusedItem(item: HoldItem, refusal: Refusal | 'hold_changed', refusedBy?: LimitRefusal): Problem {
  const [account = '', destination = null] = accountsOfItem(item);
  const holdId = holdIdOf(item);
  const about = { what: item.op, holdId, account, destination, currency: currencyOf(item) };
  return new Problem(refusal, holdRefusalDetail(refusal, about), { holdId, ...(refusedBy && { refusedBy }) });
}

const clockUnsure = (): Problem =>
  new Problem('clock_unsure', 'the clock of the store is too far ahead of this pod to decide about the hold');

const POINTERS: Partial<Record<HoldItem['op'], string>> = { place: '/holdId', capture: '/transactionId' };
export const itemAhead = ({ op }: HoldItem): Problem => idAhead(POINTERS[op] ?? '');

/** The answer to an item that Redis has processed completely, or the Problem that explains why it has no outcome. */
export function answerIn(
  view: EpochView,
  { hold, takenAt }: PendingHold,
  record: HoldRecord,
  acceptedAt: number,
): Outcome | HoldDone | Problem {
  if (record.status === RecordStatus.CLOCK_UNSURE) return clockUnsure();
  if (record.status === RecordStatus.UNCHANGED) return { unchanged: record.hold, persisted: record.seq <= view.cursor };
  if (record.status === RecordStatus.REJECTED && record.seq === 0) {
    if (record.detail === HOLD_CHANGED) return refusedItem(hold, 'hold_changed');
    const { refusal, limit } = refusalIn(record);
    return refusedItem(hold, refusal, limit);
  }
  const result = holdResultOf(hold, record, { acceptedAt, takenAt, epoch: view.caller.epoch });
  return 'capture' in result ? result.capture : holdOutcomeOf(result.event, false);
}

export const isHoldRecord = (record: ResultRecord): record is HoldRecord => 'hold' in record;

/** The answer to an item that MySQL has processed, or the Problem that explains why it has no outcome. */
export function answerOf(pending: PendingHold, answer: HoldAnswer | Problem): Outcome | HoldDone | Problem {
  if (answer instanceof Problem) return answer;
  const { hold } = pending;
  switch (answer.kind) {
    case 'result': {
      const { result, replayed } = answer;
      if ('capture' in result) return replayed ? replayCapture(pending, result.capture) : result.capture;
      const outcome = holdOutcomeOf(result.event, true, replayed);
      return replayed ? replayEvent(pending, outcome) : outcome;
    }
    case 'unchanged':
      return { unchanged: answer.hold, persisted: true };
    case 'refused':
      return refusedItem(hold, answer.refusal, answer.limit);
    case 'no_hold':
      return holdNotFound(holdIdOf(hold));
    case 'other_hold':
      return new OtherHold(holdIdOf(hold));
    case 'clock_unsure':
      return clockUnsure();
  }
}
