import type { Config } from '../../config/config.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { MysqlCrossingStore } from '../../mysql/ledger/crossing-store.ts';
import { lostMoney, returnedMoney } from '../../mysql/operations/returned-money.ts';
import { factsOf, type ShardFacts } from './check-shard.ts';
import { type InTransit, moneyInTransit } from './in-transit.ts';
import { ShardStores } from './shard-stores.ts';

export interface OpenBetween {
  from: number;
  to: number;
  open: number;
  oldestSeconds: number;
}

export interface Check {
  /** Empty if every store is the right one, and the money in transit is accounted for. */
  faults: string[];
  /** What an operator should know or do, although nothing is wrong. */
  notes: string[];
  shards: ShardFacts[];
  crossings: OpenBetween[];
  inTransit: InTransit[];
  returned: { shard: number; currency: string; minorUnits: number }[];
}

/** The maximum number of counts of money in transit while it does not add up, and the pause between two of them, ms. */
const COUNTS_MAX = 5;
const COUNT_AGAIN_MS = 1_000;

/** Compares the stores of all shards with the configuration and with each other. Writes nothing. */
export async function checkOf(
  config: Config,
  openSecondsMax: number,
  clock: Pick<Clock, 'sleep'> = systemClock,
): Promise<Check> {
  const stores = Array.from({ length: config.ledger.shards }, (_, shard) => new ShardStores(config, shard));
  try {
    const facts = await Promise.all(stores.map((store) => factsOf(store, stores.length)));
    const check = compared(facts);
    if (facts.every(({ ledgerId }) => ledgerId !== null)) {
      await readCrossings(check, stores, openSecondsMax);
      await countInTransit(check, stores, clock);
    } else check.notes.push('crossings and money in transit were not checked, because a database is missing');
    return check;
  } finally {
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
  }
}

function compared(shards: ShardFacts[]): Check {
  const faults = shards.flatMap((facts) => facts.faults.map((fault) => `shard ${facts.shard}: ${fault}`));
  const ledgers = [...new Set(shards.flatMap(({ ledgerId }) => ledgerId ?? []))];
  if (ledgers.length > 1) faults.push(`the databases belong to ${ledgers.length} ledgers: ${ledgers.join(', ')}`);
  return { faults, notes: [], shards, crossings: [], inTransit: [], returned: [] };
}

async function readCrossings(check: Check, stores: readonly ShardStores[], openSecondsMax: number): Promise<void> {
  for (const { shard: from, database } of stores) {
    for (const { toShard: to, open, oldestAgeMs } of await new MysqlCrossingStore(database).summary()) {
      const oldestSeconds = Math.round(oldestAgeMs / 1000);
      check.crossings.push({ from, to, open, oldestSeconds });
      if (oldestSeconds > openSecondsMax)
        check.faults.push(`a transfer from shard ${from} to shard ${to} has been open for ${oldestSeconds} s`);
    }
    for (const { currency, minorUnits } of await returnedMoney(database)) {
      if (minorUnits === 0) continue;
      check.returned.push({ shard: from, currency, minorUnits });
      check.notes.push(
        `shard ${from}: ~returns:${currency} has ${minorUnits} minor units of accounts that are closed: pay them out`,
      );
    }
    for (const { currency, minorUnits } of await lostMoney(database))
      if (minorUnits !== 0)
        check.notes.push(
          `shard ${from}: ~loss:${currency} has paid ${-minorUnits} minor units for transfers that were lost with a database`,
        );
  }
}

/**
 * A difference counts only if no leg has moved money between two counts: while crossings begin and end, the databases,
 * which are read one after the other, never agree.
 */
async function countInTransit(
  check: Check,
  stores: readonly ShardStores[],
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  let before: InTransit[] = [];
  for (let count = 1; count <= COUNTS_MAX; count++) {
    if (count > 1) await clock.sleep(COUNT_AGAIN_MS);
    check.inTransit = await moneyInTransit(stores);
    if (differenceIn(check.inTransit) === '') return;
    if (count > 1 && legsOf(before) === legsOf(check.inTransit)) {
      check.faults.push(`money in transit differs from the open crossings: ${differenceIn(before)}`);
      return;
    }
    before = check.inTransit;
  }
  check.notes.push(
    'transfers between shards were in progress, so money in transit could not be compared: check again while there are none',
  );
}

const differenceIn = (sums: readonly InTransit[]): string =>
  sums
    .filter(({ held, underWay }) => held !== underWay)
    .map(({ currency, held, underWay }) => `${currency} by ${held - underWay} minor units`)
    .join(', ');
const legsOf = (sums: readonly InTransit[]): string => sums.map(({ currency, legs }) => `${currency} ${legs}`).join();
