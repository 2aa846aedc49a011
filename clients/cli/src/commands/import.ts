import { systemClock } from '../../../../app/kernel/clock.ts';
import { FILE_OPERAND, IMPORT_OPTIONS } from '../../../../importer/options.ts';
import { command } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import type { Output } from '../output.ts';

export const IMPORT_COMMANDS = [
  command('import', {
    about:
      'Sends the payments of a file, CSV or pain.001, and records the outcome of each. Run it again after any interruption: nothing is paid twice. It stops after --timeout without an answer.',
    options: IMPORT_OPTIONS,
    operands: FILE_OPERAND,
    async run({ values, operands: [path = ''], service, output, signal }) {
      // Loaded only now, because the schemas that check a file would slow down the start of every other command.
      const { importLocked, importOptionsOf } = await import('../../../../importer/start.ts');
      const settings = { path, giveUpAfterSeconds: values.timeout, now: systemClock.now() };
      const options = importOptionsOf(values, settings);
      const { url, apiKey } = options.dryRun ? { url: '', apiKey: '' } : service();
      const target = options.dryRun ? null : { urls: [url], apiKey };
      let text = '';
      const out = {
        write(more: string) {
          text += more;
          return true;
        },
      };
      const io = { out, progress: output.progress, clock: systemClock, signal };
      try {
        const code = CODES[await importLocked(options, target, io)] ?? EXIT.failed;
        output.result({ exitCode: code, results: options.resultsPath, summary: text.trim().split('\n') }, () => text);
        return code;
      } catch (error) {
        return reportFailure(error, output, signal);
      }
    },
  }),
];

/** Keyed by the exit code of `npm run import`. */
const CODES: Readonly<Record<number, ExitCode>> = { 0: EXIT.done, 3: EXIT.refused, 4: EXIT.rejected };

/** Keyed by the name of the error, because its class is not loaded before the command runs. */
const FAILURES: Readonly<Record<string, ExitCode>> = {
  FileError: EXIT.refused,
  Refused: EXIT.refused,
  GaveUp: EXIT.unknown,
};

function reportFailure(error: unknown, output: Output, signal: AbortSignal): ExitCode {
  if (!(error instanceof Error)) throw error;
  const code = signal.aborted ? EXIT.unknown : FAILURES[error.name];
  if (code === undefined) throw error;
  const next = code === EXIT.unknown ? '\nRun the same command again: nothing is paid twice.' : '';
  output.error({ error: error.name, detail: error.message }, error.message + next);
  return code;
}
