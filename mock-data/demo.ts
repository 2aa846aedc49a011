/**
 * `npm run demo`: posts the transfers of a bank over HTTP, and then verifies every balance to the cent.
 *
 * Finds a running stack or starts one, posts the real bank of PKDD'99 if its file exists and a generated bank
 * otherwise, waits until MySQL has all of it, and compares (`verifyBooks`). Exit code 0 when everything agrees. It can
 * be run again on the same stack: the ids are the same, so every transfer is answered with its existing outcome.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { flag, readCommandLine, text, type Values, wholeNumber } from '../app/config/command-line.mjs';
import { systemClock } from '../app/kernel/clock.ts';
import { BooksReader } from './books.ts';
import { ApiClient } from './client.ts';
import { idsFromOf } from './demo-ids.ts';
import { printChecks, printDrift, printTimes } from './demo-report.ts';
import { generate } from './generate.ts';
import { type Line, type Source, weightOf } from './lines.ts';
import { midnight, runCommand } from './options.ts';
import { importPkdd99, overdraftFor } from './pkdd99.ts';
import { describeReport, postLines } from './post-lines.ts';
import { count, duration, Progress } from './progress.ts';
import { isReady, OwnStack, readStack, type Stack, stackDir } from './stack.ts';
import { Tally } from './tally.ts';
import { verifyBooks, waitPersisted } from './verify.ts';

const COMMAND = {
  name: 'npm run demo --',
  about: 'Posts a bank to a running stack (npm start) or to a temporary one, and verifies every balance to the cent.',
  options: {
    pkdd99: text('FILE', "transactions of a real bank, trans.asc of PKDD'99; otherwise a bank is generated"),
    generated: flag('generate a bank even if such a file exists'),
    seed: text('TEXT', 'seed of the generated bank', 'demo'),
    accounts: wholeNumber('number of accounts of the generated bank', { min: 1, fallback: 20_000 }),
    transfers: wholeNumber('number of transfers of the generated bank', { min: 0, fallback: 200_000 }),
    days: wholeNumber('number of days of the generated bank', { min: 1, max: 365, fallback: 30 }),
    own: flag('start a temporary stack even if one is running'),
    batch: wholeNumber('transfers per request', { min: 1, max: 1000, fallback: 200 }),
    concurrency: wholeNumber('concurrent requests', { min: 1, max: 256, fallback: 8 }),
  },
  environment: {
    PKDD99_FILE: 'like --pkdd99 (mock-data/trans-1993.asc if it exists)',
    STACK_DIR: 'folder of a running stack (.local)',
  },
};
type Given = Values<typeof COMMAND.options>;

const GENERATED_START = '2025-01-15';
const PERSIST_MS_MAX = 120_000;

const { values } = readCommandLine(COMMAND);

await runCommand(async (signal) => {
  const running = values.own ? null : await readStack(stackDir());
  if (running !== null && (await isReady(running))) {
    console.log(`Using the stack in ${running.dir} (${running.api.join(', ')})`);
    return demo(running, values, signal);
  }
  console.log('Starting a stack for this demo (npm start)');
  await using own = await OwnStack.start(systemClock, signal);
  console.log(`Started at ${own.stack.api.join(', ')}`);
  // Awaited here: a promise that is merely returned would outlive the stack, which is disposed of with this scope.
  return await demo(own.stack, values, signal);
});

async function demo(stack: Stack, values: Given, signal: AbortSignal): Promise<number> {
  const { source, prefix } = await bankOf(values, stack);
  using client = new ApiClient({ urls: stack.api, apiKey: stack.apiKey, signal });
  const tally = new Tally();
  const progress = new Progress('Posted', source.transfersTotal, process.stderr, systemClock);
  const startedMs = systemClock.monotonic();
  const report = await postLines(client, tallied(source.lines, tally), {
    batch: values.batch,
    concurrency: values.concurrency,
    onPayment: (line, result) => {
      tally.apply(line, result);
      progress.add(weightOf(line));
    },
    onRetry: (reason) => progress.hint(`retrying after ${reason}`),
  });
  const postedMs = systemClock.monotonic();
  progress.end();
  console.log(describeReport(report));
  await waitPersisted(client, report.lastPaths.values(), PERSIST_MS_MAX);
  const persistedMs = systemClock.monotonic();
  await using books = await BooksReader.open(stack.mysql);
  const checks = await verifyBooks(client, books, tally, prefix);
  const verifiedMs = systemClock.monotonic();

  const all = [
    tally.balances,
    tally.versions,
    tally.splits,
    ...checks,
    ...(tally.recorded.compared > 0 ? [tally.recorded] : []),
  ];
  printChecks(all);
  if (tally.recorded.compared > 0) printDrift(tally.drift);
  printTimes([
    ['post', postedMs - startedMs, `${count(report.transfers)} transfers`],
    ['persist', persistedMs - postedMs, 'from the last answer until MySQL has everything'],
    ['verify', verifiedMs - persistedMs, `${count(tally.accounts.size)} accounts`],
  ]);
  console.log(`${count((report.transfers * 1000) / Math.max(1, postedMs - startedMs))} transfers/s over HTTP`);
  const agreed = report.unexpected === 0 && all.every((check) => check.differing === 0);
  console.log(agreed ? 'Everything agrees, to the cent.' : 'There are DIFFERENCES, see above.');
  return agreed ? 0 : 1;
}

/** The bank to post, and the prefix of the ids of all its accounts. */
async function bankOf(values: Given, stack: Stack): Promise<{ source: Source; prefix: string }> {
  const file = pkdd99File(values);
  if (file !== undefined) {
    const startedMs = systemClock.monotonic();
    const source = await importPkdd99(file);
    const { accounts, externals, rows } = source.survey;
    const overdrawn = [...accounts.values()].filter((account) => overdraftFor(account) > 0);
    console.log(
      `PKDD'99 from ${file}: rows: ${count(rows)}, accounts: ${count(accounts.size)}, external accounts: ${externals.size}, ` +
        `accounts with an overdraft limit: ${overdrawn.length}; read in ${duration(systemClock.monotonic() - startedMs)}`,
    );
    return { source, prefix: 'pkdd-' };
  }
  const { seed, accounts, transfers, days } = values;
  const from = await idsFromOf(stack.dir, `${seed}/${accounts}/${transfers}/${days}`, systemClock.now());
  const startMs = midnight('start', GENERATED_START);
  const ids = { kind: 'now', from } as const;
  const source = generate({ seed, accounts, transfers, days, startMs, ids, now: systemClock.now });
  console.log(
    `A generated bank (${source.bank}): ${count(accounts)} accounts, ${count(source.transfersTotal)} transfers`,
  );
  return { source, prefix: `${source.bank}-` };
}

function pkdd99File(values: Given): string | undefined {
  if (values.generated) return undefined;
  const beside = join(import.meta.dirname, 'trans-1993.asc');
  return values.pkdd99 ?? process.env['PKDD99_FILE'] ?? (existsSync(beside) ? beside : undefined);
}

/** Passes the lines on, and adds each account that they open to the tally. */
async function* tallied(lines: Iterable<Line> | AsyncIterable<Line>, tally: Tally): AsyncGenerator<Line> {
  for await (const line of lines) {
    if (line.kind === 'account') tally.open(line.body.accountId, line.body.currency);
    yield line;
  }
}
