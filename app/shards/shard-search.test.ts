import { beforeEach, describe, expect, it } from 'vitest';
import { shardOfAccount } from '../domain/account-shard.ts';
import { Problem, type ProblemCode } from '../domain/problem.ts';
import { VirtualClock } from '../kernel/testing/virtual-clock.ts';
import { ShardMap } from './shard.ts';
import { ShardSearch } from './shard-search.ts';

const SHARDS = 3;
const REQUEST_MS = 10_000;
const kind = { absent: 'hold_not_found', ambiguous: () => new Problem('hold_id_ambiguous', 'twice') } as const;

/** The answer of a shard to the nth query, and its delay in ms. */
type Says = (asked: number) => { says: 'found' | ProblemCode; afterMs?: number };

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

/**
 * @returns the shard that was found, or the code of the problem; how often each shard was queried; and the time it took
 */
async function search(shards: readonly Says[], by: { account?: string; held?: boolean } = {}) {
  const asked = shards.map(() => 0);
  const heldHere: (boolean | undefined)[] = [];
  const search = new ShardSearch({ shards: new ShardMap(shards.map(() => ({}))), clock, requestTimeoutMs: REQUEST_MS });
  const began = clock.monotonic();
  const answer = search.find(
    by,
    async ({ number }, held) => {
      asked[number] = (asked[number] ?? 0) + 1;
      heldHere.push(held);
      const { says, afterMs = 1 } = shards[number]?.(asked[number] ?? 0) ?? { says: 'internal_error' as const };
      await clock.sleep(afterMs);
      if (says !== 'found') throw new Problem(says, says);
      return number;
    },
    kind,
  );
  const told = answer.catch((error: unknown) => (error instanceof Problem ? error.code : error));
  return { found: await clock.until(told), asked, held: heldHere, ms: clock.monotonic() - began };
}

const always =
  (says: 'found' | ProblemCode, afterMs = 1): Says =>
  () => ({ says, afterMs });
const [HAS, LACKS] = [always('found'), always('hold_not_found')];

describe('an item that is looked up by its id alone', () => {
  it('is found in the only shard that has it', async () => {
    expect(await search([LACKS, HAS, LACKS])).toMatchObject({ found: 1, asked: [1, 1, 1], ms: 1 });
    expect((await search([HAS, LACKS, HAS])).found).toBe('hold_id_ambiguous');
    expect((await search([LACKS, LACKS, LACKS])).found).toBe('hold_not_found');
  });

  it('does not wait for a shard that does not answer', async () => {
    const { found, ms } = await search([always('database_unavailable', 4_000), HAS, LACKS]);
    expect([found, ms]).toEqual([1, 101]);
  });

  it('does not wait for a shard whose authority moves', async () => {
    const { found, held, ms } = await search([always('ledger_switching'), HAS, LACKS]);
    expect([found, ms]).toEqual([1, 1]);
    expect(held).toEqual([false, false, false]);
  });

  it('is ambiguous if another shard reports a little later that it has the item, too', async () => {
    expect((await search([always('found', 60), HAS, LACKS])).found).toBe('hold_id_ambiguous');
  });

  it('is unknown only if every shard has answered', async () => {
    expect(await search([LACKS, always('database_unavailable', 4_000), LACKS])).toMatchObject({
      found: 'database_unavailable',
      ms: 4_000,
    });
    expect((await search([LACKS, always('ledger_closed'), LACKS])).found).toBe('ledger_closed');
  });

  it('is looked up again only in shards whose authority is moving, for at most the time of a request', async () => {
    const moves: Says = (asked) => ({ says: asked < 5 ? 'ledger_switching' : 'found' });
    expect(await search([LACKS, moves, LACKS])).toMatchObject({ found: 1, asked: [1, 5, 1] });
    const { found, ms } = await search([LACKS, always('ledger_switching'), LACKS]);
    expect(found).toBe('ledger_switching');
    expect(ms).toBeGreaterThanOrEqual(REQUEST_MS);
    expect(ms).toBeLessThan(REQUEST_MS + 200);
    expect(await search([LACKS, always('ledger_switching'), LACKS], { held: false })).toMatchObject({
      found: 'ledger_switching',
      asked: [1, 1, 1],
    });
  });

  it('is reported as pending if a shard has it but has no outcome yet', async () => {
    expect((await search([LACKS, always('transfer_pending'), always('ledger_switching')])).found).toBe(
      'transfer_pending',
    );
    expect((await search([HAS, always('transfer_pending'), LACKS])).found).toBe('hold_id_ambiguous');
  });
});

describe('an item whose account is known', () => {
  it('is looked up only in the shard of the account', async () => {
    const account = ['a', 'b', 'c', 'd', 'e', 'f'].find((name) => shardOfAccount(name, SHARDS) === 2) ?? '';
    expect(await search([HAS, HAS, HAS], { account })).toMatchObject({ found: 2, asked: [0, 0, 1], held: [true] });
    expect((await search([HAS, HAS, LACKS], { account })).found).toBe('hold_not_found');
  });
});
