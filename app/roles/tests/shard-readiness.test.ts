import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import type { LostShardVotes } from '../../mysql/operations/lost-shards.ts';
import { ShardReadiness } from '../shard-readiness.ts';

class Served {
  trouble: string | null = null;
  isDatabaseAway = false;
  readonly reports = new Set<number>();
  readonly others: Map<number, number>;
  constructor(others: Map<number, number>) {
    this.others = others;
  }

  complaints = () => (this.trouble === null ? [] : [this.trouble]);
  serves = () => this.trouble === null;
  lostShards = {
    report: async (_processId: string, shards: readonly number[]) => {
      if (this.isDatabaseAway) throw new Error('away');
      for (const shard of shards) this.reports.add(shard);
    },
    votes: async (): Promise<LostShardVotes> => {
      const lost = new Map(this.others);
      for (const shard of this.reports) lost.set(shard, (lost.get(shard) ?? 0) + 1);
      return { live: 4, lost };
    },
  };
}

/** The number of other pods, out of three, that have lost each shard. */
let others: Map<number, number>;
let shards: [Served, Served, Served];
let clock: VirtualClock;
let readiness: ShardReadiness;
let stopped: AbortController;
let watching: Promise<void>;
beforeEach(async () => {
  others = new Map();
  shards = [new Served(others), new Served(others), new Served(others)];
  clock = new VirtualClock();
  readiness = new ShardReadiness({ shards, clock, logger: keptLog(), processId: 'pod' });
  stopped = new AbortController();
  watching = readiness.watch(stopped.signal);
  await clock.until(clock.sleep(1));
});
afterEach(async () => {
  stopped.abort();
  await clock.until(watching);
});
const pass = (ms: number) => clock.until(clock.sleep(ms));

describe('A pod with several shards', () => {
  it('is ready while it serves all of them', () => {
    expect(readiness.complaints()).toEqual([]);
  });

  it('is unready after some seconds if it alone cannot serve one', async () => {
    shards[1].trouble = 'Redis does not answer';
    expect(readiness.complaints()).toEqual([]);
    await pass(2_500);
    expect(readiness.complaints()).toEqual([]);
    await pass(1_500);
    expect(readiness.complaints()).toEqual(['shard 1: Redis does not answer']);
    shards[1].trouble = null;
    expect(readiness.complaints()).toEqual([]);
  });

  it.each([
    [1, ['shard 1: Redis does not answer']],
    [2, []],
    [3, []],
  ])('compares itself with the others: %i of three others have also lost the shard', async (lost, complaints) => {
    others.set(1, lost);
    shards[1].trouble = 'Redis does not answer';
    readiness.complaints();
    await pass(5_000);
    expect(readiness.complaints()).toEqual(complaints);
  });

  it('finds the votes in the database of any shard that answers', async () => {
    others.set(0, 3);
    shards[0].trouble = 'MySQL is unavailable';
    shards[0].isDatabaseAway = true;
    readiness.complaints();
    await pass(5_000);
    expect(readiness.complaints()).toEqual([]);
    others.set(0, 0);
    await pass(2_000);
    expect(readiness.complaints()).toEqual(['shard 0: MySQL is unavailable']);
  });

  it('is unready if it serves no shard, whatever the other pods do', async () => {
    others.set(0, 3).set(1, 3).set(2, 3);
    for (const shard of shards) shard.trouble = 'away';
    await pass(5_000);
    expect(readiness.complaints()).toEqual(['shard 0: away', 'shard 1: away', 'shard 2: away']);
  });
});

it('A pod that starts is unready at once for a shard that most others serve', async () => {
  const fresh = [new Served(others), new Served(others)];
  for (const shard of fresh) shard.trouble = 'the authority has not been read from MySQL yet';
  const starting = new ShardReadiness({ shards: fresh, clock, logger: keptLog(), processId: 'new' });
  const watched = starting.watch(stopped.signal);
  await pass(1_500);
  if (fresh[0]) fresh[0].trouble = null;
  expect(starting.complaints()).toEqual(['shard 1: the authority has not been read from MySQL yet']);
  others.set(1, 3);
  await pass(1_500);
  expect(starting.complaints()).toEqual([]);
  stopped.abort();
  await clock.until(watched);
});

it('A pod with one shard is ready whenever it can serve', () => {
  const one = new Served(others);
  const single = new ShardReadiness({ shards: [one], clock, logger: keptLog(), processId: 'pod' });
  expect(single.complaints()).toEqual([]);
  one.trouble = 'Redis does not answer';
  expect(single.complaints()).toEqual(['Redis does not answer']);
});
