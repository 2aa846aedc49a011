import { type ApiClient, describe, member, Refused } from './client.ts';
import { type Line, orderedAccounts, type PaymentLine, type TransferLine, weightOf } from './lines.ts';
import { type BatchJob, type ItemResult, type PostOptions, postInBatches } from './post.ts';
import { idOf, isTransfer, NAMES, pathOf, sendAlone } from './post-alone.ts';

export interface PostLinesOptions extends PostOptions {
  /** Called for each payment once it has an outcome; for each ordered account, in the order of its lines. */
  onPayment?: (line: PaymentLine, result: ItemResult) => void;
}

export interface PostReport {
  /**
   * The count of each outcome, with keys such as "accounts 201" and "transfers 422 insufficient_funds"; replays count
   * as 200.
   */
  outcomes: Map<string, number>;
  /** The number of completed transfers, counted in the same way as those requested from the generator (`weightOf`). */
  transfers: number;
  /** Items retried after a lost connection, a 429, 503 or 504, counted per request. */
  retries: number;
  /** The number of transfers whose outcome differs from the expected one, and descriptions of the first few. */
  unexpected: number;
  examples: string[];
  /**
   * The path at which each sender's last outcome can be read. The journal is in the order of outcomes, so once these
   * last ones are persisted, all are.
   */
  lastPaths: Map<number, string>;
}

type AccountLine = Extract<Line, { kind: 'account' }>;
type ChangeLine = Extract<Line, { kind: 'change' }>;

const EXAMPLES_MAX = 10;

/**
 * Posts lines kind by kind: the next kind starts when every line of the previous kind has its outcome.
 * @throws like `postInBatches`
 */
export async function postLines(
  client: ApiClient,
  lines: Iterable<Line> | AsyncIterable<Line>,
  options: PostLinesOptions,
): Promise<PostReport> {
  const report: PostReport = {
    outcomes: new Map(),
    transfers: 0,
    retries: 0,
    unexpected: 0,
    examples: [],
    lastPaths: new Map(),
  };
  const counting: PostLinesOptions = {
    ...options,
    onRetry: (reason) => {
      report.retries++;
      options.onRetry?.(reason);
    },
  };
  const reader = new KindReader(lines);
  for (let line = await reader.peek(); line !== null; line = await reader.peek()) {
    if (line.kind === 'account') await postInBatches(client, accountJob(report), reader.run(isAccount), counting);
    else if (line.kind === 'change') {
      for await (const change of reader.run(isChange)) await changeStatus(client, change, report);
    } else {
      const phase = line.kind === 'opening' ? isOpening : isPayment;
      await postInBatches(client, paymentJob(client, report, counting), reader.run(phase), counting);
    }
  }
  return report;
}

/** Describes what was posted: one line per outcome, the most frequent first. */
export function describeReport(report: PostReport): string {
  const outcomes = [...report.outcomes].sort(([, a], [, b]) => b - a);
  const width = Math.max(0, ...outcomes.map(([, count]) => String(count).length));
  const lines = outcomes.map(([outcome, count]) => `  ${String(count).padStart(width)}  ${outcome}`);
  if (report.retries > 0) lines.push(`  requests retried: ${report.retries}`);
  lines.push(`  unexpected outcomes: ${report.unexpected}`);
  for (const example of report.examples) lines.push(`    ${example}`);
  return lines.join('\n');
}

function accountJob(report: PostReport): BatchJob<AccountLine> {
  return {
    path: '/v1/accounts/batch',
    listName: 'accounts',
    bodyOf: (line) => line.body,
    lanesOf: () => [],
    settled: (line, result) => {
      countOutcome(report, 'accounts', result);
      if (result.status >= 300) noteUnexpected(report, `account ${line.body.accountId}: ${describe(result)}`);
    },
  };
}

function paymentJob(client: ApiClient, report: PostReport, options: PostLinesOptions): BatchJob<PaymentLine> {
  return {
    path: '/v1/transfers/batch',
    listName: 'transfers',
    bodyOf: (line) => (isTransfer(line) ? line.body : null),
    alone: (line) => (isTransfer(line) ? null : () => sendAlone(client, line)),
    lanesOf: orderedAccounts,
    settled: (line, result, slot) => {
      report.transfers += weightOf(line);
      countOutcome(report, NAMES[line.kind], result);
      const expect = 'expect' in line ? line.expect : 'POSTED';
      const got = result.status < 300 ? 'POSTED' : result.code;
      if (got !== expect) noteUnexpected(report, `${line.kind} ${idOf(line)}: ${describe(result)}, not ${expect}`);
      // Only 2xx and 422 are outcomes that the service stores: others could not be looked up later.
      if (result.status < 300 || result.status === 422) report.lastPaths.set(slot, pathOf(line));
      options.onPayment?.(line, result);
    },
  };
}

function countOutcome(report: PostReport, what: string, result: ItemResult): void {
  const key = `${what} ${result.status}${result.code === '' ? '' : ` ${result.code}`}`;
  report.outcomes.set(key, (report.outcomes.get(key) ?? 0) + 1);
}

function noteUnexpected(report: PostReport, text: string): void {
  report.unexpected++;
  if (report.examples.length < EXAMPLES_MAX) report.examples.push(text);
}

/** Reads the account first, because a repeated run finds its accounts already closed, and closing is permanent. */
async function changeStatus(client: ApiClient, change: ChangeLine, report: PostReport): Promise<void> {
  const path = `/v1/accounts/${encodeURIComponent(change.accountId)}`;
  const account = await client.json('GET', path);
  let status = account.status;
  if (member(account.body, 'status') !== change.status) {
    const answer = await client.send('PATCH', path, { status: change.status });
    if (answer.status >= 300) throw new Refused(`PATCH ${path} to ${change.status}`, answer);
    status = answer.status;
  }
  countOutcome(report, `changes to ${change.status}`, { status, code: '', body: undefined });
}

/** Splits a stream of lines into runs of one kind without reading a run into memory. */
class KindReader {
  private readonly iterator: Iterator<Line> | AsyncIterator<Line>;
  private head: Line | null = null;
  private ended = false;

  constructor(lines: Iterable<Line> | AsyncIterable<Line>) {
    this.iterator = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]();
  }

  async peek(): Promise<Line | null> {
    if (this.head === null && !this.ended) {
      const step = await this.iterator.next();
      if (step.done === true) this.ended = true;
      else this.head = step.value;
    }
    return this.head;
  }

  async *run<L extends Line>(isOfPhase: (line: Line) => line is L): AsyncGenerator<L> {
    for (let line = await this.peek(); line !== null && isOfPhase(line); line = await this.peek()) {
      this.head = null;
      yield line;
    }
  }
}

const isAccount = (line: Line): line is AccountLine => line.kind === 'account';
const isChange = (line: Line): line is ChangeLine => line.kind === 'change';
const isOpening = (line: Line): line is TransferLine => line.kind === 'opening';
const isPayment = (line: Line): line is PaymentLine => !isAccount(line) && !isChange(line) && !isOpening(line);
