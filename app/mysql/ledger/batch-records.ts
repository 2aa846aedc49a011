import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { retried } from '../../kernel/retry.ts';
import {
  BATCH_ITEMS_MAX,
  BATCH_STATES,
  BatchFull,
  type BatchItem,
  type BatchName,
  type BatchPage,
  type BatchRecords,
  type BatchState,
  type BatchSummary,
  type ItemProblem,
  type RecordedItem,
  replaces,
} from '../../ledger/ports/batch-records.ts';
import { isRolledBack } from '../connection/mysql-errors.ts';
import type { Database, Session } from '../connection/pool.ts';
import { PoolShare } from '../connection/pool-share.ts';
import { statements, text, textOrNull } from '../connection/sql.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

/**
 * Records must not take connections away from requests that need MySQL: a pod writes a limited number at a time, and a
 * limited number may wait.
 */
const WRITES_MAX = 4;
const WAITING_MAX = 200;
/**
 * How long a request waits for its record. Its transfers have already been processed, and the client is waiting for
 * their outcomes.
 */
const RECORD_MS_MAX = 2_000;
const RETRIES_MAX = 3;
const RETRY_BASE_MS = 10;

type Counts = Record<BatchState, number>;
interface Header extends Record<Lowercase<BatchState>, number> {
  batch_key: number;
}
interface ItemColumns {
  transaction_id: string;
  state: BatchState;
  problem_code: string | null;
  problem: string | null;
  source_account: string | null;
  recorded_at: Date;
}

const COUNTS = BATCH_STATES.map((state) => state.toLowerCase()).join(', ');

interface Dependencies {
  database: Database;
  clock: Clock;
  itemsMax?: number;
  recordMsMax?: number;
}

/** Records of batches in the MySQL of the first shard, because a batch belongs to no account. */
export class SqlBatchRecords implements BatchRecords {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #itemsMax: number;
  readonly #recordMsMax: number;
  readonly #writes = new PoolShare(WRITES_MAX, WAITING_MAX);

  constructor({ database, clock, itemsMax = BATCH_ITEMS_MAX, recordMsMax = RECORD_MS_MAX }: Dependencies) {
    this.#database = database;
    this.#clock = clock;
    this.#itemsMax = itemsMax;
    this.#recordMsMax = recordMsMax;
  }

  async record(batch: BatchName, items: readonly BatchItem[]): Promise<void> {
    const startedAt = this.#clock.monotonic();
    await this.#writes.enter(this.#recordMsMax);
    // A write that takes too long keeps its place, so that the number of writes in progress never exceeds the maximum.
    const writing = this.#write(batch, items).finally(() => this.#writes.leave());
    const late = new AbortController();
    const leftMs = Math.max(0, this.#recordMsMax - (this.#clock.monotonic() - startedAt));
    const tooLate = this.#clock.sleep(leftMs, late.signal).then(() => {
      if (!late.signal.aborted) throw new Problem('database_unavailable', 'recording the batch took too long');
    });
    await Promise.race([writing, tooLate]).finally(() => late.abort());
  }

  async #write(batch: BatchName, items: readonly BatchItem[]): Promise<void> {
    const plan = { clock: this.#clock, retriesMax: RETRIES_MAX, baseMs: RETRY_BASE_MS, when: isRolledBack };
    await retried(plan, () =>
      this.#database.transaction((session) => writeItems(session, batch, items, this.#itemsMax), 'read-committed'),
    );
  }

  async summary({ postedBy, batchId }: BatchName): Promise<BatchSummary | null> {
    const [row] = await this.#database.rows<Header & { first_recorded_at: Date; last_recorded_at: Date }>(
      `SELECT batch_key, ${COUNTS}, first_recorded_at, last_recorded_at FROM transfer_batches
       WHERE posted_by = ? AND batch_id = ?`,
      [postedBy, batchId],
    );
    if (!row) return null;
    return {
      counts: countsOf(row),
      firstRecordedAt: row.first_recorded_at.getTime(),
      lastRecordedAt: row.last_recorded_at.getTime(),
    };
  }

  async items({ postedBy, batchId }: BatchName, page: BatchPage): Promise<RecordedItem[]> {
    const { state, afterTransactionId, limit } = page;
    const rows = await this.#database.rows<ItemColumns>(
      `SELECT i.transaction_id, i.state, i.problem_code, i.problem, i.source_account, i.recorded_at
       FROM transfer_batches b JOIN batch_items i ON i.batch_key = b.batch_key
       WHERE b.posted_by = ? AND b.batch_id = ? ${state === null ? '' : 'AND i.state = ?'} AND i.transaction_id > ?
       ORDER BY i.transaction_id LIMIT ?`,
      [postedBy, batchId, ...(state === null ? [] : [state]), afterTransactionId, limit],
    );
    return rows.map(itemOf);
  }
}

/**
 * Writers of the same batch take turns, because the first statement locks the row of the batch until the end of the
 * transaction. The counts are therefore exact, and two writers of the same items cannot deadlock.
 */
async function writeItems(
  session: Session,
  { postedBy, batchId }: BatchName,
  items: readonly BatchItem[],
  itemsMax: number,
): Promise<void> {
  await session.run(
    `INSERT INTO transfer_batches (posted_by, batch_id, first_recorded_at, last_recorded_at) VALUES (?, ?, NOW(3), NOW(3))
     ON DUPLICATE KEY UPDATE last_recorded_at = GREATEST(last_recorded_at, NOW(3))`,
    [postedBy, batchId],
  );
  const [header] = await session.rows<Header>(
    `SELECT batch_key, ${COUNTS} FROM transfer_batches WHERE posted_by = ? AND batch_id = ? FOR UPDATE`,
    [postedBy, batchId],
  );
  if (!header) throw new Error(`batch ${batchId} vanished while it was locked`);
  const recorded = new Map<string, BatchState>();
  const sql = `SELECT transaction_id, state FROM batch_items WHERE batch_key = ${header.batch_key} AND transaction_id IN (?)`;
  const ids = items.map(({ transactionId }) => transactionId);
  for (const row of await rowsByIds<ItemColumns>(session, sql, ids)) recorded.set(row.transaction_id, row.state);

  const counts = countsOf(header);
  const changed = items.filter((item) => isChange(item, recorded, counts));
  if (BATCH_STATES.reduce((sum, state) => sum + counts[state], 0) > itemsMax) throw new BatchFull();
  for (const values of statements(changed.map((item) => valuesOf(header.batch_key, item)))) {
    await session.run(
      `INSERT INTO batch_items (batch_key, transaction_id, state, problem_code, problem, source_account, recorded_at)
       VALUES ${values.join(', ')}
       ON DUPLICATE KEY UPDATE state = VALUES(state), problem_code = VALUES(problem_code), problem = VALUES(problem),
         source_account = VALUES(source_account), recorded_at = VALUES(recorded_at)`,
    );
  }
  await session.run(
    `UPDATE transfer_batches SET ${BATCH_STATES.map((state) => `${state.toLowerCase()} = ${counts[state]}`).join(', ')}
     WHERE batch_key = ${header.batch_key}`,
  );
}

/** Whether the item has to be written; counts it if so. An outcome that is already recorded is not written again. */
function isChange({ transactionId, state }: BatchItem, recorded: Map<string, BatchState>, counts: Counts): boolean {
  const before = recorded.get(transactionId);
  if (before !== undefined) {
    if (!replaces(state, before) || (state === before && state === 'POSTED')) return false;
    counts[before] -= 1;
  }
  counts[state] += 1;
  recorded.set(transactionId, state);
  return true;
}

function valuesOf(batchKey: number, { transactionId, state, problem, sourceAccount }: BatchItem): string {
  const details = problem && { detail: problem.detail, ...(problem.errors && { errors: problem.errors }) };
  return `(${[
    String(batchKey),
    text(transactionId),
    text(state),
    textOrNull(problem?.code ?? null),
    textOrNull(details ? JSON.stringify(details) : null),
    textOrNull(sourceAccount ?? null),
    'NOW(3)',
  ].join(', ')})`;
}

function countsOf(row: Record<Lowercase<BatchState>, number>): Counts {
  const { posted: POSTED, rejected: REJECTED, failed: FAILED, undecided: UNDECIDED } = row;
  return { POSTED, REJECTED, FAILED, UNDECIDED };
}

function itemOf(row: ItemColumns): RecordedItem {
  const details = row.problem === null ? null : (JSON.parse(row.problem) as Omit<ItemProblem, 'code'>);
  return {
    transactionId: row.transaction_id,
    state: row.state,
    ...(row.problem_code !== null && { problem: { detail: '', ...details, code: row.problem_code } }),
    ...(row.source_account !== null && { sourceAccount: row.source_account }),
    recordedAt: row.recorded_at.getTime(),
  };
}
