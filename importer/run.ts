import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { Clock } from '../app/kernel/clock.ts';
import { ApiClient } from '../mock-data/client.ts';
import { count, Progress } from '../mock-data/progress.ts';
import { DEFAULT_RETRY } from '../mock-data/retry.ts';
import { type Checked, check, describeSums } from './check.ts';
import { type CsvOptions, csvRows } from './csv.ts';
import { type ImportState, readState, writeState } from './import-state.ts';
import { PainMessage, type PainOptions } from './pain.ts';
import { FileError, type FileRow } from './payment.ts';
import { ResultFile } from './results.ts';
import type { RowState, RowStates } from './row-states.ts';
import { type SendOptions, sendRows } from './send.ts';
import { SourceFile } from './source-file.ts';

/** Exit codes: scripts depend on them, and `--help` explains them. */
export const EXIT = { posted: 0, incomplete: 1, badFile: 3, notAllPosted: 4 } as const;

export interface ImportOptions {
  path: string;
  resultsPath: string;
  /** Identifies the import; if null, the content of the file does. */
  batchId: string | null;
  csv: CsvOptions;
  pain: PainOptions;
  skipInvalid: boolean;
  /** Continues with a file that has changed since an earlier run. */
  edited: boolean;
  /** The results are those of the same ledger, though its URLs have changed. */
  sameLedger: boolean;
  dryRun: boolean;
  batch: number;
  concurrency: number;
  giveUpAfterMs: number;
}

export interface ImportTarget {
  urls: readonly string[];
  apiKey: string;
}

export interface ImportIo {
  out: Pick<Writable, 'write'>;
  progress: { isTTY?: boolean; columns?: number; write(text: string): unknown };
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Checks a file, and sends its payments. @param target null for a dry run
 * @returns the exit code @throws FileError, GaveUp, Refused, or the signal's reason
 */
export async function importFile(options: ImportOptions, target: ImportTarget | null, io: ImportIo): Promise<number> {
  const { path, resultsPath } = options;
  await using file = await SourceFile.open(path);
  const statePath = `${resultsPath}.state.json`;
  const earlier = await readState(statePath);
  const source = sourceOf(file, options, await file.start());
  if (options.dryRun || target === null) {
    const checked = await check(path, source.rows(), null);
    return reportDryRun(checked, io);
  }
  await using results = await ResultFile.open(resultsPath);
  if (!earlier && results.states.last('POSTED', 'UNDECIDED') > 0)
    throw new FileError(`${resultsPath} has results, but ${statePath}, which their ids are derived from, is missing.`);
  const checked = await check(path, source.rows(), earlier && { scope: earlier.scope, states: results.states });
  const state = stateOf(file, source, checked, options, target, earlier);
  if (checked.invalid > 0 && !options.skipInvalid) throw new FileError(describeInvalid(checked));
  if (earlier) {
    requireSameLedger(state, earlier, options);
    requireSameFile(state, earlier, results.states, options);
  }
  const isSameLedger = earlier !== null && sorted(earlier.urls) === sorted(state.urls);
  const isSameFile = earlier?.fileDigest === state.fileDigest;
  // If this run is killed, the results of earlier runs must not be mistaken for its own.
  const areOwn = earlier === null || (isSameLedger && isSameFile);
  await writeState(statePath, areOwn ? state : { ...state, urls: [] });
  const sending = { ...options, source, checked, state, results };
  const code = await send({ ...sending, skips: isSameLedger ? (isSameFile ? 'all' : 'derived') : 'none' }, target, io);
  if (!areOwn) await writeState(statePath, state);
  return code;
}

const sorted = (urls: readonly string[]): string => [...urls].sort().join();

interface Source {
  rows(): AsyncIterable<FileRow>;
  /** What transaction ids are derived from; known after the first reading. */
  scope(): string;
}

function sourceOf(file: SourceFile, { csv, pain, batchId }: ImportOptions, start: string): Source {
  const named = batchId === null ? null : JSON.stringify(['batch', batchId]);
  if (!/^\s*</.test(start)) return { rows: () => csvRows(file, csv), scope: () => named ?? file.digest };
  let message = new PainMessage(file, pain);
  return {
    rows: () => {
      message = new PainMessage(file, pain);
      return message.rows();
    },
    scope: () => named ?? message.scope,
  };
}

const BATCH_DIGITS = 32;
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function stateOf(
  file: SourceFile,
  source: Source,
  { rows }: Checked,
  { batchId }: ImportOptions,
  { urls }: ImportTarget,
  earlier: ImportState | null,
): ImportState {
  const scope = earlier?.scope ?? source.scope();
  const id = earlier?.batchId ?? batchId ?? `import-${digestOf(scope).slice(0, BATCH_DIGITS)}`;
  if (batchId !== null && id !== batchId)
    throw new FileError(`The results are those of batch ${id}; for batch ${batchId}, use another --results file.`);
  return { version: 1, scope, batchId: id, fileDigest: file.digest, rows, urls, sentTo: urls };
}

/**
 * A results file belongs to one ledger: the results of another one would replace it row by row.
 * @throws FileError if the results belong to other URLs, unless the user states that these are the same ledger
 */
function requireSameLedger(
  { urls }: ImportState,
  { sentTo, urls: earlierUrls }: ImportState,
  { resultsPath, sameLedger }: ImportOptions,
): void {
  const before = sentTo ?? earlierUrls;
  if (sameLedger || before.length === 0 || sorted(before) === sorted(urls)) return;
  throw new FileError(
    `${resultsPath} contains the results of ${before.join(', ')}, not of ${urls.join(', ')}. For another ledger, name another ` +
      'file with --results. If it is the same ledger at another address, use --same-ledger: its rows are then sent again, ' +
      'and nothing is paid twice.',
  );
}

/**
 * @throws FileError if the results belong to another file, or to an earlier version of this one. On request, the file
 * may be another version, unless a row of the earlier one has no result: an interrupted run may have sent that row, and
 * nothing shows whether it is unchanged
 */
function requireSameFile(
  state: ImportState,
  earlier: ImportState,
  states: RowStates,
  { path, resultsPath, edited }: ImportOptions,
): void {
  if (earlier.fileDigest === state.fileDigest) return;
  if (!edited)
    throw new FileError(
      `${path} is not the file whose results are in ${resultsPath}. If it is another file, name another results file with --results. ` +
        'If you have corrected rows that were not posted, or added rows at the end, use --edited.',
    );
  const open = states.firstOpen(earlier.rows);
  if (open > 0)
    throw new FileError(
      `${path} was edited, but the previous run did not finish: row ${open} has no result, but may have been posted. ` +
        'Restore the original file and run the command again. Edit it once all rows have results.',
    );
}

interface Sending extends ImportOptions {
  source: Source;
  checked: Checked;
  state: ImportState;
  results: ResultFile;
  skips: SendOptions['skips'];
}

async function send(sending: Sending, { urls, apiKey }: ImportTarget, io: ImportIo): Promise<number> {
  const { source, checked, state, results, batch, concurrency, giveUpAfterMs, skips } = sending;
  const { clock, signal } = io;
  using client = new ApiClient({ urls, apiKey, signal, clock, retry: { ...DEFAULT_RETRY, giveUpAfterMs } });
  const progress = new Progress('Sent', checked.rows, io.progress, clock);
  try {
    const sent = await sendRows(client, source.rows(), results, {
      ...{ scope: state.scope, batchId: state.batchId, batch, concurrency, skips },
      onRow: (rows) => progress.add(rows),
      onRetry: (reason) => progress.hint(`retrying after ${reason}`),
    });
    progress.end();
    await results.sort(checked.rows);
    io.out.write(describeOutcome(sending, sent));
    return results.states.count('POSTED') === checked.rows ? EXIT.posted : EXIT.notAllPosted;
  } finally {
    await results.written();
  }
}

const WORDS: readonly [RowState, string][] = [
  ['REJECTED', 'refused by a business rule; this is their outcome'],
  ['FAILED', 'not accepted; correct the cause, and run the command again'],
  ['UNDECIDED', 'without a known outcome; run the command again'],
  ['INVALID', 'not valid, and not sent'],
];

function describeOutcome(
  { checked, state, results }: Sending,
  { replayed, unrecorded }: Awaited<ReturnType<typeof sendRows>>,
): string {
  const { states } = results;
  const before = replayed > 0 ? `, ${count(replayed)} of which the ledger already had` : '';
  const lines = [
    `${count(states.count('POSTED'))} of ${count(checked.rows)} payments are posted${before}.`,
    ...WORDS.filter(([name]) => states.count(name) > 0).map(
      ([name, words]) => `${count(states.count(name))} ${words}.`,
    ),
    `Valid rows of the file: ${describeSums(checked.sums)}.`,
    `Results: ${results.path}. Batch: ${state.batchId}.`,
  ];
  if (unrecorded !== null) lines.push(`The service has no complete record of the batch: ${unrecorded}.`);
  return `${lines.join('\n')}\n`;
}

function reportDryRun(checked: Checked, { out }: ImportIo): number {
  const valid = checked.rows - checked.invalid;
  const errors = checked.invalid > 0 ? `${describeInvalid(checked)}\n` : '';
  out.write(
    `${errors}${count(valid)} of ${count(checked.rows)} rows are valid: ${describeSums(checked.sums)}. Nothing was sent.\n`,
  );
  return checked.invalid > 0 ? EXIT.badFile : EXIT.posted;
}

function describeInvalid({ invalid, errors }: Checked): string {
  const more = invalid > errors.length ? [`… and ${count(invalid - errors.length)} more rows`] : [];
  return [
    ...errors,
    ...more,
    'Nothing was sent. Correct the rows, or send only the valid ones with --skip-invalid.',
  ].join('\n');
}
