import { type ApiClient, member } from '../mock-data/client.ts';
import { type BatchJob, type ItemResult, postInBatches } from '../mock-data/post.ts';
import { type FileRow, isInvalid, isValid, transactionIdOf, type ValidRow } from './payment.ts';
import type { ResultFile } from './results.ts';
import type { RowState } from './row-states.ts';

export interface SendOptions {
  scope: string;
  batchId: string;
  batch: number;
  concurrency: number;
  /**
   * Which of the rows that an earlier run posted are skipped: none if that run may have used another ledger, and only
   * those with derived ids if it may have read another version of the file, because other ids do not depend on the
   * content of their rows.
   */
  skips: 'all' | 'derived' | 'none';
  onRow(count: number): void;
  onRetry(reason: string): void;
}

/** What happened in this run. */
export interface Sent {
  /** Rows that were posted in this run, and those that turned out to have been posted before. */
  posted: number;
  replayed: number;
  /** Why the service has no complete record of the batch; null if it has one. */
  unrecorded: string | null;
}

/**
 * Sends all rows that have no outcome yet, and writes their results. Rows are independent payments, so they are sent
 * concurrently. @throws GaveUp, Refused, FileError, or the signal's reason
 */
export async function sendRows(
  client: ApiClient,
  rows: AsyncIterable<FileRow>,
  results: ResultFile,
  options: SendOptions,
): Promise<Sent> {
  const { scope, batchId, batch, concurrency, onRow, onRetry } = options;
  const sent: Sent = { posted: 0, replayed: 0, unrecorded: null };
  const job: BatchJob<ValidRow> = {
    path: '/v1/transfers/batch',
    listName: 'transfers',
    more: { batchId },
    bodyOf: (row) => ({ ...row.content, transactionId: transactionIdOf(scope, row) }),
    lanesOf: () => [],
    incomplete(body) {
      const record = member(body, 'batch');
      const reason = member(record, 'reason');
      if (member(record, 'recorded') === true) return null;
      // A repeated request could not be recorded either, and the payments are more important than their record.
      if (reason !== 'database_unavailable') sent.unrecorded = String(reason ?? 'the service is older than the import');
      return reason === 'database_unavailable' ? 'the service could not record the results' : null;
    },
    settled(row, result) {
      if (result.status === 201) sent.posted++;
      if (result.status === 200) sent.replayed++;
      results.add({
        row: row.row,
        transactionId: transactionIdOf(scope, row),
        state: stateOf(result),
        status: result.status,
        code: result.code,
        balance: textOf(member(result.body, 'sourceBalance')),
        detail: result.status < 300 ? '' : describeProblem(result.body),
      });
      onRow(1);
    },
  };
  await postInBatches(client, job, openRows(rows, results, options), { batch, concurrency, onRetry });
  return sent;
}

/** The rows that are to be sent. Invalid ones get their results here. */
async function* openRows(
  rows: AsyncIterable<FileRow>,
  results: ResultFile,
  { skips, onRow }: SendOptions,
): AsyncGenerator<ValidRow> {
  for await (const row of rows) {
    const state = results.states.state(row.row);
    if (isValid(row)) {
      const isSkipped = skips === 'all' || (skips === 'derived' && row.content.transactionId === undefined);
      if (state === 'POSTED' && isSkipped) onRow(1);
      else yield row;
    }
    if (!isInvalid(row)) continue;
    onRow(1);
    const detail = `line ${row.line}: ${row.content.join('; ')}`;
    if (state !== 'INVALID')
      results.add({ row: row.row, transactionId: '', state: 'INVALID', status: null, code: '', balance: '', detail });
  }
}

function stateOf({ status }: ItemResult): RowState {
  if (status < 300) return 'POSTED';
  if (status === 422) return 'REJECTED';
  // The service may have failed after it had made the transfer.
  return status >= 500 ? 'UNDECIDED' : 'FAILED';
}

const DETAIL_LENGTH_MAX = 300;

function describeProblem(body: unknown): string {
  const errors = member(body, 'errors');
  const fields = Array.isArray(errors)
    ? errors.map((error) => `${member(error, 'pointer')} ${member(error, 'detail')}`)
    : [];
  return (fields.length > 0 ? fields.join('; ') : textOf(member(body, 'detail'))).slice(0, DETAIL_LENGTH_MAX);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
