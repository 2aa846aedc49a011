import { shardOfAccount } from '../../../../app/domain/account-shard.ts';
import type { OpsStatus } from '../../../typescript/src/resources/ops.ts';
import { command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type Cell, type Output, reportOf, tableOf } from '../output.ts';

export const OPS_COMMANDS = [
  command('status', {
    about: 'Shows the status of the ledger: mode, journal, pods, keepers, frozen accounts. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const status = await holdfast().ops.status({ signal });
      output.result(status, () => reportOf(status));
      return EXIT.done;
    },
  }),
  command('unsettled', {
    about: 'Shows what is waiting for a journal, and why. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const unsettled = await holdfast().ops.unsettled({ signal });
      output.result(unsettled, () => reportOf(unsettled));
      return EXIT.done;
    },
  }),
  command('reconcile', {
    about: 'Reconciles the books now. Needs the scope ops.',
    options: {},
    async run({ holdfast, output, signal }) {
      const reconciliation = await holdfast().ops.reconcile({ signal });
      output.result(reconciliation, () => reportOf(reconciliation));
      return EXIT.done;
    },
  }),
  command('shards', {
    about: 'Shows the shards of the ledger, or in which shard accounts are. Needs the scope ops.',
    options: {},
    operands: { label: 'ACCOUNT…', help: 'ids of accounts; without them, all shards are shown', min: 0 },
    async run({ operands: accountIds, holdfast, output, signal }) {
      const shards = shardsOf(await holdfast().ops.status({ signal }));
      if (accountIds.length > 0) reportPlaces(accountIds, shards.length, output);
      else if (output.isJson) for (const shard of shards) output.result(shard, () => '');
      else output.result({}, () => shardsText(shards));
      return EXIT.done;
    },
  }),
];

type Member = Readonly<Record<string, unknown>>;
const membersOf = (value: unknown): Member =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Member) : {};

/** The status of a ledger without shards is that of its only shard. */
function shardsOf(status: OpsStatus): Member[] {
  return Array.isArray(status['shards']) ? status['shards'].map(membersOf) : [{ shard: 0, ...status }];
}

function shardsText(shards: readonly Member[]): string {
  const cell = (value: unknown) => (value === null || value === undefined ? '?' : (value as Cell));
  const count = (list: unknown) => (Array.isArray(list) ? list.length : '?');
  return tableOf(
    ['>SHARD', 'MODE', '>EPOCH', '>JOURNAL', '>AGE MS', '>PODS', '>KEEPERS', '>FROZEN', 'PROBLEM'],
    shards.map((shard) => {
      const [journal, problem] = [membersOf(shard['journal']), membersOf(shard['problem'])];
      return [
        ...[cell(shard['shard']), cell(shard['mode']), cell(shard['epoch'])],
        ...[cell(journal['length']), cell(journal['ageMs']), count(shard['pods']), count(shard['keepers'])],
        ...[cell(shard['frozenAccountsTotal']), problem['detail'] === undefined ? '' : String(problem['detail'])],
      ];
    }),
  );
}

function reportPlaces(accountIds: readonly string[], shards: number, output: Output): void {
  const places = accountIds.map((accountId) => ({ accountId, shard: shardOfAccount(accountId, shards) }));
  if (output.isJson) for (const place of places) output.result(place, () => '');
  else
    output.result({}, () =>
      tableOf(
        ['ACCOUNT', '>SHARD'],
        places.map(({ accountId, shard }) => [accountId, shard]),
      ),
    );
}
