import { resolve } from 'node:path';
import { NewId } from '../app/api/schemas/fields.ts';
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
import { isCurrency } from '../app/domain/money.ts';
import { systemClock } from '../app/kernel/clock.ts';
import { tryLock } from '../devstack/system/lock.mjs';
import { runCommand } from '../mock-data/options.ts';
import { readStack, stackDir } from '../mock-data/stack.ts';
import { FileError } from './payment.ts';
import { EXIT, type ImportOptions, type ImportTarget, importFile } from './run.ts';

const COMMAND = {
  name: 'npm run import --',
  about: `Sends the payments of a file, and writes what became of each. Run it again after any interruption: nothing is paid twice.
Exit codes: 0 all rows are posted; 1 not finished, run it again; 2 usage; 3 the file cannot be imported, and nothing was sent;
4 finished, but not all rows are posted.`,
  operands: {
    label: 'FILE',
    help: 'CSV with the columns sourceAccount, destinationAccount, amount and currency (optional: transactionId, timestamp, reference, metadata.NAME), or pain.001.001.03 or .09 (ISO 20022)',
    min: 1,
    max: 1,
  },
  options: {
    url: texts('URL', 'the service (the stack of npm start)'),
    results: text('FILE', 'the file of results (FILE.results.csv)'),
    batch: text('NAME', 'the batch id; transaction ids are derived from it in place of the content of the file'),
    currency: text('CODE', 'the currency of a CSV file without that column'),
    delimiter: choice(['comma', 'semicolon', 'tab'], 'what separates the columns of a CSV file (detected)'),
    'decimal-comma': flag('amounts of a CSV file have a decimal comma'),
    ignore: texts('COLUMN', 'a column of a CSV file that is not imported'),
    'execute-now': flag('make the payments of a pain.001 message now although they are for a later date'),
    'skip-invalid': flag('send the valid rows of a file that has others'),
    edited: flag(
      'continue with a file in which rows that were not posted were corrected, or rows were added at the end',
    ),
    'dry-run': flag('only check the file'),
    'batch-size': wholeNumber('transfers per request', { min: 1, max: 1000, fallback: 500 }),
    concurrency: wholeNumber('concurrent requests', { min: 1, max: 64, fallback: 4 }),
    'give-up-after': wholeNumber('seconds without an answer after which it stops', {
      min: 1,
      max: 86_400,
      fallback: 300,
    }),
  },
  environment: { HOLDFAST_API_KEY: 'API key for --url', STACK_DIR: 'folder of the stack (.local)' },
};

const DELIMITERS = { comma: ',', semicolon: ';', tab: '\t' } as const;
const ISO_DATE_LENGTH = 10;

const { values, operands } = readCommandLine(COMMAND);

await runCommand(async (signal) => {
  const options = optionsOf(values, operands[0] ?? '');
  const target = options.dryRun ? null : await targetOf(values);
  const io = { out: process.stdout, progress: process.stderr, clock: systemClock, signal };
  try {
    const lock = await tryLock(resolve(options.resultsPath));
    if (!lock.held) throw new Error(`Process ${lock.by} is writing ${options.resultsPath}.`);
    return await importFile(options, target, io);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    console.error(error.message);
    return EXIT.badFile;
  }
});

function optionsOf(given: Values<typeof COMMAND.options>, path: string): ImportOptions {
  const { batch = null, currency, delimiter } = given;
  if (batch !== null && !NewId.safeParse(batch).success)
    throw new UsageError('--batch must have 1 to 64 characters of A-Z a-z 0-9 . _ : -');
  if (currency !== undefined && !isCurrency(currency))
    throw new UsageError(`--currency: there is no currency "${currency}".`);
  return {
    path,
    resultsPath: given.results ?? `${path}.results.csv`,
    batchId: batch,
    csv: {
      decimalComma: given['decimal-comma'],
      ignored: given.ignore,
      ...(currency !== undefined && { currency }),
      ...(delimiter !== undefined && { delimiter: DELIMITERS[delimiter] }),
    },
    pain: {
      today: new Date(systemClock.now()).toISOString().slice(0, ISO_DATE_LENGTH),
      executeNow: given['execute-now'],
    },
    skipInvalid: given['skip-invalid'],
    edited: given.edited,
    dryRun: given['dry-run'],
    batch: given['batch-size'],
    concurrency: given.concurrency,
    giveUpAfterMs: given['give-up-after'] * 1000,
  };
}

async function targetOf({ url }: Values<typeof COMMAND.options>): Promise<ImportTarget> {
  if (url.length > 0) {
    const apiKey = process.env['HOLDFAST_API_KEY'];
    if (!apiKey) throw new UsageError('--url needs HOLDFAST_API_KEY.');
    return { urls: url, apiKey };
  }
  const stack = await readStack(stackDir());
  if (stack === null) throw new UsageError(`Name the service with --url: there is no stack.json in ${stackDir()}.`);
  return { urls: stack.api, apiKey: stack.apiKey };
}
