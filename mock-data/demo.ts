/**
 * `npm run demo`: a bank's worth of transfers over HTTP, and then the proof that every cent is where it belongs.
 *
 * Finds a running stack or starts one, posts the real bank of PKDD'99 when its file is there and a generated bank when not,
 * waits until MySQL has all of it, and compares (`verifyBooks`). Exit code 0 when everything agrees. It can be run again on
 * the same stack: the ids are the same then, so every transfer is answered with the outcome that it has.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../app/clock.ts';
import { BooksReader } from './books.ts';
import { ApiClient } from './client.ts';
import { idsFromOf } from './demo-ids.ts';
import { printChecks, printDrift, printTimes } from './demo-report.ts';
import { generate } from './generate.ts';
import type { Line, Source } from './lines.ts';
import { midnight, runCommand, wholeNumber } from './options.ts';
import { importPkdd99, overdraftFor } from './pkdd99.ts';
import { describeReport, postLines } from './post-lines.ts';
import { count, duration, Progress } from './progress.ts';
import { isReady, OwnStack, readStack, type Stack, stackDir } from './stack.ts';
import { Tally } from './tally.ts';
import { verifyBooks, waitPersisted } from './verify.ts';

const HELP = `Usage: npm run demo -- [options]

Posts a bank to a running stack (npm start), or to one of its own, and verifies every balance to the cent.

  --pkdd99 FILE       transactions of a real bank, trans.asc of PKDD'99 (or the environment's PKDD99_FILE, or
                      mock-data/trans-1993.asc when it is there); otherwise a bank is generated
  --generated         generate a bank even where such a file is there
  --seed TEXT         (demo)
  --accounts N        (20000)
  --transfers N       (200000)
  --days N            (30)
  --own               start a stack of its own even when one is running
  --batch N           transfers per request, 1 to 1000 (200)
  --concurrency N     requests at once (8)
  --help

A running stack is found by stack.json in $STACK_DIR (.local).
`;

const OPTIONS = {
  pkdd99: { type: 'string' },
  generated: { type: 'boolean', default: false },
  seed: { type: 'string', default: 'demo' },
  accounts: { type: 'string', default: '20000' },
  transfers: { type: 'string', default: '200000' },
  days: { type: 'string', default: '30' },
  own: { type: 'boolean', default: false },
  batch: { type: 'string', default: '200' },
  concurrency: { type: 'string', default: '8' },
  help: { type: 'boolean', default: false },
} as const;

const GENERATED_START = '2025-01-15';
const PERSIST_MS_MAX = 120_000;

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
  const running = values.own ? null : await readStack(stackDir());
  if (running !== null && (await isReady(running))) {
    console.log(`Using the stack in ${running.dir} (${running.api.join(', ')})`);
    return demo(running, values, signal);
  }
  console.log('Starting a stack for this demo (npm start)');
  await using own = await OwnStack.start(systemClock, signal);
  console.log(`Started at ${own.stack.api.join(', ')}`);
  // Awaited here: a promise that is merely returned would outlive the stack, which goes with this scope.
  return await demo(own.stack, values, signal);
});

async function demo(stack: Stack, values: Values, signal: AbortSignal): Promise<number> {
  const { source, prefix } = await bankOf(values, stack);
  using client = new ApiClient({ urls: stack.api, apiKey: stack.apiKey, signal });
  const tally = new Tally();
  const progress = new Progress('Posted', source.transfersTotal, process.stderr, systemClock);
  const startedMs = systemClock.monotonic();
  const report = await postLines(client, tallied(source.lines, tally), {
    batch: wholeNumber('batch', values.batch, 1, 1000),
    concurrency: wholeNumber('concurrency', values.concurrency, 1, 256),
    onTransfer: (line, result) => {
      tally.apply(line, result);
      progress.add(1);
    },
    onRetry: (reason) => progress.hint(`again after ${reason}`),
  });
  const postedMs = systemClock.monotonic();
  progress.end();
  console.log(describeReport(report));
  await waitPersisted(client, report.lastTransferIds.values(), PERSIST_MS_MAX);
  const persistedMs = systemClock.monotonic();
  await using books = await BooksReader.open(stack.mysql);
  const checks = await verifyBooks(client, books, tally, prefix);
  const verifiedMs = systemClock.monotonic();

  const all = [tally.balances, tally.versions, ...checks, ...(tally.recorded.compared > 0 ? [tally.recorded] : [])];
  printChecks(all);
  if (tally.recorded.compared > 0) printDrift(tally.drift);
  printTimes([
    ['post', postedMs - startedMs, `${count(report.transfers)} transfers`],
    ['persist', persistedMs - postedMs, 'from the last answer until MySQL has all'],
    ['verify', verifiedMs - persistedMs, `${count(tally.accounts.size)} accounts`],
  ]);
  console.log(`${count((report.transfers * 1000) / Math.max(1, postedMs - startedMs))} transfers/s over HTTP`);
  const agreed = report.unexpected === 0 && all.every((check) => check.differing === 0);
  console.log(agreed ? 'Everything agrees, to the cent.' : 'There are DIFFERENCES, see above.');
  return agreed ? 0 : 1;
}

/** The bank to post, and what the ids of all its accounts begin with. */
async function bankOf(values: Values, stack: Stack): Promise<{ source: Source; prefix: string }> {
  const file = pkdd99File(values);
  if (file !== undefined) {
    const startedMs = systemClock.monotonic();
    const source = await importPkdd99(file);
    const { accounts, externals, rows } = source.survey;
    const overdrawn = [...accounts.values()].filter((account) => overdraftFor(account) > 0);
    console.log(
      `PKDD'99 from ${file}: ${count(rows)} rows, ${count(accounts.size)} accounts, ${externals.size} external ones, ` +
        `${overdrawn.length} with an overdraft limit; read in ${duration(systemClock.monotonic() - startedMs)}`,
    );
    return { source, prefix: 'pkdd-' };
  }
  const accounts = wholeNumber('accounts', values.accounts, 1);
  const transfers = wholeNumber('transfers', values.transfers, 0);
  const days = wholeNumber('days', values.days, 1, 365);
  const from = await idsFromOf(stack.dir, `${values.seed}/${accounts}/${transfers}/${days}`, systemClock.now());
  const startMs = midnight('start', GENERATED_START);
  const ids = { kind: 'now', from } as const;
  const source = generate({ seed: values.seed, accounts, transfers, days, startMs, ids, now: systemClock.now });
  console.log(
    `A generated bank (${source.bank}): ${count(accounts)} accounts, ${count(source.transfersTotal)} transfers`,
  );
  return { source, prefix: `${source.bank}-` };
}

function pkdd99File(values: Values): string | undefined {
  if (values.generated) return undefined;
  const beside = join(import.meta.dirname, 'trans-1993.asc');
  return values.pkdd99 ?? process.env['PKDD99_FILE'] ?? (existsSync(beside) ? beside : undefined);
}

/** Enters each account into the tally as it goes by. */
async function* tallied(lines: Iterable<Line> | AsyncIterable<Line>, tally: Tally): AsyncGenerator<Line> {
  for await (const line of lines) {
    if (line.kind === 'account') tally.open(line.body.accountId, line.body.currency);
    yield line;
  }
}
