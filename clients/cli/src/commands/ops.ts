import { command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { factsOf, printable } from '../output.ts';

/** The status as lines of `name: value`; nested values are printed as JSON. */
function statusText(status: Readonly<Record<string, unknown>>): string {
  return factsOf(
    Object.fromEntries(
      Object.entries(status).map(([name, value]) => [
        name,
        typeof value === 'object' && value !== null ? printable(JSON.stringify(value)) : String(value),
      ]),
    ),
  );
}

export const OPS_COMMANDS = [
  command('status', {
    about: 'Shows the status of the ledger: mode, journal, pods, keepers, frozen accounts. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const status = await holdfast().ops.status({ signal });
      output.result(status, () => statusText(status));
      return EXIT.done;
    },
  }),
  command('unsettled', {
    about: 'Shows what is waiting for a journal, and why. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const unsettled = await holdfast().ops.unsettled({ signal });
      output.result(unsettled, () => statusText(unsettled));
      return EXIT.done;
    },
  }),
  command('reconcile', {
    about: 'Reconciles the books now. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const reconciliation = await holdfast().ops.reconcile({ signal });
      output.result(reconciliation, () => statusText(reconciliation));
      return EXIT.done;
    },
  }),
];
