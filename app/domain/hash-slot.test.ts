import { describe, expect, it } from 'vitest';
import { hashSlot, SLOTS, shardOfSlot } from './hash-slot.ts';

describe('hashSlot', () => {
  it.each([
    // The check value of CRC-16/XMODEM, 0x31C3, and slots that Redis reports (CLUSTER KEYSLOT).
    ['123456789', 0x31c3],
    ['', 0],
    ['foo', 12_182],
    ['bar', 5061],
    ['hello', 866],
    ['0', 13_907],
    ['user1000', 3443],
  ])('of %j is %i', (key, slot) => {
    expect(hashSlot(key)).toBe(slot);
  });

  it('is always a slot', () => {
    for (let n = 0; n < 10_000; n++) {
      const slot = hashSlot(`account-${n}`);
      expect(Number.isInteger(slot) && slot >= 0 && slot < SLOTS).toBe(true);
    }
  });
});

describe('shardOfSlot', () => {
  it.each([1, 2, 3, 7, 16, 1024])('divides the slots into %i contiguous ranges of about the same size', (shards) => {
    const sizes = new Array<number>(shards).fill(0);
    let last = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const shard = shardOfSlot(slot, shards);
      expect(shard === last || shard === last + 1).toBe(true);
      last = shard;
      sizes[shard] = (sizes[shard] ?? 0) + 1;
    }
    expect(last).toBe(shards - 1);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });
});
