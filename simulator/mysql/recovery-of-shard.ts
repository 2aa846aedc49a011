import type { NewAccount, Outcome } from '../../app/domain/types.ts';
import type { CrossingClosing } from '../../app/ledger/ports/crossings.ts';
import type { CrossingRow, RestoredShard, SurvivingShard } from '../../app/ledger/ports/restored-shard.ts';
import { CrossingTables, OpeningTables } from './crossing-tables.ts';
import { DirectTables } from './direct-tables.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import type { Tables } from './tables.ts';

/** Runs each transaction immediately and without faults: an operator would simply repeat a command that fails. */
export function operatorOf(server: MysqlServer): MysqlClient {
  const now = async <T>(work: (server: MysqlServer) => T): Promise<T> => server.tables.transaction(() => work(server));
  return { call: now, transaction: now } as unknown as MysqlClient;
}

const byId = <T extends [string, unknown]>([a]: T, [b]: T): number => (a < b ? -1 : 1);
const outcomesIn = ({ transfers }: Tables, ids: readonly string[]): Map<string, Outcome> =>
  new Map(ids.flatMap((id) => pairOf(id, transfers.get(id))));
const pairOf = <T>(id: string, row: T | undefined): [string, T][] => (row === undefined ? [] : [[id, row]]);

/** The same as app/mysql/ledger/surviving-shard.ts. */
export function survivingShard(server: MysqlServer): SurvivingShard {
  const { tables } = server;
  return {
    outcomes: async (ids) => outcomesIn(tables, ids),
    crossingsToward: async (toShard, afterId, limit) =>
      [...tables.crossings]
        .filter(([id, row]) => row.toShard === toShard && id > afterId)
        .sort(byId)
        .slice(0, limit)
        .map(
          ([transactionId, { currency, closing }]): CrossingRow => ({
            transactionId,
            state: closing?.state ?? 'OPEN',
            destination: tables.transfers.get(transactionId)?.order.leg?.destination ?? '',
            currency,
            because: closing?.state === 'RETURNED' ? closing.because : null,
          }),
        ),
    async reopen(ids) {
      for (const id of ids) {
        const row = tables.crossings.get(id);
        if (row) tables.crossings.set(id, { ...row, closing: null, openedAt: server.wallMs });
      }
    },
    arrivalsFrom: async (fromShard, afterId, limit) =>
      [...tables.transfers]
        .filter(([id, { order }]) => order.leg?.name === 'in' && order.leg.otherShard === fromShard && id > afterId)
        .sort(byId)
        .slice(0, limit)
        .map(([, outcome]) => outcome),
  };
}

/** The same as app/mysql/ledger/restored-shard.ts. */
export function restoredShard(server: MysqlServer, epoch: number): RestoredShard {
  const { tables } = server;
  const client = operatorOf(server);
  const direct = new DirectTables(client);
  const opening = new OpeningTables(client);
  return {
    outcomes: async (ids) => outcomesIn(tables, ids),
    accounts: async (ids) => new Map(ids.flatMap((id) => pairOf(id, tables.accounts.get(id)))),
    async open(accounts: readonly NewAccount[]) {
      await opening.openAccounts(accounts);
    },
    apply: (legs) =>
      direct.apply(
        epoch,
        legs.map((order) => ({ order, takenAt: server.wallMs })),
      ),
    async writeRefusals(refusals) {
      const common = { acceptedAt: server.wallMs, takenAt: null, epoch, seq: 0, replayed: true, persisted: true };
      tables.insertOutcomes(
        refusals
          .filter(({ order }) => !tables.transfers.has(order.transactionId))
          .map(({ order, because }): Outcome => ({ ...common, order, status: 'REJECTED', ...because })),
      );
    },
    close: (closings: readonly CrossingClosing[]) => new CrossingTables(client).close(closings),
  };
}
