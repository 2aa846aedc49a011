import type { HoldHistory } from '../../jobs/ledger-history.ts';
import type { Session } from '../connection/pool.ts';

const PAGE = 1000;

interface HoldColumns {
  hold_id: string;
  status: HoldHistory['status'];
  amount: string;
  captured: string;
  revision: number;
  /** The amount that was placed; null if the hold was refused. */
  placed: string | null;
}
interface StepSums {
  hold_id: string;
  steps: number;
  revision_sum: string;
  held_sum: string;
}
interface EventSums extends StepSums {
  voided: number;
  expired: number;
}
interface CaptureSums extends StepSums {
  captured_sum: string;
}

/**
 * One page of holds after an id, with the sums of their placings, events and captures. The transaction of `session` must
 * read a snapshot.
 */
export async function holdPage(session: Session, after: string): Promise<HoldHistory[]> {
  const holds = await session.rows<HoldColumns>(
    `SELECT hold_id, \`status\`, CAST(hold_amount AS CHAR) AS amount, CAST(captured AS CHAR) AS captured, revision,
       CAST(IF(placed_version IS NULL, NULL, placed_amount) AS CHAR) AS placed
     FROM holds WHERE hold_id > ? ORDER BY hold_id LIMIT ${PAGE}`,
    [after],
  );
  if (holds.length === 0) return [];
  const ids = holds.map(({ hold_id }) => hold_id);
  const events = byHold(await eventSums(session, ids));
  const captures = byHold(await captureSums(session, ids));
  return holds.map((hold) => {
    const event = events.get(hold.hold_id) ?? NO_EVENTS;
    const capture = captures.get(hold.hold_id) ?? NO_CAPTURES;
    const placings = hold.placed === null ? 0 : 1;
    return {
      holdId: hold.hold_id,
      status: hold.status,
      amount: hold.amount,
      captured: hold.captured,
      revision: hold.revision,
      steps: placings + event.steps + capture.steps,
      revisionSum: String(BigInt(placings) + BigInt(event.revision_sum) + BigInt(capture.revision_sum)),
      capturedSum: capture.captured_sum,
      heldSum: String(BigInt(hold.placed ?? 0) + BigInt(event.held_sum) + BigInt(capture.held_sum)),
      voided: event.voided,
      expired: event.expired,
    };
  });
}

const NO_STEPS = { steps: 0, revision_sum: '0', held_sum: '0' };
const NO_EVENTS = { ...NO_STEPS, voided: 0, expired: 0 };
const NO_CAPTURES = { ...NO_STEPS, captured_sum: '0' };
const byHold = <Row extends StepSums>(rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row.hold_id, row]));

const eventSums = (session: Session, ids: readonly string[]): Promise<EventSums[]> =>
  session.rows(
    `SELECT hold_id, COUNT(*) AS steps, CAST(SUM(revision) AS CHAR) AS revision_sum,
       CAST(SUM(held_change) AS CHAR) AS held_sum, CAST(SUM(kind = 'VOIDED') AS SIGNED) AS voided,
       CAST(SUM(kind = 'EXPIRED') AS SIGNED) AS expired
     FROM hold_events WHERE hold_id IN (?) GROUP BY hold_id`,
    [ids],
  );

/** A capture without a matching transfer is not counted, so that its hold appears to lack a revision. */
const captureSums = (session: Session, ids: readonly string[]): Promise<CaptureSums[]> =>
  session.rows(
    `SELECT c.hold_id, COUNT(*) AS steps, CAST(SUM(c.revision) AS CHAR) AS revision_sum,
       CAST(SUM(t.held_change) AS CHAR) AS held_sum, CAST(SUM(t.amount) AS CHAR) AS captured_sum
     FROM hold_captures c JOIN transfers t ON t.transaction_id = c.transaction_id AND t.hold_id = c.hold_id
       AND t.source_account = c.account_id AND t.source_version = c.version AND t.held_after = c.held_after
     WHERE c.hold_id IN (?) GROUP BY c.hold_id`,
    [ids],
  );
