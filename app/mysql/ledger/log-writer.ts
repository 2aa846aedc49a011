import { IntegrityError } from '../../journal/integrity-error.ts';
import { linesIn, pagesOf, ROW_BYTES_MAX } from '../../journal/sealed/line-pages.ts';
import {
  chained,
  contentsOf,
  type LogHead,
  type RowContent,
  type StoredRow,
} from '../../journal/sealed/sealed-rows.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull, integer, moment } from '../connection/sql.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

/** Maximum number of rows of `unsealed` in one row of the log: as many ids as one list may contain. */
const PAGE_ROWS_MAX = 500;
/** Maximum number of pages in one transaction; the keeper's rounds seal the rest. */
const PAGES_MAX = 16;

/**
 * More entries wait to be sealed than one transaction may seal. The keeper seals them, and the transaction is repeated.
 */
export class UnsealedBacklogError extends Error {
  override readonly name = 'UnsealedBacklogError';
  constructor() {
    super(`more than ${PAGES_MAX} pages of entries are waiting to be sealed; try again when a keeper has sealed them`);
  }
}

/**
 * Appends rows to the log, in the last statements of a transaction: no other transaction can append rows until it ends.
 * Entries that wait in `unsealed` come first, because the transaction may depend on them.
 * @returns the new end of the log @throws UnsealedBacklogError, IntegrityError
 */
export async function seal(session: Session, contents: readonly RowContent[]): Promise<LogHead> {
  const { head, now } = await lockedHead(session);
  let last = head;
  for (let page = 0; ; page++) {
    const waiting = await takeWaiting(session);
    if (!waiting) break;
    if (page === PAGES_MAX) throw new UnsealedBacklogError();
    last = await append(session, waiting, last, now);
  }
  last = await append(session, contents, last, now);
  if (last !== head) await moveHeadFrom(session, head, last);
  return last;
}

/**
 * Appends rows with two statements instead of four: to the end of the log as it was last seen, if nothing has been
 * sealed since, and nothing waits to be sealed. Any entry on which the transaction depends was committed before the
 * transaction began, so it would be visible as waiting.
 * @param now MySQL's clock in this transaction, ms. @returns the new end; null if nothing was appended: then use `seal`
 */
export async function sealAfter(
  session: Session,
  end: LogHead,
  contents: readonly RowContent[],
  now: number,
): Promise<LogHead | null> {
  const rows = chainedTo(end, contents, now);
  const last = rows.at(-1);
  if (!last || (await moveHead(session, end, last, 'AND NOT EXISTS (SELECT 1 FROM unsealed)')) !== 1) return null;
  for (const row of rows) await insertRow(session, row);
  return endOf(last);
}

/** Seals the next waiting entries. @returns the number of entries; the end of the log; whether there may be more */
export async function sealWaiting(session: Session): Promise<{ entries: number; head: LogHead; isMore: boolean }> {
  const { head, now } = await lockedHead(session);
  const waiting = await takeWaiting(session);
  if (!waiting) return { entries: 0, head, isMore: false };
  const last = await append(session, waiting, head, now);
  await moveHeadFrom(session, head, last);
  return { entries: waiting.reduce((sum, { entries }) => sum + entries, 0), head: last, isMore: true };
}

interface HeadRow {
  position: number;
  hash: Buffer;
  sealed_at: Date;
  now_ms: number;
}

async function lockedHead(session: Session): Promise<{ head: LogHead; now: number }> {
  const [row] = await session.rows<HeadRow>(
    (own) => `SELECT \`position\`, \`hash\`, sealed_at, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms
       FROM sealed_head WHERE ${own()} FOR UPDATE`,
  );
  if (!row) throw new Error('sealed_head has no row: the schema is not migrated');
  return {
    head: { position: row.position, hash: row.hash.toString('hex'), sealedAt: row.sealed_at.getTime() },
    now: row.now_ms,
  };
}

async function moveHeadFrom(session: Session, from: LogHead, to: LogHead): Promise<void> {
  if ((await moveHead(session, from, to)) !== 1)
    throw new IntegrityError(`the end of the log is no longer at ${from.position}`);
}

/** @returns 1; 0 if the head is elsewhere, or the further condition is not met */
async function moveHead(session: Session, from: LogHead, to: LogHead, condition = ''): Promise<number> {
  return session.run(
    (own) => `UPDATE sealed_head SET \`position\` = ?, \`hash\` = ?, sealed_at = ?
       WHERE ${own()} AND \`position\` = ? AND \`hash\` = ? ${condition}`,
    [to.position, Buffer.from(to.hash, 'hex'), new Date(to.sealedAt), from.position, Buffer.from(from.hash, 'hex')],
  );
}

async function append(session: Session, contents: readonly RowContent[], head: LogHead, now: number): Promise<LogHead> {
  const rows = chainedTo(head, contents, now);
  for (const row of rows) await insertRow(session, row);
  const last = rows.at(-1);
  return last ? endOf(last) : head;
}

function chainedTo(head: LogHead, contents: readonly RowContent[], now: number): StoredRow[] {
  let last = head;
  return contents.map((content) => {
    const row = chained(content, last, now);
    last = row;
    return row;
  });
}

const endOf = ({ position, hash, sealedAt }: LogHead): LogHead => ({ position, hash, sealedAt });

/**
 * One statement for each row, because a row may be a megabyte long. It is built from literals, which costs less than
 * placeholders.
 */
async function insertRow(session: Session, row: StoredRow): Promise<void> {
  const { position, format, epoch, firstSeq, lastSeq, entries, bytes, payload, previousHash, hash, sealedAt } = row;
  const integers = [position, format, epoch, firstSeq, lastSeq, entries, bytes].map(integer).join(',');
  const binaries = [payload.toString('hex'), previousHash, hash].map(binaryOrNull).join(',');
  await session.run(
    `INSERT INTO sealed (\`position\`, \`format\`, epoch, first_seq, last_seq, entries, bytes, payload, previous_hash, \`hash\`,
       sealed_at) VALUES (${integers},${binaries},${moment(sealedAt)})`,
  );
}

/**
 * Takes the next visible rows out of `unsealed`, in order of their ids. A transaction that has not committed may still
 * add a row with a lower id. That row shares no account with the rows that are taken, so it may follow them; but no id
 * can serve as a mark up to which all rows have been taken.
 * @returns null if nothing waits
 */
async function takeWaiting(session: Session): Promise<RowContent[] | null> {
  const visible = await session.rows<{ id: number; bytes: number }>(
    'SELECT `id`, LENGTH(payload) AS bytes FROM unsealed ORDER BY `id` LIMIT ?',
    [PAGE_ROWS_MAX],
  );
  const ids = idsOfPage(visible);
  if (ids.length === 0) return null;
  const rows = await rowsByIds<{ epoch: number; payload: Buffer }>(
    session,
    'SELECT epoch, payload FROM unsealed WHERE `id` IN (?) ORDER BY `id`',
    ids,
  );
  // A scan would wait for rows that other transactions have not committed yet.
  const deleted = await session.run('DELETE u FROM unsealed u FORCE INDEX (PRIMARY) WHERE u.`id` IN (?)', [ids]);
  if (rows.length !== ids.length || deleted !== ids.length)
    throw new IntegrityError('entries that wait to be sealed have disappeared');
  const lines = rows.flatMap(({ payload }) => linesIn({ bytes: payload }));
  return contentsOf(pagesOf(lines), { epoch: rows.at(-1)?.epoch ?? 0, firstSeq: 0, lastSeq: 0 });
}

/** As many rows as fit into a row of the log, but at least one. */
function idsOfPage(visible: readonly { id: number; bytes: number }[]): number[] {
  let total = 0;
  const end = visible.findIndex(({ bytes }, index) => {
    total += bytes + 1;
    return index > 0 && total > ROW_BYTES_MAX;
  });
  return (end < 0 ? visible : visible.slice(0, end)).map(({ id }) => id);
}
