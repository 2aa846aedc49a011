import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routingKeyOf, shardOfAccount } from './account-shard.ts';

describe('the shard of an account', () => {
  it.each([
    ['cash', 'cash'],
    ['cash@acme', 'acme'],
    ['cash@eu@acme', 'acme'],
    ['@acme', 'acme'],
    ['cash@', 'cash@'],
    ['cash@acme@', 'cash@acme@'],
    ['@', '@'],
  ])('of %s depends on %s', (accountId, key) => {
    expect(routingKeyOf(accountId)).toBe(key);
  });

  it('is the same for all accounts with the same ending', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/);
    fc.assert(
      fc.property(name, name, name, fc.integer({ min: 1, max: 1024 }), (one, other, ending, shards) => {
        const shard = shardOfAccount(`${one}@${ending}`, shards);
        expect(shardOfAccount(`${other}@${ending}`, shards)).toBe(shard);
        expect(shardOfAccount(ending, shards)).toBe(shard);
        expect(Number.isInteger(shard) && shard >= 0 && shard < shards).toBe(true);
      }),
    );
  });

  it('never changes: these accounts are in the same shards in every release', () => {
    // The slots are those of `redis-cli cluster keyslot`: 12739 for 123456789, and 12182 for foo.
    const shards = (accountId: string) => [2, 3, 16, 16384].map((count) => shardOfAccount(accountId, count));
    expect(shards('123456789')).toEqual([1, 2, 12, 12739]);
    expect(shards('cash@foo')).toEqual([1, 2, 11, 12182]);
  });
});
