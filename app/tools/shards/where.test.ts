import { describe, expect, it } from 'vitest';
import { placesOf } from './where.ts';

describe('The place of an account', () => {
  it('is decided by the text after the last @, in the slots of Redis Cluster', () => {
    expect(placesOf(['ada', 'cash@acme', 'a@b@acme', 'acme', 'acme@'], 3)).toEqual([
      // The same slots as redis-cli CLUSTER KEYSLOT returns.
      { account: 'ada', key: 'ada', slot: 5938, shard: 1 },
      { account: 'cash@acme', key: 'acme', slot: 11304, shard: 2 },
      { account: 'a@b@acme', key: 'acme', slot: 11304, shard: 2 },
      { account: 'acme', key: 'acme', slot: 11304, shard: 2 },
      { account: 'acme@', key: 'acme@', slot: expect.any(Number), shard: expect.any(Number) },
    ]);
  });

  it('is the only shard of a ledger with one shard', () => {
    expect(placesOf(['cash@acme'], 1)).toEqual([{ account: 'cash@acme', key: 'acme', slot: 11304, shard: 0 }]);
  });
});
