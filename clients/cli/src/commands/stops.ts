import { text, wholeNumber } from '../../../../app/config/command-line.mjs';
import type { LedgerStop } from '../../../typescript/src/types.ts';
import { command, required } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { factsOf, type Output, tableOf } from '../output.ts';

const reason = text('TEXT', 'why, in a sentence of at least ten characters; it is recorded with your name');

export const STOP_COMMANDS = [
  command('stops', {
    about: 'Shows whether the ledger is stopped, and who stopped and released it. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const state = await holdfast().ops.stops({ signal });
      output.result(state, () => stateText(state) + changesText(state));
      return EXIT.done;
    },
  }),
  command('stop', {
    about:
      'The emergency stop: refuses every change to the ledger, on all pods, until it is released. Needs the scope ops.',
    options: { reason },
    async run({ values, holdfast, output, signal }) {
      return report(await holdfast().ops.stop(required('reason', values.reason), { signal }), true, output);
    },
  }),
  command('release', {
    about: 'Ends the emergency stop with this number, but not a later one. Needs the scope ops.',
    options: { reason, number: wholeNumber('the number that "holdfast stops" shows', { min: 0 }) },
    async run({ values, holdfast, output, signal }) {
      const release = { reason: required('reason', values.reason), number: required('number', values.number) };
      return report(await holdfast().ops.release(release, { signal }), false, output);
    },
  }),
];

/** A stop is not done if a store has not confirmed it yet, or if another operator has released it since. */
function report(state: LedgerStop, wanted: boolean, output: Output): ExitCode {
  output.result(state, () => stateText(state));
  if (state.enforced && state.stopped === wanted) return EXIT.done;
  const detail =
    'Recorded, but not (or no longer) in force everywhere. Run "holdfast stops", and then the same command again.';
  output.error({ error: 'not_confirmed', detail }, detail);
  return EXIT.unknown;
}

const stateText = ({ stopped, enforced, number, olderProcesses, shards }: LedgerStop): string =>
  factsOf({
    state: stopped ? 'stopped' : shards?.some((shard) => shard.stopped) ? 'partly stopped' : 'open',
    confirmed: enforced ? 'yes' : 'not yet',
    number,
    'do not obey': olderProcesses.join(', '),
    unknown: shards?.flatMap(({ shard, problem }) => (problem ? [`shard ${shard}: ${problem.code}`] : [])).join(', '),
  });

const changesText = ({ changes }: LedgerStop): string =>
  changes.length === 0
    ? ''
    : `\n${tableOf(
        ['TIME', 'WHAT', 'BY', 'REASON'],
        changes.map(({ at, stopped, by, reason: why }) => [at, stopped ? 'stopped' : 'released', by, why]),
      )}`;
