import { expect, it } from 'vitest';
import { shardOfAccount } from '../domain/account-shard.ts';
import { Problem } from '../domain/problem.ts';
import { VirtualClock } from '../kernel/testing/virtual-clock.ts';
import type { History } from '../ledger/ports/history.ts';
import { type Shard, ShardMap } from './shard.ts';
import { ShardedHistory } from './sharded-history.ts';

const SHARDS = 3;
/** An account of each shard. */
const ACCOUNTS = Array.from({ length: SHARDS }, (_, shard) => {
  for (let n = 0; ; n++) if (shardOfAccount(`a${n}`, SHARDS) === shard) return `a${n}`;
});

/** A history that answers with the name of its shard. */
const historyOf = (shard: number, names: History['names']): History => ({
  page: async ({ accountId }) => ({ items: [], next: accountId === ACCOUNTS[shard] ? shard : null }),
  at: async () => null,
  period: async () => ({ after: 0, until: shard, openingBalance: 0, closingBalance: 0, last: shard }),
  names,
});
const clock = new VirtualClock();
/** @param away the shard whose MySQL is known to be unavailable */
const joined = (namesOf: (shard: number) => History['names'], away?: number) =>
  new ShardedHistory({
    shards: new ShardMap<Pick<Shard, 'history' | 'isDatabaseAway'>>(
      Array.from({ length: SHARDS }, (_, shard) => ({
        history: historyOf(shard, namesOf(shard)),
        isDatabaseAway: () => shard === away,
      })),
    ),
    clock,
  });
const named: History['names'] = async (ids) => new Map(ids.map((id) => [id, `name of ${id}`]));

it('A history is read in the shard of its account', async () => {
  const history = joined(() => named);
  for (const [shard, accountId] of ACCOUNTS.entries()) {
    expect(await history.page({ accountId, position: 0, toward: 'newer', limit: 1 })).toMatchObject({ next: shard });
    expect(await history.period(accountId, 0, 1)).toMatchObject({ until: shard });
  }
});

it('Names come from all shards except one that fails', async () => {
  expect(await joined(() => named).names(ACCOUNTS)).toEqual(new Map(ACCOUNTS.map((id) => [id, `name of ${id}`])));
  const away: History['names'] = async () => {
    throw new Problem('database_unavailable', 'away');
  };
  const partly = await joined((shard) => (shard === 1 ? away : named)).names(ACCOUNTS);
  expect([...partly.keys()]).toEqual([ACCOUNTS[0], ACCOUNTS[2]]);
});

it('A shard that does not answer delays a history only briefly, and not at all once this is known', async () => {
  let asked = 0;
  const silent: History['names'] = () => {
    asked += 1;
    return new Promise(() => {});
  };
  const namesOf = (shard: number) => (shard === 1 ? silent : named);
  const others = [ACCOUNTS[0], ACCOUNTS[2]];
  const began = clock.monotonic();
  expect([...(await clock.until(joined(namesOf).names(ACCOUNTS))).keys()]).toEqual(others);
  expect(clock.monotonic() - began).toBe(500);
  expect([...(await joined(namesOf, 1).names(ACCOUNTS)).keys()]).toEqual(others);
  expect(asked).toBe(1);
});
