import { beforeEach, describe, expect, it } from 'vitest';
import { legIdOf } from '../domain/crossing.ts';
import type { LegName } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';
import { type CrossingLine, type CrossingPages, checkCrossings, type LegLine } from './crossing-check.ts';

/** The contents of a shard, in pages. */
class MemoryPages implements CrossingPages {
  readonly rows = new Map<string, CrossingLine>();
  readonly posted = new Map<string, LegLine>();
  isAway = false;

  #page<T>(all: ReadonlyMap<string, T>, afterId: string, limit: number): T[] {
    const ids = [...all.keys()].sort().filter((id) => id > afterId);
    return this.#with(all, ids.slice(0, limit));
  }
  #with<T>(all: ReadonlyMap<string, T>, ids: readonly string[]): T[] {
    if (this.isAway) throw new Problem('database_unavailable', 'away');
    return ids.flatMap((id) => all.get(id) ?? []);
  }
  crossings = async (afterId: string, limit: number) => this.#page(this.rows, afterId, limit);
  innerAccounts = async () => {
    this.#with(this.posted, []);
    return ['~transit:EUR:0', '~returns:EUR'];
  };
  /** `in`, `back` and `returns` come from the transit account. */
  legsOf: CrossingPages['legsOf'] = async (accountId, side, afterVersion, limit) => {
    const isThere = ({ leg }: LegLine) =>
      accountId === '~returns:EUR'
        ? side === 'destination' && leg === 'returns'
        : (side === 'source') === (leg !== 'out');
    return this.#with(this.posted, [...this.posted.keys()].sort())
      .filter(isThere)
      .map((leg, index) => ({ ...leg, version: index + 1 }))
      .slice(afterVersion, afterVersion + limit);
  };
  crossingsWith = async (ids: readonly string[]) => this.#with(this.rows, ids);
  legsWith = async (ids: readonly string[]) => this.#with(this.posted, ids);
}

let shards: MemoryPages[];
beforeEach(() => {
  shards = [new MemoryPages(), new MemoryPages(), new MemoryPages()];
  for (let index = 0; index < 7; index++) add(`done-${index}`, 'DONE', ['out', 'in']);
  add('returned', 'RETURNED', ['out', 'back']);
  add('kept', 'RETURNED', ['out', 'returns']);
  add('open', 'OPEN', ['out']);
  add('paid', 'OPEN', ['out', 'in']);
  add('other way', 'DONE', ['out', 'in'], { from: 2, to: 0 });
});
function shard(number: number): MemoryPages {
  const pages = shards[number];
  if (!pages) throw new RangeError(`no shard ${number}`);
  return pages;
}
function add(id: string, state: CrossingLine['state'], legs: LegName[], { from, to } = { from: 0, to: 1 }): void {
  const money = { currency: 'EUR', amount: 5 };
  shard(from).rows.set(id, { transactionId: id, toShard: to, state, ...money });
  for (const leg of legs) post(id, leg, { from, to });
}
function post(id: string, leg: LegName, { from, to } = { from: 0, to: 1 }, amount = 5): void {
  const legId = legIdOf(id, leg, from);
  const [here, otherShard] = leg === 'in' ? [to, from] : [from, to];
  shard(here).posted.set(legId, { id: legId, leg, otherShard, currency: 'EUR', amount });
}
const check = () => checkCrossings(shards, 2);
const found = async () => (await check()).listed.map(({ transactionId, what }) => `${transactionId} ${what}`);

describe('The comparison of transfers between shards', () => {
  it('finds nothing wrong in any state of a transfer', async () => {
    const report = { clean: true, crossings: 12, open: 2, unverifiedShards: [], differences: 0, listed: [] };
    expect(await check()).toEqual(report);
  });

  it.each<[string, () => void, string[]]>([
    ['paid without having left', () => post('stray', 'in'), ['stray has in, but no row in the shard of its source']],
    [
      'returned without having left',
      () => post('stray', 'back'),
      ['stray has back, but no row in the shard of its source'],
    ],
    [
      'without a row',
      () => shard(0).rows.delete('done-3'),
      ['done-3 has out, but no row in the shard of its source', 'done-3 has in, but no row in the shard of its source'],
    ],
    [
      'paid in another shard',
      () => post('open', 'in', { from: 0, to: 2 }),
      ['open has in, but no row in the shard of its source'],
    ],
    ['paid and returned', () => post('done-3', 'back'), ['done-3 has in and back']],
    ['returned twice', () => post('returned', 'returns'), ['returned has back and returns']],
    [
      'paid a different amount',
      () => post('done-3', 'in', { from: 0, to: 1 }, 6),
      ['done-3 moves 5 EUR; its in moves 6 EUR'],
    ],
    ['lost at its destination', () => shard(1).posted.delete('done-3~0'), ['done-3 is done, but has no in']],
    [
      'lost on its return',
      () => shard(0).posted.delete('returned~back'),
      ['returned is returned, but has neither back nor returns'],
    ],
    ['lost at its source', () => shard(0).posted.delete('done-3'), ['done-3 has no out']],
  ])('finds a transfer that was %s', async (_, damage, expected) => {
    damage();
    expect(await found()).toEqual(expected);
    expect(await check()).toMatchObject({ clean: false, differences: expected.length });
  });

  it('does not verify anything that depends on an unreadable shard, and reports that shard', async () => {
    shard(1).isAway = true;
    post('stray', 'in', { from: 2, to: 0 });
    expect(await check()).toMatchObject({ clean: false, unverifiedShards: [1], differences: 1 });
    expect(await found()).toEqual(['stray has in, but no row in the shard of its source']);
  });

  it('lists the first hundred differences, and counts all of them', async () => {
    for (let index = 0; index < 150; index++) post(`stray-${index}`, 'in');
    const { differences, listed } = await check();
    expect([differences, listed.length]).toEqual([150, 100]);
  });
});
