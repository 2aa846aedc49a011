import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  choice,
  flag,
  readCommandLine,
  text,
  texts,
  UsageError,
  type Values,
  wholeNumber,
} from '../app/config/command-line.mjs';
import { systemClock } from '../app/kernel/clock.ts';
import { DAY_MS } from './calendar.ts';
import { ApiClient } from './client.ts';
import { generate } from './generate.ts';
import type { IdTimes } from './ids.ts';
import { countTransfers, ndjson, readLines, type Source, weightOf } from './lines.ts';
import { midnight, runCommand } from './options.ts';
import { importPkdd99 } from './pkdd99.ts';
import { describeReport, postLines } from './post-lines.ts';
import { Progress } from './progress.ts';
import { readStack, stackDir } from './stack.ts';

const COMMAND = {
  name: 'npm run mock-data --',
  about: `Generates or reads a bank, and writes it as NDJSON or posts it.\nSource: a generated bank, or --pkdd99 or --in. Destination: stdout, or --out, --post or --stack.`,
  options: {
    pkdd99: text(
      'FILE',
      "the transactions of a real bank (PKDD'99, trans.asc); --accounts limits the number of accounts",
    ),
    in: text('FILE', 'NDJSON file written earlier'),
    seed: text('TEXT', 'the same seed generates the same bank, byte for byte', 'holdfast'),
    accounts: wholeNumber('number of accounts, including merchants, employers and external ones (1000)', { min: 1 }),
    days: wholeNumber('simulated days', { min: 1, max: 36_500, fallback: 30 }),
    transfers: wholeNumber('transfers after the opening deposits', { min: 0, fallback: 10_000 }),
    start: text('YYYY-MM-DD', 'the first simulated day', '2025-01-15'),
    ids: choice(
      ['now', 'history'],
      'time in the UUIDv7s: that of posting (now; default with --post and --stack), or the simulated time (history; default otherwise)',
    ),
    'ids-from': text('ISO-TIME', 'with --ids now: count from this time, so that a repetition generates the same ids'),
    out: text('FILE', 'write NDJSON to a file'),
    post: texts('URL', 'post to a running service'),
    stack: flag('post to the stack that npm start runs ($STACK_DIR/stack.json or .local/stack.json)'),
    key: text('KEY', 'API key for --post'),
    batch: wholeNumber('transfers per request', { min: 1, max: 1000, fallback: 200 }),
    concurrency: wholeNumber('concurrent requests', { min: 1, max: 256, fallback: 8 }),
  },
  environment: { HOLDFAST_API_KEY: 'API key for --post', STACK_DIR: 'folder of the stack (.local)' },
};

type Given = Values<typeof COMMAND.options>;

const { values: given } = readCommandLine(COMMAND);

await runCommand(async (signal) => {
  const source = await sourceOf(given);
  const target = await targetOf(given);
  if (target === null) {
    await writeAll(source, given.out, signal);
    return 0;
  }
  return postAll(source, target, given, signal);
});

async function sourceOf(values: Given): Promise<Source> {
  const { pkdd99, in: input, accounts, days } = values;
  if (pkdd99 !== undefined && input !== undefined) throw new UsageError('--pkdd99 and --in cannot be combined.');
  if (pkdd99 !== undefined) return importPkdd99(pkdd99, accounts);
  if (input !== undefined) return { transfersTotal: await countTransfers(input), lines: readLines(input) };
  const startMs = midnight('start', values.start);
  if (posts(values) && startMs + days * DAY_MS > Date.now()) {
    throw new UsageError(
      'The simulated days must be in the past when they are posted: choose an earlier --start or fewer --days',
    );
  }
  return generate({
    seed: values.seed,
    accounts: accounts ?? 1000,
    days,
    transfers: values.transfers,
    startMs,
    ids: idTimes(values),
    now: systemClock.now,
  });
}

function posts(values: Given): boolean {
  return values.stack || values.post.length > 0;
}

function idTimes(values: Given): IdTimes {
  const kind = values.ids ?? (posts(values) ? 'now' : 'history');
  const fromText = values['ids-from'];
  if (kind === 'history' && fromText === undefined) return { kind };
  if (kind !== 'now') throw new UsageError('--ids-from requires --ids now.');
  if (fromText === undefined) return { kind };
  const from = Date.parse(fromText);
  if (Number.isNaN(from))
    throw new UsageError(`--ids-from must be a time such as 2026-01-31T12:00:00Z, not "${fromText}"`);
  return { kind, from };
}

async function targetOf(values: Given): Promise<{ urls: readonly string[]; apiKey: string } | null> {
  if (!posts(values)) return null;
  if (values.out !== undefined) throw new UsageError('--out cannot be combined with --post or --stack.');
  if (values.stack) {
    const stack = await readStack(stackDir());
    if (stack === null) throw new Error(`No stack.json in ${stackDir()}: is npm start running?`);
    return { urls: stack.api, apiKey: stack.apiKey };
  }
  const apiKey = values.key ?? process.env['HOLDFAST_API_KEY'];
  if (apiKey === undefined) throw new UsageError('Posting needs --key or HOLDFAST_API_KEY');
  return { urls: values.post, apiKey };
}

async function writeAll(source: Source, path: string | undefined, signal: AbortSignal): Promise<void> {
  const out: Writable = path === undefined ? process.stdout : createWriteStream(path);
  const progress = new Progress('Written', source.transfersTotal, process.stderr, systemClock);
  try {
    await pipeline(
      ndjson(source, (lines) => progress.add(lines)),
      out,
      { signal, end: path !== undefined },
    );
  } catch (error) {
    // A reader such as `head` that closes the pipe early is not an error.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return;
    signal.throwIfAborted();
    throw error;
  }
  progress.end();
}

async function postAll(
  source: Source,
  target: { urls: readonly string[]; apiKey: string },
  values: Given,
  signal: AbortSignal,
): Promise<number> {
  using client = new ApiClient({ ...target, signal });
  const progress = new Progress('Posted', source.transfersTotal, process.stderr, systemClock);
  const report = await postLines(client, source.lines, {
    batch: values.batch,
    concurrency: values.concurrency,
    onPayment: (line) => progress.add(weightOf(line)),
    onRetry: (reason) => progress.hint(`retrying after ${reason}`),
  });
  progress.end();
  console.log(describeReport(report));
  return report.unexpected === 0 ? 0 : 1;
}
