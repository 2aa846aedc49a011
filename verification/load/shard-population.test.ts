import { expect, test } from 'vitest';
import { shardOfAccount } from '../../app/domain/account-shard.ts';
import { nameInShard, shardTowns } from './shard-population.ts';

const SHARDS = 3;
const shardOf = (accountId: string) => shardOfAccount(accountId, SHARDS);

test('each shard has a town and account names of its own', () => {
  const { towns, accounts } = shardTowns('p:', SHARDS);
  expect(towns.map(({ accounts: own }) => new Set(own.map(({ accountId }) => shardOf(accountId))))).toEqual([
    new Set([0]),
    new Set([1]),
    new Set([2]),
  ]);
  expect(new Set(accounts.map(({ accountId }) => accountId)).size).toBe(accounts.length);
  expect([0, 1, 2].map((shard) => shardOf(nameInShard(shard, SHARDS)))).toEqual([0, 1, 2]);
});

test('the requested share of the transfers is between shards, in one currency; opening deposits are not', () => {
  const towns = shardTowns('p:', SHARDS, 0.4);
  const picked = Array.from({ length: 2_000 }, () => towns.pick());
  const isAcross = ({ source, destination }: { source: string; destination: string }) =>
    shardOf(source) !== shardOf(destination);
  const share = picked.filter(isAcross).length / picked.length;
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.5);
  expect(towns.openings.filter(isAcross)).toEqual([]);
  const currencies = new Map(towns.accounts.map(({ accountId, currency }) => [accountId, currency]));
  const isWrong = ({ source, destination, currency }: (typeof picked)[number]) =>
    currencies.get(source) !== currency || currencies.get(destination) !== currency || source === destination;
  expect(picked.filter(isWrong)).toEqual([]);
});

test('holds and groups stay in one shard', () => {
  const towns = shardTowns('p:', SHARDS, 1);
  for (let round = 0; round < 20; round++) {
    const pick = towns.inOneShard();
    const ids = Array.from({ length: 20 }, pick).flatMap(({ source, destination }) => [source, destination]);
    expect(new Set(ids.map(shardOf)).size).toBe(1);
  }
});
