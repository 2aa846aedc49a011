import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { FoundPage } from '../ledger/ports/search.ts';
import { merged } from './sharded-search.ts';

/** What a shard finds among its numbers: it examines a limited number of them, and some do not match the filter. */
function pageOf(
  all: readonly number[],
  after: number | null,
  limit: number,
  examined: number,
): FoundPage<number, number> {
  const rest = all.filter((n) => after === null || n > after);
  const seen = rest.slice(0, examined);
  const met = seen.filter((n) => n % 3 !== 0);
  if (met.length > limit) return { items: met.slice(0, limit), next: met[limit - 1] ?? null, asOf: all.length };
  return { items: met, next: rest.length > seen.length ? (seen.at(-1) ?? null) : null, asOf: all.length };
}

it('merges the pages of shards into one list without gaps, even if they end early or have equal places', () => {
  const anyShards = fc.array(fc.uniqueArray(fc.nat(60), { maxLength: 25 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyShards, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), (given, limit, examined) => {
      const shards = given.map((numbers) => [...numbers].sort((a, b) => a - b));
      const found: number[] = [];
      let after: number | null = null;
      do {
        const pages = shards.map((all) => pageOf(all, after, limit, examined));
        const merging = {
          order: 'asc' as const,
          limit,
          placeOf: (n: number) => n,
          compare: (a: number, b: number) => a - b,
        };
        const page = merged(pages, merging);
        expect(page.asOf).toBe(Math.min(...shards.map(({ length }) => length)));
        found.push(...page.items);
        after = page.next;
      } while (after !== null);
      const wanted = shards.flat().filter((n) => n % 3 !== 0);
      expect(found).toEqual(wanted.sort((a, b) => a - b));
    }),
  );
});
