import { describe, expect, it } from 'vitest';
import { countVote } from './reachability-vote.ts';

/** How many pods reach Redis, and for how long each of the others has not reached it, ms. */
const pods = (reach: number, lostForMs: number[], silentMs = 0) =>
  [...Array.from({ length: reach }, () => null), ...lostForMs].map((lost, n) => ({
    processId: `p${n}`,
    redisSeen: lost === null,
    redisSinceMs: lost ?? 60_000,
    silentMs,
  }));

describe('The vote of the pods on Redis', () => {
  it.each([
    ['nobody is there', pods(0, []), { live: 0, mostReachRedis: false, mostHaveLostRedisForMs: 0 }],
    ['all reach it', pods(3, []), { live: 3, mostReachRedis: true, mostHaveLostRedisForMs: 0 }],
    ['the only pod has lost Redis', pods(0, [700]), { live: 1, mostReachRedis: false, mostHaveLostRedisForMs: 700 }],
    ['half of two reach it', pods(1, [700]), { live: 2, mostReachRedis: true, mostHaveLostRedisForMs: 0 }],
    [
      'two of three pods have lost Redis',
      pods(1, [900, 700]),
      { live: 3, mostReachRedis: false, mostHaveLostRedisForMs: 700 },
    ],
    ['half of four reach it', pods(2, [900, 700]), { live: 4, mostReachRedis: true, mostHaveLostRedisForMs: 0 }],
    [
      'three of four pods have lost Redis',
      pods(1, [100, 900, 700]),
      { live: 4, mostReachRedis: false, mostHaveLostRedisForMs: 100 },
    ],
    [
      'all pods have lost Redis, one of them long ago',
      pods(0, [9_000, 100, 200, 300]),
      { live: 4, mostReachRedis: false, mostHaveLostRedisForMs: 200 },
    ],
  ])('%s', (_, live, vote) => {
    expect(countVote(live)).toEqual(vote);
    // Pods that have been silent for a long time are not counted.
    expect(countVote([...live, ...pods(9, [1, 1, 1], 5_000)])).toEqual(vote);
  });
});
