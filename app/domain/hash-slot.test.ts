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

  it('is always a valid slot', () => {
    const slots = Array.from({ length: 10_000 }, (_, n) => hashSlot(`account-${n}`));
    expect(slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOTS)).toBe(true);
    expect(new Set(slots).size).toBeGreaterThan(7_000);
  });
});

describe('shardOfSlot', () => {
  it.each([1, 2, 3, 7, 16, 1024])('divides the slots into %i contiguous ranges of about the same size', (shards) => {
    const sizes = new Array<number>(shards).fill(0);
    const owners = Array.from({ length: SLOTS }, (_, slot) => shardOfSlot(slot, shards));
    for (const shard of owners) sizes[shard] = (sizes[shard] ?? 0) + 1;
    expect(owners).toEqual(owners.toSorted((a, b) => a - b));
    expect(new Set(owners)).toEqual(new Set(sizes.keys()));
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });
});
