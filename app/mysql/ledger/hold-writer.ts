import type { HoldEvent, HoldPlaced, HoldRefused } from '../../domain/hold-events.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import type { Outcome } from '../../domain/types.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { type InsertColumn, inserts, integer, statements, text } from '../connection/sql.ts';
import { STATE_COLUMNS } from '../rows/hold-rows.ts';
import {
  CAPTURE_COLUMNS,
  type CaptureStep,
  captureLiterals,
  EVENT_COLUMNS,
  eventLiterals,
  HOLD_COLUMNS,
  type HoldStep,
  holdLiterals,
  stateLiterals,
} from './hold-literals.ts';

/**
 * Writes the changes of holds: their rows (with the placing), their later events, and the list of their captures. The
 * captures themselves are transfers.
 * @param outcomes may contain captures @throws IntegrityError if MySQL has a hold in a different state
 */
export async function writeHolds(
  session: Session,
  events: readonly HoldEvent[],
  outcomes: readonly Outcome[],
  salts: Salts,
): Promise<void> {
  const captures = outcomes.flatMap(captureStep);
  if (events.length === 0 && captures.length === 0) return;
  const moves = holdMovesOf(events, captures);
  const placed = moves.flatMap((move) => (move.placed ? [holdLiterals(move.placed, move.last.hold, salts)] : []));
  await insert(session, 'holds', HOLD_COLUMNS, placed);
  await changeHolds(
    session,
    moves.filter((move) => !move.placed),
  );
  const eventRows = events.flatMap((event) => ('eventId' in event ? [eventLiterals(event, salts)] : []));
  await insert(session, 'hold_events', EVENT_COLUMNS, eventRows);
  await insert(session, 'hold_captures', CAPTURE_COLUMNS, captures.map(captureLiterals));
}

async function insert(
  session: Session,
  table: string,
  columns: readonly InsertColumn[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  for (const statement of inserts(table, columns, rows)) await session.run(statement);
}

function captureStep(outcome: Outcome): CaptureStep[] {
  const { order } = outcome;
  if (outcome.status === 'REJECTED' || !outcome.hold || !order.capture) return [];
  const { source: account, currency, transactionId } = order;
  const { hold, held, usageChange } = outcome.hold;
  const { version } = outcome.source;
  return [{ holdId: order.capture.holdId, account, currency, transactionId, hold, version, held, usageChange }];
}

/** The change of a hold by several steps. */
interface HoldMove {
  /** Set if one of the steps placed (or refused) the hold. */
  placed: HoldPlaced | HoldRefused | null;
  previousRevision: number;
  last: Omit<HoldStep, 'hold'> & { hold: HoldState | null };
  steps: number;
}

/** The changes of all holds, in order of hold ids. @throws IntegrityError if the revisions of a hold have a gap */
function holdMovesOf(events: readonly HoldEvent[], captures: readonly HoldStep[]): HoldMove[] {
  const moves = new Map<string, HoldMove>();
  for (const event of events) {
    if (event.kind === 'REFUSED')
      moves.set(event.holdId, { placed: event, previousRevision: 0, last: { ...event, hold: null }, steps: 0 });
    else take(moves, event, event.kind === 'PLACED' ? event : null);
  }
  for (const capture of captures) take(moves, capture, null);
  for (const { last, previousRevision, steps } of moves.values()) {
    if (last.hold && last.hold.revision !== previousRevision + steps)
      throw new IntegrityError(
        `hold ${last.holdId} goes from ${previousRevision} to ${last.hold.revision} in ${steps} steps`,
      );
  }
  return [...moves.values()].sort((a, b) => (a.last.holdId < b.last.holdId ? -1 : 1));
}

function take(moves: Map<string, HoldMove>, step: HoldStep, placed: HoldPlaced | null): void {
  const previousRevision = step.hold.revision - 1;
  const known = moves.get(step.holdId);
  if (!known) {
    moves.set(step.holdId, { placed, previousRevision, last: step, steps: 1 });
    return;
  }
  known.placed ??= placed;
  known.steps += 1;
  known.previousRevision = Math.min(known.previousRevision, previousRevision);
  if (step.hold.revision > (known.last.hold?.revision ?? 0)) known.last = step;
}

/** Fewer holds than this are not worth a statement of their own. */
const ENDED_TOGETHER_MIN = 4;
/** MariaDB treats longer lists differently, and no longer looks up each id. */
const ENDED_TOGETHER_MAX = 500;

/** Changes holds from their state before the steps to their state after them. @throws IntegrityError */
async function changeHolds(session: Session, moves: readonly HoldMove[]): Promise<void> {
  const alike = new Map<string, HoldMove[]>();
  const others: HoldMove[] = [];
  for (const move of moves) {
    const end = endOf(move);
    if (end === null) others.push(move);
    else (alike.get(end) ?? alike.set(end, []).get(end))?.push(move);
  }
  for (const [end, ended] of alike) {
    if (ended.length < ENDED_TOGETHER_MIN) others.push(...ended);
    else
      for (let from = 0; from < ended.length; from += ENDED_TOGETHER_MAX)
        await endHolds(session, end, ended.slice(from, from + ENDED_TOGETHER_MAX));
  }
  await moveHolds(session, others);
}

/**
 * The end of a hold, as the part of an UPDATE that is the same for many holds, with the condition of that UPDATE. Null
 * if the hold has not ended, or if its new state cannot be derived from its row: a capture of less than the whole
 * amount, several steps, or amounts that windows count.
 */
function endOf({ last: { hold, currency }, previousRevision, steps }: HoldMove): string | null {
  if (!hold || hold.status === 'OPEN' || steps !== 1 || hold.counted) return null;
  if (hold.status === 'CAPTURED' && hold.captured !== hold.amount) return null;
  const captured = hold.status === 'CAPTURED' ? ', captured = hold_amount' : '';
  return `\`status\` = '${hold.status}'${captured}, revision = ${integer(hold.revision)}, previous_revision = ${integer(previousRevision)},
     counted_at_ms = 0, counted_day = 0, counted_month = 0
   WHERE \`status\` = 'OPEN' AND revision = ${integer(previousRevision)} AND currency = ${text(currency)}`;
}

/**
 * Ends holds that end in the same way. One list of ids is much cheaper than the new state of each hold. The statement
 * names the index, because the optimizer might otherwise choose the index of all open holds.
 */
async function endHolds(session: Session, end: string, moves: readonly HoldMove[]): Promise<void> {
  const holds = moves.map(({ last }) => `(${text(last.holdId)},${text(last.account)})`);
  const changed = await session.run(
    `UPDATE holds FORCE INDEX (PRIMARY) SET ${end} AND (hold_id, account_id) IN (${holds.join(',')})`,
  );
  if (changed !== holds.length)
    throw new IntegrityError('a hold in MySQL is missing, or differs from its previous state in the journal');
}

/**
 * Moves holds from their state before the steps to their state after them. If a hold in MySQL has another revision or
 * account, the statement sets a NOT NULL column to NULL, which is an error. A missing hold is inserted, which counts as
 * 1 affected row; an update counts as 2.
 */
async function moveHolds(session: Session, moves: readonly HoldMove[]): Promise<void> {
  const literals = moves.map(
    ({ last, previousRevision }) =>
      `(${text(last.holdId)},'${last.hold?.status ?? 'OPEN'}',${text(last.account)},${text(last.currency)},0,${stateLiterals(last.hold).join(',')},${integer(previousRevision)},NOW(3),0,'','',0,0)`,
  );
  for (const rows of statements(literals)) {
    const changed = await session
      .run(
        `INSERT INTO holds (hold_id, \`status\`, account_id, currency, placed_amount, ${STATE_COLUMNS},
           previous_revision, accepted_at, accepted_after_ms, \`user\`, correlation_id, epoch, seq)
         VALUES ${rows.join(',')}
         ON DUPLICATE KEY UPDATE
           revision = IF(revision = VALUES(previous_revision) AND account_id = VALUES(account_id)
             AND currency = VALUES(currency) AND \`status\` = 'OPEN', VALUES(revision), NULL),
           previous_revision = VALUES(previous_revision),
           \`status\` = VALUES(\`status\`),
           hold_amount = VALUES(hold_amount),
           captured = VALUES(captured),
           expires_at_ms = VALUES(expires_at_ms),
           counted_at_ms = VALUES(counted_at_ms),
           counted_day = VALUES(counted_day),
           counted_month = VALUES(counted_month)`,
      )
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ER_BAD_NULL_ERROR') throw error;
        throw new IntegrityError('a hold in MySQL differs from its previous state in the journal', { cause: error });
      });
    if (changed !== 2 * rows.length) throw new IntegrityError('a hold in the journal is missing from MySQL');
  }
}
