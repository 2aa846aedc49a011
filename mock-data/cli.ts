import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../app/clock.ts';
import { DAY_MS } from './calendar.ts';
import { ApiClient } from './client.ts';
import { generate } from './generate.ts';
import type { IdTimes } from './ids.ts';
import { countTransfers, ndjson, readLines, type Source } from './lines.ts';
import { midnight, runCommand, wholeNumber } from './options.ts';
import { importPkdd99 } from './pkdd99.ts';
import { describeReport, postLines } from './post-lines.ts';
import { Progress } from './progress.ts';
import { readStack, stackDir } from './stack.ts';

const HELP = `Usage: npm run mock-data -- [options]

What (one of)
  (nothing)              a generated bank
  --pkdd99 FILE          the transactions of a real bank (PKDD'99, trans.asc); --accounts limits it
  --in FILE              NDJSON that was written before

A generated bank
  --seed TEXT            the same seed makes the same bank, byte for byte (holdfast)
  --accounts N           all accounts, merchants, employers and external ones included (1000)
  --days N               simulated days (30)
  --transfers N          transfers after the opening deposits (10000)
  --start YYYY-MM-DD     the first simulated day (2025-01-15)
  --ids now|history      UUIDv7 from the time of posting, or from the simulated moment
                         (now with --post and --stack, history otherwise)
  --ids-from ISO-TIME    with --ids now: count from this time, so that a repetition makes the same ids

Where to (one of)
  (nothing)              NDJSON to stdout
  --out FILE             NDJSON to a file
  --post URL             to a running service; may be given several times (pods)
  --stack                to the stack that npm start runs ($STACK_DIR/stack.json or .local/stack.json)

Posting
  --key KEY              API key (or the environment's HOLDFAST_API_KEY)
  --batch N              transfers per request, 1 to 1000 (200)
  --concurrency N        requests at once (8)
  --help
`;

const OPTIONS = {
  seed: { type: 'string', default: 'holdfast' },
  accounts: { type: 'string' },
  days: { type: 'string', default: '30' },
  transfers: { type: 'string', default: '10000' },
  start: { type: 'string', default: '2025-01-15' },
  ids: { type: 'string' },
  'ids-from': { type: 'string' },
  pkdd99: { type: 'string' },
  in: { type: 'string' },
  out: { type: 'string' },
  post: { type: 'string', multiple: true },
  stack: { type: 'boolean', default: false },
  key: { type: 'string' },
  batch: { type: 'string', default: '200' },
  concurrency: { type: 'string', default: '8' },
  help: { type: 'boolean', default: false },
} as const;

function parse() {
  return parseArgs({ options: OPTIONS }).values;
}
type Values = ReturnType<typeof parse>;

await runCommand(async (signal) => {
  const values = parse();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const source = await sourceOf(values);
  const target = await targetOf(values);
  if (target === null) {
    await writeAll(source, values.out, signal);
    return 0;
  }
  return postAll(source, target, values, signal);
});

async function sourceOf(values: Values): Promise<Source> {
  const { pkdd99, in: input } = values;
  if (pkdd99 !== undefined && input !== undefined) throw new Error('--pkdd99 and --in exclude each other');
  const accounts = values.accounts === undefined ? undefined : wholeNumber('accounts', values.accounts, 1);
  if (pkdd99 !== undefined) return importPkdd99(pkdd99, accounts);
  if (input !== undefined) return { transfersTotal: await countTransfers(input), lines: readLines(input) };
  const startMs = midnight('start', values.start);
  const days = wholeNumber('days', values.days, 1, 36_500);
  if (posts(values) && startMs + days * DAY_MS > Date.now()) {
    throw new Error('The simulated days must be over when they are posted: choose an earlier --start or fewer --days');
  }
  return generate({
    seed: values.seed,
    accounts: accounts ?? 1000,
    days,
    transfers: wholeNumber('transfers', values.transfers, 0),
    startMs,
    ids: idTimes(values),
    now: systemClock.now,
  });
}

function posts(values: Values): boolean {
  return values.stack || (values.post?.length ?? 0) > 0;
}

function idTimes(values: Values): IdTimes {
  const kind = values.ids ?? (posts(values) ? 'now' : 'history');
  const fromText = values['ids-from'];
  if (kind === 'history' && fromText === undefined) return { kind };
  if (kind !== 'now') throw new Error('--ids is "now" or "history", and --ids-from goes with "now"');
  if (fromText === undefined) return { kind };
  const from = Date.parse(fromText);
  if (Number.isNaN(from)) throw new Error(`--ids-from must be a time such as 2026-01-31T12:00:00Z, not "${fromText}"`);
  return { kind, from };
}

async function targetOf(values: Values): Promise<{ urls: readonly string[]; apiKey: string } | null> {
  if (!posts(values)) return null;
  if (values.out !== undefined) throw new Error('--out does not go with --post and --stack');
  if (values.stack) {
    const stack = await readStack(stackDir());
    if (stack === null) throw new Error(`There is no stack.json in ${stackDir()}: is npm start running?`);
    return { urls: stack.api, apiKey: stack.apiKey };
  }
  const apiKey = values.key ?? process.env['HOLDFAST_API_KEY'];
  if (apiKey === undefined) throw new Error('Posting needs --key or HOLDFAST_API_KEY');
  return { urls: values.post ?? [], apiKey };
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
    // A reader such as `head` that has enough is no fault.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return;
    signal.throwIfAborted();
    throw error;
  }
  progress.end();
}

async function postAll(
  source: Source,
  target: { urls: readonly string[]; apiKey: string },
  values: Values,
  signal: AbortSignal,
): Promise<number> {
  using client = new ApiClient({ ...target, signal });
  const progress = new Progress('Posted', source.transfersTotal, process.stderr, systemClock);
  const report = await postLines(client, source.lines, {
    batch: wholeNumber('batch', values.batch, 1, 1000),
    concurrency: wholeNumber('concurrency', values.concurrency, 1, 256),
    onTransfer: () => progress.add(1),
    onRetry: (reason) => progress.hint(`again after ${reason}`),
  });
  progress.end();
  console.log(describeReport(report));
  return report.unexpected === 0 ? 0 : 1;
}
