import { legIdOf } from '../../domain/crossing.ts';
import type { LegName } from '../../domain/leg-types.ts';
import { MysqlCrossingStore } from '../../mysql/ledger/crossing-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { transitMoney } from '../../mysql/operations/transit-money.ts';
import { openCrossings } from '../../shards/open-crossings.ts';
import type { ShardStores } from './shard-stores.ts';

const PAGE_MAX = 1_000;
const AFTER_OUT: readonly LegName[] = ['in', 'back', 'returns'];

/** Minor units of one currency in all shards together. */
export interface InTransit {
  currency: string;
  /** What the transit accounts hold. */
  held: number;
  /** What has left a shard, and has neither arrived nor come back. */
  underWay: number;
  /** How many legs have ever moved money to or from the transit accounts. */
  legs: number;
}

/**
 * Money between shards, according to the MySQL databases of all shards. The databases are not read at the same moment,
 * so `held` and `underWay` may differ while crossings begin and end.
 */
export async function moneyInTransit(shards: readonly ShardStores[]): Promise<InTransit[]> {
  const byCurrency = new Map<string, InTransit>();
  const add = (currency: string, more: Partial<InTransit>) => {
    const sum = byCurrency.get(currency) ?? { currency, held: 0, underWay: 0, legs: 0 };
    byCurrency.set(currency, {
      currency,
      held: sum.held + (more.held ?? 0),
      legs: sum.legs + (more.legs ?? 0),
      underWay: sum.underWay + (more.underWay ?? 0),
    });
  };
  for (const { database } of shards) {
    for (const { currency, minorUnits, legs } of await transitMoney(database))
      add(currency, { held: minorUnits, legs });
  }
  for (const from of shards) {
    for (const to of shards) {
      if (from === to) continue;
      for await (const { currency, amount } of underWay(from, to)) add(currency, { underWay: amount });
    }
  }
  return [...byCurrency.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1));
}

async function* underWay(from: ShardStores, to: ShardStores) {
  const crossings = new MysqlCrossingStore(from.database);
  for await (const page of openCrossings(crossings, { toShard: to.shard, minAgeMs: 0, pageMax: PAGE_MAX })) {
    const ended = new Set<string>();
    for (const leg of AFTER_OUT) {
      const idOf = (transactionId: string) => legIdOf(transactionId, leg, from.shard);
      const reader = new LedgerReader((leg === 'in' ? to : from).database);
      const { outcomes } = await reader.findOutcomes(page.map(({ transactionId }) => idOf(transactionId)));
      for (const { transactionId } of page) {
        if (outcomes.get(idOf(transactionId))?.status === 'POSTED') ended.add(transactionId);
      }
    }
    for (const crossing of page) if (!ended.has(crossing.transactionId)) yield crossing;
  }
}
