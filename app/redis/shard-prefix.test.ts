import { describe, expect, it } from 'vitest';
import { SLOTS, shardOfSlot } from '../domain/hash-slot.ts';
import { shardPrefix, slotOfPrefix } from './shard-prefix.ts';

const prefixes = (shards: number) => Array.from({ length: shards }, (_, shard) => shardPrefix('hf', shard, shards));

describe('The prefix of the keys of a shard', () => {
  it('of a ledger with one shard never changes', () => {
    expect(shardPrefix('hf')).toBe('hf:{0}');
    expect(slotOfPrefix(shardPrefix('hf'))).toBe(13_907);
  });

  it('of a ledger with several shards never changes either: otherwise, their keys would be lost', () => {
    expect(prefixes(2)).toEqual(['hf:{0of2-2225}', 'hf:{1of2-3033}']);
    expect(prefixes(3)).toEqual(['hf:{0of3-9431}', 'hf:{1of3-17089}', 'hf:{2of3-19177}']);
  });

  it.each([2, 3, 5, 16, 64])('has its slot in the middle of the share of its shard, with %i shards', (shards) => {
    prefixes(shards).forEach((prefix, shard) => {
      expect(slotOfPrefix(prefix)).toBe(Math.floor(((shard + 0.5) * SLOTS) / shards));
      expect(shardOfSlot(slotOfPrefix(prefix), shards)).toBe(shard);
    });
  });

  it('spreads the shards evenly over the masters of a cluster', () => {
    for (const masters of [1, 2, 3, 4, 6]) {
      const counts = new Array<number>(masters).fill(0);
      for (const prefix of prefixes(12)) {
        const master = shardOfSlot(slotOfPrefix(prefix), masters);
        counts[master] = (counts[master] ?? 0) + 1;
      }
      expect(counts).toEqual(new Array(masters).fill(12 / masters));
    }
  });

  it('differs between ledgers with different numbers of shards', () => {
    const all = [1, 2, 3, 4, 8, 16].flatMap(prefixes);
    expect(new Set(all).size).toBe(all.length);
  });
});
