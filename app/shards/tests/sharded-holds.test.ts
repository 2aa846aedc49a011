import { describe, expect, it } from 'vitest';
import { shardOfAccount } from '../../domain/account-shard.ts';
import type { HoldOrder } from '../../domain/holds.ts';
import { Problem } from '../../domain/problem.ts';
import { codeOf, orderOf } from '../../domain/testing/orders.ts';
import type { NewAccount } from '../../domain/types.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { CaptureOrder } from '../../ledger/ports/holds.ts';
import { type Shard, ShardMap } from '../shard.ts';
import { ShardSearch } from '../shard-search.ts';
import { ShardedBooks } from '../sharded-books.ts';
import { ShardedHolds } from '../sharded-holds.ts';

const SHARDS = 3;
/** The name of an account in a shard. */
function accountIn(shard: number, name = 'a'): string {
  for (let index = 0; ; index++) if (shardOfAccount(`@x${index}`, SHARDS) === shard) return `${name}@x${index}`;
}

/** The shards that were queried for the calendar. */
let asked: number[] = [];

/** Shards that answer with their number, and have the holds in this list. */
function shardsWith(holds: readonly (readonly string[])[], broken: readonly number[] = []): ShardMap<Shard> {
  const shards = Array.from({ length: SHARDS }, (_, shard) => {
    const find = async (holdId: string) => {
      if (broken.includes(shard)) throw new Problem('database_unavailable', 'broken');
      if (holds[shard]?.includes(holdId)) return { holdId, shard };
      throw new Problem('hold_not_found', holdId);
    };
    const here = async () => ({ shard });
    return {
      holds: {
        factsOf: find,
        hold: find,
        place: here,
        capture: here,
        change: here,
        void: here,
        expire: here,
        preview: here,
      },
      isDatabaseAway: () => broken.includes(shard),
      holdBooks: { holds: here, captures: here },
      books: {
        openAccounts: async (accounts: NewAccount[]) => accounts.map((account) => ({ account, created: true, shard })),
        accountDetails: here,
        businessWindows: async () => {
          asked.push(shard);
          if (broken.includes(shard)) throw new Problem('database_unavailable', 'broken');
          return shard === 0 ? null : { shard };
        },
      },
    };
  });
  return new ShardMap(shards as unknown as Shard[]);
}

function holdsIn(shards: ShardMap<Shard>): ShardedHolds {
  return new ShardedHolds({ shards, search: new ShardSearch({ shards, clock: systemClock, requestTimeoutMs: 1_000 }) });
}

describe('holds in several shards', () => {
  it('are found in the only shard that has them', async () => {
    const holds = holdsIn(shardsWith([['h0', 'twice'], ['h1'], ['twice']]));
    expect(await holds.factsOf('h1')).toMatchObject({ shard: 1 });
    expect(await holds.hold('h0')).toMatchObject({ shard: 0 });
    expect(await codeOf(holds.factsOf('twice'))).toBe('hold_id_ambiguous');
    expect(await codeOf(holds.hold('none'))).toBe('hold_not_found');
  });

  it('are looked up only in the shard of their account, if it is known', async () => {
    const holds = holdsIn(shardsWith([['h', 'twice'], [], ['twice']], [1]));
    const [account, elsewhere] = [accountIn(0), accountIn(2)];
    expect(await holds.factsOf('twice', { account })).toMatchObject({ shard: 0 });
    expect(await holds.hold('twice', { account: elsewhere })).toMatchObject({ shard: 2 });
    expect(await codeOf(holds.factsOf('h', { account: elsewhere }))).toBe('hold_not_found');
  });

  it('are reported as not found only if every shard has answered', async () => {
    const holds = holdsIn(shardsWith([[], ['h1'], []], [2]));
    expect(await codeOf(holds.hold('none'))).toBe('database_unavailable');
    expect(await holds.hold('h1')).toMatchObject({ shard: 1 });
  });

  const placing = (destination: string | null): HoldOrder => ({
    holdId: 'h',
    account: accountIn(1),
    destination,
    amount: 1,
    currency: 'EUR',
    expiresAt: null,
    reference: null,
    metadata: null,
    user: 'u',
    correlationId: 'c',
  });
  const capture = (destination: string): CaptureOrder => ({
    ...orderOf({ kind: 'capture', source: accountIn(1), destination }),
    capture: { holdId: 'h', amount: null, destination, final: true },
  });

  it('are placed and captured in the shard of their account', async () => {
    const holds = holdsIn(shardsWith([]));
    const request = {
      holdId: 'h',
      account: accountIn(2),
      currency: 'EUR',
      eventId: 'e',
      user: 'u',
      correlationId: 'c',
    };
    expect(await holds.place(placing(null), 'cache')).toMatchObject({ shard: 1 });
    expect(await holds.place(placing(accountIn(1, 'b')), 'cache')).toMatchObject({ shard: 1 });
    expect(await holds.capture(capture(accountIn(1, 'b')), 'cache')).toMatchObject({ shard: 1 });
    for (const answer of [holds.void(request, 'cache'), holds.expire(request)])
      expect(await answer).toMatchObject({ shard: 2 });
  });

  it('are refused if a capture would have to leave the shard', async () => {
    const holds = holdsIn(shardsWith([]));
    expect(await codeOf(holds.place(placing(accountIn(0)), 'cache'))).toBe('hold_spans_shards');
    expect(await holds.capture(capture(accountIn(0)), 'cache')).toMatchObject({
      code: 'hold_spans_shards',
      status: 422,
      extras: { holdId: 'h' },
    });
    const preview = holds.preview({ op: 'place', order: placing(accountIn(2)) }, async () => null);
    expect(await codeOf(preview)).toBe('hold_spans_shards');
  });
});

describe('books of several shards', () => {
  it('open each account in its shard, and answer in order', async () => {
    const books = new ShardedBooks(shardsWith([]));
    const accounts = [2, 0, 2, 1].map((shard, index) => ({
      accountId: accountIn(shard, `n${index}`),
      currency: 'EUR',
      overdraftLimit: 0,
      name: null,
      external: false,
      limits: null,
    }));
    const opened = await books.openAccounts(accounts, 'u');
    expect(opened).toMatchObject(accounts.map((account, index) => ({ account, shard: [2, 0, 2, 1][index] })));
    expect(await books.accountDetails(accountIn(2))).toMatchObject({ shard: 2 });
    expect(await books.captures({ holdId: 'h', accountId: accountIn(1) }, 1)).toMatchObject({ shard: 1 });
  });

  it('use the calendar of any shard that answers, without waiting for those that do not', async () => {
    asked = [];
    expect(await new ShardedBooks(shardsWith([])).businessWindows(0)).toMatchObject({ shard: 1 });
    expect(await new ShardedBooks(shardsWith([], [0, 1])).businessWindows(0)).toMatchObject({ shard: 2 });
    expect(asked).toEqual([0, 1, 2]);
    expect(await codeOf(new ShardedBooks(shardsWith([], [1, 2])).businessWindows(0))).toBe('database_unavailable');
  });
});
