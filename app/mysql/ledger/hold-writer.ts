import type { HoldEvent, HoldPlaced, HoldRefused } from '../../domain/hold-events.ts';
import type { HoldState, UsageChange } from '../../domain/hold-types.ts';
import type { Outcome } from '../../domain/types.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull, integer, moment, statements, text, textOrNull } from '../connection/sql.ts';
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
  await insertHolds(
    session,
    moves.flatMap(({ placed, last }) => (placed ? [holdLiteral(placed, last.hold, salts)] : [])),
  );
  await moveHolds(
    session,
    moves.filter(({ placed }) => !placed),
  );
  await insertEvents(session, events, salts);
  for (const rows of statements(captures.map(captureLiteral)))
    await session.run(
      `INSERT INTO hold_captures (hold_id, revision, transaction_id, account_id, version, held_after, counted_at_ms,
         day_change, month_change) VALUES ${rows.join(',')}`,
    );
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

async function insertHolds(session: Session, literals: readonly string[]): Promise<void> {
  for (const rows of statements(literals)) {
    await session.run(`INSERT INTO holds (hold_id, \`status\`, refusal, refused_by, account_id, destination_account, currency,
      placed_amount, asked_expires_at_ms, \`reference\`, metadata, ${STATE_COLUMNS}, accepted_at,
      accepted_after_ms, \`user\`, correlation_id, epoch, seq, salt) VALUES ${rows.join(',')}`);
  }
}

function holdLiteral(event: HoldPlaced | HoldRefused, state: HoldState | null, salts: Salts): string {
  const { order } = event;
  const metadata = order.metadata === null ? 'NULL' : text(JSON.stringify(order.metadata));
  const verdict = event.kind === 'REFUSED' ? refusalLiterals(event) : `'${state?.status ?? 'OPEN'}',NULL,NULL`;
  const asked = order.expiresAt === null ? 'NULL' : integer(order.expiresAt);
  return `(${text(order.holdId)},${verdict},${text(order.account)},${textOrNull(order.destination)},${text(order.currency)},${integer(order.amount)},${asked},${textOrNull(order.reference)},${metadata},${stateLiterals(state)},${decidedLiterals(event)},${binaryOrNull(salts.ofHold(event))})`;
}

const refusalLiterals = ({ refusal, limit }: HoldRefused): string =>
  `'REFUSED','${refusal}',${limit ? text(refusedByOf(limit)) : 'NULL'}`;

/** The values in the order of `STATE_COLUMNS`. */
const stateLiterals = (state: HoldState | null): string =>
  state
    ? `${integer(state.amount)},${integer(state.captured)},${integer(state.expiresAt)},${integer(state.revision)},${countedLiterals(state)}`
    : '0,0,0,0,0,0,0';

const countedLiterals = ({ counted }: HoldState): string =>
  counted ? `${integer(counted.at)},${integer(counted.day)},${integer(counted.month)}` : '0,0,0';

const decidedLiterals = ({ acceptedAt, takenAt, user, correlationId, epoch, seq }: HoldEvent): string =>
  `${moment(acceptedAt)},${integer(acceptedAt - takenAt)},${text(user)},${text(correlationId)},${integer(epoch)},${integer(seq)}`;

/**
 * Moves holds from their state before the steps to their state after them. If a hold in MySQL has another revision or account,
 * the statement sets a NOT NULL column to NULL, which is an error. A missing hold is inserted, which counts 1, while an update
 * counts 2.
 */
async function moveHolds(session: Session, moves: readonly HoldMove[]): Promise<void> {
  const literals = moves.map(
    ({ last, previousRevision }) =>
      `(${text(last.holdId)},'${last.hold?.status ?? 'OPEN'}',${text(last.account)},${text(last.currency)},0,${stateLiterals(last.hold)},${integer(previousRevision)},NOW(3),0,'','',0,0)`,
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

async function insertEvents(session: Session, events: readonly HoldEvent[], salts: Salts): Promise<void> {
  for (const rows of statements(events.flatMap((event) => eventLiteral(event, salts)))) {
    await session.run(`INSERT INTO hold_events (account_id, version, kind, event_id, hold_id, currency, balance_after, held_after,
      held_change, settings_version, ${STATE_COLUMNS}, day_change, month_change, accepted_at, accepted_after_ms,
      \`user\`, correlation_id, epoch, seq, salt) VALUES ${rows.join(',')}`);
  }
}

function eventLiteral(event: HoldEvent, salts: Salts): string[] {
  if (event.kind === 'REFUSED') return [];
  const { side, hold, held, heldChange } = event;
  const eventId = 'eventId' in event ? text(event.eventId) : 'NULL';
  // The data of a placing, and its salt, are stored in the row of the hold.
  const salt = binaryOrNull('eventId' in event ? salts.ofHold(event) : null);
  return [
    `(${text(event.account)},${integer(side.version)},'${event.kind}',${eventId},${text(event.holdId)},${text(event.currency)},${integer(side.balance)},${integer(held)},${integer(heldChange)},${integer(side.settingsVersion)},${stateLiterals(hold)},${changeLiterals(event)},${decidedLiterals(event)},${salt})`,
  ];
}

const captureLiteral = (step: CaptureStep): string =>
  `(${text(step.holdId)},${integer(step.hold.revision)},${text(step.transactionId)},${text(step.account)},${integer(step.version)},${integer(step.held)},${integer(step.hold.counted?.at ?? 0)},${changeLiterals(step)})`;

const changeLiterals = ({ usageChange }: { usageChange?: UsageChange | undefined }): string =>
  `${integer(usageChange?.day ?? 0)},${integer(usageChange?.month ?? 0)}`;
