import type { HoldEvent, HoldPlaced, HoldRefused } from '../../domain/hold-events.ts';
import type { HoldState, UsageChange } from '../../domain/hold-types.ts';
import type { Outcome } from '../../domain/types.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import {
  binaryOrNull,
  type InsertColumn,
  inserts,
  integer,
  moment,
  statements,
  text,
  textOrNull,
} from '../connection/sql.ts';
import { STATE_COLUMNS } from '../rows/hold-rows.ts';
import { refusedByOf } from '../rows/transfer-row.ts';

/**
 * Writes the changes of holds: their rows, their events, and the list of their captures. The captures themselves are
 * transfers.
 * @param outcomes may contain captures @throws IntegrityError if MySQL has a hold in another state
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
  const eventRows = events.flatMap((event) => (event.kind === 'REFUSED' ? [] : [eventLiterals(event, salts)]));
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

/** The state of a hold after an event or a capture. */
interface HoldStep {
  holdId: string;
  account: string;
  currency: string;
  hold: HoldState;
}
interface CaptureStep extends HoldStep {
  transactionId: string;
  /** Of the hold's account. */
  version: number;
  held: number;
  usageChange: UsageChange | undefined;
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

/** Those of `STATE_COLUMNS`, with the values that most holds have. */
const STATE: readonly InsertColumn[] = [
  ['hold_amount', '0'],
  ['captured', '0'],
  ['expires_at_ms', '0'],
  ['revision', '0'],
  ['counted_at_ms', '0'],
  ['counted_day', '0'],
  ['counted_month', '0'],
];
const DECIDED = ['accepted_at', 'accepted_after_ms', '`user`', 'correlation_id', 'epoch', 'seq'] as const;
const CHANGES: readonly InsertColumn[] = [
  ['day_change', '0'],
  ['month_change', '0'],
];
const SALT: InsertColumn = ['salt', 'NULL'];

const HOLD_COLUMNS: readonly InsertColumn[] = [
  ...['hold_id', '`status`'],
  ['refusal', 'NULL'],
  ['refused_by', 'NULL'],
  'account_id',
  ['destination_account', 'NULL'],
  ...['currency', 'placed_amount'],
  ['asked_expires_at_ms', 'NULL'],
  ['`reference`', 'NULL'],
  ['metadata', 'NULL'],
  ...[...STATE, ...DECIDED, SALT],
];

function holdLiterals(event: HoldPlaced | HoldRefused, state: HoldState | null, salts: Salts): string[] {
  const { order } = event;
  const [status, refusal, refusedBy] =
    event.kind === 'REFUSED'
      ? ['REFUSED', text(event.refusal), event.limit ? text(refusedByOf(event.limit)) : 'NULL']
      : [state?.status ?? 'OPEN', 'NULL', 'NULL'];
  return [
    ...[text(order.holdId), text(status), refusal, refusedBy, text(order.account), textOrNull(order.destination)],
    ...[text(order.currency), integer(order.amount), order.expiresAt === null ? 'NULL' : integer(order.expiresAt)],
    ...[textOrNull(order.reference), order.metadata === null ? 'NULL' : text(JSON.stringify(order.metadata))],
    ...[...stateLiterals(state), ...decidedLiterals(event), binaryOrNull(salts.ofHold(event))],
  ];
}

/** The values in the order of `STATE_COLUMNS`. */
const stateLiterals = (state: HoldState | null): string[] =>
  state
    ? [
        ...[integer(state.amount), integer(state.captured), integer(state.expiresAt), integer(state.revision)],
        ...countedLiterals(state),
      ]
    : ['0', '0', '0', '0', '0', '0', '0'];

const countedLiterals = ({ counted }: HoldState): string[] =>
  counted ? [integer(counted.at), integer(counted.day), integer(counted.month)] : ['0', '0', '0'];

const decidedLiterals = ({ acceptedAt, takenAt, user, correlationId, epoch, seq }: HoldEvent): string[] => [
  ...[moment(acceptedAt), integer(acceptedAt - takenAt), text(user), text(correlationId), integer(epoch), integer(seq)],
];

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
 * How a hold has ended, as a part of an UPDATE that is the same for many holds, and the condition of that UPDATE. Null if the
 * hold has not ended, or if its new state cannot be derived from its row: a capture of less than the whole amount, several
 * steps, or amounts that windows count.
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
 * Ends holds that end alike. One list of ids is much cheaper than the new state of each hold; the index is named because the
 * optimizer could also choose that of all open holds.
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
 * Moves holds from their state before the steps to their state after them. If a hold in MySQL has another revision or account,
 * the statement sets a NOT NULL column to NULL, which is an error. A missing hold is inserted, which counts 1, while an update
 * counts 2.
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
    if (changed !== 2 * rows.length) throw new IntegrityError('a hold of the journal is missing in MySQL');
  }
}

const EVENT_COLUMNS: readonly InsertColumn[] = [
  ...['account_id', 'version', 'kind'],
  ['event_id', 'NULL'],
  ...['hold_id', 'currency', 'balance_after', 'held_after', 'held_change', 'settings_version'],
  ...[...STATE, ...CHANGES, ...DECIDED, SALT],
];

function eventLiterals(event: Exclude<HoldEvent, HoldRefused>, salts: Salts): string[] {
  const { side, hold, held, heldChange } = event;
  const hasId = 'eventId' in event;
  return [
    ...[text(event.account), integer(side.version), text(event.kind), hasId ? text(event.eventId) : 'NULL'],
    ...[text(event.holdId), text(event.currency), integer(side.balance), integer(held), integer(heldChange)],
    ...[integer(side.settingsVersion), ...stateLiterals(hold), ...changeLiterals(event), ...decidedLiterals(event)],
    // The data of a placing, and its salt, are stored in the row of the hold.
    binaryOrNull(hasId ? salts.ofHold(event) : null),
  ];
}

const CAPTURE_COLUMNS: readonly InsertColumn[] = [
  ...['hold_id', 'revision', 'transaction_id', 'account_id', 'version', 'held_after'],
  ['counted_at_ms', '0'],
  ...CHANGES,
];

const captureLiterals = (step: CaptureStep): string[] => [
  ...[text(step.holdId), integer(step.hold.revision), text(step.transactionId), text(step.account)],
  ...[integer(step.version), integer(step.held), integer(step.hold.counted?.at ?? 0), ...changeLiterals(step)],
];

const changeLiterals = ({ usageChange }: { usageChange?: UsageChange | undefined }): string[] => [
  ...[integer(usageChange?.day ?? 0), integer(usageChange?.month ?? 0)],
];
