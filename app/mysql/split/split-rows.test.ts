import { describe, expect, it } from 'vitest';
import { shardOfAccount } from '../../domain/account-shard.ts';
import { placedTransfer, type StoredTransfer } from './split-rows.ts';

const SHARDS = 4;
/** An account of each shard, and a second account of the first shard. */
const [a, b, c, d] = [0, 1, 2, 3].map((shard) => accountIn(shard)) as [string, string, string, string];
const neighbor = accountIn(0, 'n');
function accountIn(shard: number, name = 'a'): string {
  for (let index = 0; ; index++) if (shardOfAccount(`${name}${index}`, SHARDS) === shard) return `${name}${index}`;
}

const stored = (different: Partial<StoredTransfer> = {}): StoredTransfer => ({
  transaction_id: 't',
  kind: 'TRANSFER',
  status: 'POSTED',
  source_account: a,
  destination_account: b,
  amount: 100,
  currency: 'EUR',
  source_version: 5,
  source_balance: 900,
  destination_version: 7,
  destination_balance: 1100,
  persisted_at: new Date(0),
  metadata: null,
  group_id: null,
  counted: 3,
  leg: null,
  client_source: null,
  client_destination: null,
  other_shard: null,
  ...different,
});
const placed = (row: StoredTransfer) =>
  Array.from({ length: SHARDS }, (_, shard) => placedTransfer(row, shard, SHARDS));

describe('a transfer of a ledger that is split', () => {
  it('stays as it is if both accounts are in one new shard', () => {
    const row = stored({ destination_account: neighbor });
    expect(placed(row)).toEqual([{ row, inner: [], crossing: null }, null, null, null]);
  });

  it('becomes the legs of a completed crossing if its accounts go to different shards', () => {
    const [out, into, ...others] = placed(stored());
    expect(others).toEqual([null, null]);
    const named = { client_source: a, client_destination: b };
    expect(out).toMatchObject({
      row: { ...named, transaction_id: 't', leg: 'OUT', other_shard: 1, counted: 1, source_version: 5 },
      inner: [{ side: 'destination', account: 'transit' }],
      crossing: { transaction_id: 't', state: 'DONE', to_shard: 1, destination_version: 7, destination_balance: 1100 },
    });
    expect(into).toMatchObject({
      row: { ...named, transaction_id: 't~0', leg: 'IN', other_shard: 0, counted: 2, destination_version: 7 },
      inner: [{ side: 'source', account: 'transit' }],
      crossing: null,
    });
  });

  it('goes to the shard of its source if it was refused', () => {
    const [out, ...others] = placed(stored({ status: 'REJECTED', counted: 0 }));
    expect(others).toEqual([null, null, null]);
    expect(out).toMatchObject({ row: { leg: 'OUT', other_shard: 1, client_destination: b }, crossing: null });
  });

  it.each([
    [{ group_id: 'g' }, 'group g'],
    [{ kind: 'CAPTURE' as const }, 'capture t'],
  ])('cannot be divided if it has %j', (different, what) => {
    expect(() => placed(stored(different))).toThrow(`the accounts of ${what} would be in different shards`);
    expect(placed(stored({ ...different, destination_account: neighbor }))[0]).not.toBeNull();
  });

  it('keeps its legs, which then connect the new shards', () => {
    const named = { client_source: c, client_destination: d, other_shard: 1 };
    const leg = (name: StoredTransfer['leg'], id: string) =>
      placed(stored({ ...named, leg: name, transaction_id: id }));
    expect(leg('OUT', 't')[2]).toMatchObject({ row: { transaction_id: 't', other_shard: 3 }, crossing: null });
    expect(leg('IN', 't~1')[3]).toMatchObject({ row: { transaction_id: 't~2', other_shard: 2 } });
    expect(leg('BACK', 't~back')[2]).toMatchObject({ row: { transaction_id: 't~back', other_shard: 3 } });
    expect(leg('RETURNS', 't~returns')[2]).toMatchObject({
      inner: [
        { side: 'source', account: 'transit' },
        { side: 'destination', account: 'returns' },
      ],
    });
    for (const name of ['OUT', 'IN', 'BACK', 'RETURNS'] as const)
      expect(leg(name, 't~1').filter((one) => one !== null)).toHaveLength(1);
  });

  it('is still paid by the account of losses if that account paid instead of its source', () => {
    const row = {
      source_account: '~loss:EUR',
      destination_account: '~transit:EUR:0',
      leg: 'OUT',
      other_shard: 1,
    } as const;
    expect(placed(stored({ ...row, client_source: c, client_destination: d }))[2]).toMatchObject({
      row: { client_source: c, other_shard: 3 },
      inner: [
        { side: 'source', account: 'loss' },
        { side: 'destination', account: 'transit' },
      ],
    });
  });

  it('goes to the shard of the transfer that was returned, if it is a payout', () => {
    const row = {
      source_account: '~returns:EUR',
      transaction_id: 't~paid:0',
      metadata: JSON.stringify({ returnedFrom: a }),
    };
    expect(placed(stored({ ...row, destination_account: neighbor }))[0]).toMatchObject({
      inner: [{ side: 'source', account: 'returns' }],
    });
    expect(() => placed(stored({ ...row, destination_account: b }))).toThrow('the accounts of payout t~paid:0');
  });
});
