import { readCommandLine, texts, UsageError, wholeNumber } from '../app/config/command-line.mjs';
import { systemClock } from '../app/kernel/clock.ts';
import { runCommand } from '../mock-data/options.ts';
import { readStack, stackDir } from '../mock-data/stack.ts';
import { FILE_OPERAND, IMPORT_OPTIONS } from './options.ts';
import { FileError } from './payment.ts';
import { EXIT, type ImportTarget } from './run.ts';
import { importLocked, importOptionsOf } from './start.ts';

const COMMAND = {
  name: 'npm run import --',
  about: `Sends the payments of a file, and records the outcome of each. Run it again after any interruption: nothing is paid twice.
Exit codes: 0 all rows are posted; 1 not finished, run it again; 2 usage; 3 the file cannot be imported, and nothing was sent;
4 finished, but not all rows are posted.`,
  operands: FILE_OPERAND,
  options: {
    url: texts('URL', 'the service (the stack of npm start)'),
    ...IMPORT_OPTIONS,
    'give-up-after': wholeNumber('stop after this many seconds without an answer', {
      min: 1,
      max: 86_400,
      fallback: 300,
    }),
  },
  environment: { HOLDFAST_API_KEY: 'API key for --url', STACK_DIR: 'folder of the stack (.local)' },
};

const { values, operands } = readCommandLine(COMMAND);

await runCommand(async (signal) => {
  const options = importOptionsOf(values, {
    path: operands[0] ?? '',
    giveUpAfterSeconds: values['give-up-after'],
    now: systemClock.now(),
  });
  const target = options.dryRun ? null : await targetOf(values);
  const io = { out: process.stdout, progress: process.stderr, clock: systemClock, signal };
  try {
    return await importLocked(options, target, io);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    console.error(error.message);
    return EXIT.badFile;
  }
});

async function targetOf({ url }: { readonly url: readonly string[] }): Promise<ImportTarget> {
  if (url.length > 0) {
    const apiKey = process.env['HOLDFAST_API_KEY'];
    if (!apiKey) throw new UsageError('--url needs HOLDFAST_API_KEY.');
    return { urls: url, apiKey };
  }
  const stack = await readStack(stackDir());
  if (stack === null) throw new UsageError(`Name the service with --url: there is no stack.json in ${stackDir()}.`);
  return { urls: stack.api, apiKey: stack.apiKey };
}
