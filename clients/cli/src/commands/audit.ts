import { text, UsageError, wholeNumber } from '../../../../app/config/command-line.mjs';
import { command } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { type Output, printable, reportOf } from '../output.ts';

const SHARD_MAX = 1023;
const ACCOUNTS_AT_ONCE = 1_000_000;
const PROGRESS_MS = 5_000;

export const AUDIT_COMMANDS = [
  command('audit status', {
    about: 'Shows the end of the sealed log, and the result of its latest self-check. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const audit = await holdfast().ops.audit({ signal });
      output.result(audit, () => reportOf(audit));
      return EXIT.done;
    },
  }),
  command('audit verify', {
    about:
      'Recomputes all balances and rows of the books from an export of the sealed log. Needs neither the service nor a database.',
    options: {
      anchors: text('FILE', 'signed anchors, one per line, as keepers write them to their log; needs --key'),
      key: text('FILE', 'the public key (PEM) that verifies the signatures of the export and of the anchors'),
      shard: wholeNumber('only this shard; by default all', { min: 0, max: SHARD_MAX }),
      'accounts-at-once': wholeNumber('accounts in memory, about 0.5 KB each; more accounts take more passes', {
        min: 1,
        fallback: ACCOUNTS_AT_ONCE,
      }),
    },
    operands: { label: 'DIRECTORY', help: 'what npm run audit -- export has written', min: 1, max: 1 },
    async run({ values, operands: [directory = ''], output }) {
      const { anchors = null, key = null, shard = null } = values;
      if (anchors !== null && key === null) throw new UsageError('--anchors requires --key.');
      // Loaded only now: otherwise, it would slow down the start of every other command.
      const { verifyExport } = await import('../../../../app/tools/audit/verify-export.ts');
      const { resultsText } = await import('../../../../app/tools/audit/print.ts');
      const options = { accountsMax: values['accounts-at-once'], anchors, key, progress: progressOf(output) };
      try {
        const results = await verifyExport(directory, options, shard);
        if (output.isJson) for (const result of results) output.result(result, () => '');
        else output.result({}, () => `${resultsText(results).split('\n').map(printable).join('\n')}\n`);
        return results.every(({ clean }) => clean) ? EXIT.done : EXIT.rejected;
      } catch (error) {
        return reportBadExport(error, output);
      }
    },
  }),
];

function progressOf(output: Output) {
  let shownAt = performance.now();
  return async (stage: string, position: number) => {
    if (performance.now() < shownAt + PROGRESS_MS) return;
    shownAt = performance.now();
    output.note(`${stage}: position ${position}`);
  };
}

/** Recognized by the name of the error, because its class is not loaded before the command runs. */
function reportBadExport(error: unknown, output: Output): ExitCode {
  if (!(error instanceof Error) || error.name !== 'BadExport') throw error;
  output.error({ error: error.name, detail: error.message }, error.message);
  return EXIT.refused;
}
