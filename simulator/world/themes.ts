import type { Random } from '../core/random.ts';

/** The faults, and how often each occurs in a run without a theme. */
const KINDS = {
  redisCrash: 12,
  redisDiskLost: 6,
  redisFreeze: 12,
  redisPromote: 8,
  redisSpare: 4,
  redisAway: 5,
  redisFull: 2,
  repliesLost: 6,
  podCutFromRedis: 8,
  podsCutFromRedis: 6,
  keepersCutFromRedis: 5,
  podCutFromMysql: 7,
  keeperCutFromMysql: 5,
  slowLinks: 8,
  podPause: 14,
  podKill: 9,
  podStop: 4,
  keeperPause: 10,
  keeperKill: 6,
  clockJump: 4,
  mysqlAway: 8,
  mysqlUnknownCommits: 6,
  mysqlDeadlocks: 3,
  flushBlocked: 4,
  keepersPause: 3,
  slowKeepers: 4,
  slowPods: 3,
  mostCutFromRedis: 3,
  podStart: 2,
} as const;
/** Faults that occur only in their own themes. */
const APART = { foreignKeeper: 1, formatMove: 1, formerKeeper: 1, formerPod: 1 } as const;
export type FaultKind = keyof typeof KINDS | keyof typeof APART;

/**
 * A fault, when it begins, and how long it lasts; `which` selects a victim, `part` a variant. All times are virtual ms.
 */
export interface Fault {
  kind: FaultKind;
  atMs: number;
  forMs: number;
  /** A number from 0 to 1 that selects a pod or keeper. */
  which: number;
  /** From 0 to 1: a second choice. */
  part: number;
}

type Weights = Partial<Record<FaultKind, number>>;
/** Faults that end an epoch. */
const ENDS = { redisDiskLost: 4, redisPromote: 4, redisSpare: 4, redisFreeze: 4, redisAway: 2, redisCrash: 3 };
/** Faults that end an epoch and lose the data that only its Redis had. */
const GOES = { redisDiskLost: 5, redisSpare: 3, redisPromote: 2, redisFreeze: 1, redisCrash: 1 };
/** Faults that delay the flush. */
const STALLS = { flushBlocked: 5, keepersPause: 3, slowKeepers: 4 };
const SLEEPERS = { podPause: 5, keeperPause: 3, slowLinks: 2, podCutFromMysql: 4, podKill: 1 };
/** Faults of the processes that move the authority, or that leave an epoch. */
const DEATHS = {
  keeperKill: 4,
  keeperPause: 4,
  podPause: 3,
  podKill: 2,
  mysqlUnknownCommits: 3,
  keeperCutFromMysql: 2,
};
const LATE_ANSWERS = { slowLinks: 5, podPause: 3, podCutFromMysql: 2, mysqlUnknownCommits: 2, redisFull: 1 };

/** The sequence of faults of a theme. */
class Storm {
  readonly faults: Fault[] = [];
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }

  /** Adds one of these faults at about this time. */
  some(weights: Weights, atMs: number, forMs = this.#duration()): void {
    const random = this.#random;
    const kind = random.weighted(weights as Record<FaultKind, number>);
    this.faults.push({ kind, atMs: Math.max(50, atMs), forMs, which: random.unit(), part: random.unit() });
  }
  maybe(probability: number, weights: Weights, atMs: number, forMs?: number): void {
    if (this.#random.chance(probability)) this.some(weights, atMs, forMs);
  }
  #duration(): number {
    return this.#random.chance(0.15) ? this.#random.between(3_000, 9_000) : this.#random.exponential(1_500) + 20;
  }
}

/** Several faults around one moment. */
type Trouble = (storm: Storm, random: Random, atMs: number) => void;

const TROUBLES = {
  anything(storm, random, atMs) {
    storm.some(KINDS, atMs);
    // Two faults at about the same time: the critical situations arise if something is slow or cut off when Redis dies.
    storm.maybe(0.5, KINDS, atMs + random.between(-1_500, 1_500));
  },
  /**
   * Redis executes commands whose replies are lost, nothing is flushed, and then Redis is lost; sometimes it comes
   * back.
   */
  lostReplies(storm, random, atMs) {
    const silentMs = random.between(50, 500);
    storm.some({ repliesLost: 1 }, atMs, silentMs + random.between(0, 1_500));
    storm.maybe(0.7, STALLS, atMs, silentMs + random.between(50, 1_500));
    storm.some(ENDS, atMs + silentMs, random.between(300, 4_000));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /** A process is paused during a switch, sometimes long enough to be retired, and continues where it left off. */
  sleepers(storm, random, atMs) {
    const aheadMs = random.chance(0.5) ? random.between(0, 300) : random.between(1_500, 3_000);
    storm.some(SLEEPERS, atMs - aheadMs, aheadMs + random.between(300, 4_000));
    if (random.chance(0.3)) storm.some({ flushBlocked: 1 }, atMs - aheadMs - random.between(0, 200), aheadMs + 600);
    else storm.maybe(0.6, STALLS, atMs - random.between(100, 600), random.between(500, 1_800));
    storm.some(ENDS, atMs, random.between(100, 2_500));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /** Redis evicts ids and accounts all the time, and MySQL responds slowly. */
  memory(storm, random, atMs) {
    storm.some(LATE_ANSWERS, atMs, random.between(300, 2_500));
    storm.maybe(0.25, ENDS, atMs + random.between(0, 1_000));
  },
  /** Redis works, but most processes have lost the connection; pods start and stop meanwhile. */
  divided(storm, random, atMs) {
    storm.some({ mostCutFromRedis: 1 }, atMs, random.between(1_500, 4_500));
    storm.maybe(0.4, { slowPods: 1 }, atMs + random.between(300, 1_000), random.between(500, 2_500));
    for (let pods = random.whole(0, 3); pods > 0; pods--)
      storm.some({ podStart: 1 }, atMs + random.between(500, 1_600));
    storm.maybe(0.3, STALLS, atMs - random.between(0, 300));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /**
   * A pod is retired although it is only cut off, or it has died with records that only it had; then Redis is lost too.
   */
  forgotten(storm, random, atMs) {
    const goneMs = random.between(2_300, 4_200);
    storm.some(
      { podCutFromMysql: 5, podCutFromRedis: 3, podPause: 3, podKill: 2 },
      atMs,
      goneMs + random.between(-300, 2_000),
    );
    if (random.chance(0.5)) storm.some({ flushBlocked: 1 }, atMs - random.between(0, 300), goneMs + 700);
    else storm.some({ flushBlocked: 1 }, atMs + goneMs - random.between(100, 600), 1_300);
    storm.some({ redisDiskLost: 3, redisSpare: 2, redisPromote: 2, redisFreeze: 1 }, atMs + goneMs);
  },
  /** Redis loses its latest writes, and the pod that received the replies to them cannot hand them over. */
  halfHandedOver(storm, random, atMs) {
    storm.some({ flushBlocked: 1 }, atMs - random.between(100, 400), random.between(600, 2_000));
    storm.some(
      { podPause: 3, podCutFromMysql: 2, podKill: 1 },
      atMs - random.between(0, 15),
      random.between(1_500, 4_000),
    );
    storm.some({ redisPromote: 5, redisCrash: 3, redisSpare: 1 }, atMs, random.between(60, 1_500));
  },
  /**
   * A pod stops in an orderly way while nothing is flushed, and then Redis is lost: the pod must have handed over its
   * records.
   */
  stops(storm, random, atMs) {
    storm.some(STALLS, atMs - random.between(0, 300), random.between(2_000, 5_500));
    storm.some({ podStop: 1 }, atMs + random.between(0, 400), random.between(4_000, 9_000));
    storm.maybe(
      0.4,
      { repliesLost: 2, podCutFromMysql: 1, mysqlAway: 1, podStart: 1 },
      atMs + random.between(0, 2_000),
    );
    storm.some(GOES, atMs + random.between(1_200, 5_000), random.between(300, 3_000));
  },
  /** Attempts stay in doubt until their pod takes another id, nothing is flushed meanwhile, and then Redis is gone. */
  renewals(storm, random, atMs) {
    const silentMs = random.between(2_500, 4_500);
    storm.some(
      { flushBlocked: 3, keepersPause: 1 },
      atMs + random.between(-300, silentMs),
      random.between(3_000, 6_000),
    );
    storm.some({ podCutFromRedis: 3, repliesLost: 2, slowLinks: 1 }, atMs, silentMs);
    storm.maybe(0.3, { podPause: 2, podCutFromMysql: 2, podStop: 1 }, atMs + silentMs + random.between(0, 1_500));
    storm.some(GOES, atMs + silentMs + random.between(1_000, 3_000), random.between(300, 3_000));
  },
  /** Account changes whose answers are lost are repeated, nothing is flushed, and then Redis is gone. */
  changes(storm, random, atMs) {
    storm.some({ flushBlocked: 3, keepersPause: 1 }, atMs - random.between(0, 300), random.between(1_500, 3_500));
    storm.some({ repliesLost: 4, podCutFromRedis: 1, mysqlUnknownCommits: 1 }, atMs, random.between(50, 500));
    storm.some(GOES, atMs + random.between(700, 2_200), random.between(300, 3_000));
  },
  /**
   * Answers to groups are lost, nothing is flushed, and then Redis is gone: all members of a group must be recovered,
   * or none.
   */
  groups(storm, random, atMs) {
    const silentMs = random.between(50, 500);
    storm.some({ repliesLost: 4, podCutFromRedis: 1, mysqlUnknownCommits: 1 }, atMs, silentMs + random.between(0, 800));
    storm.maybe(0.7, STALLS, atMs, silentMs + random.between(50, 1_500));
    storm.some({ ...ENDS, redisDiskLost: 6 }, atMs + silentMs, random.between(300, 4_000));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /**
   * Answers about holds are lost, nothing is flushed, and then Redis is lost. Meanwhile holds expire, and the clocks
   * differ.
   */
  holds(storm, random, atMs) {
    const silentMs = random.between(50, 500);
    storm.some({ repliesLost: 4, podCutFromRedis: 1, mysqlUnknownCommits: 2 }, atMs, silentMs + random.between(0, 800));
    storm.maybe(0.6, STALLS, atMs, silentMs + random.between(50, 1_500));
    storm.maybe(0.3, { clockJump: 2, podPause: 2, podKill: 1, podStop: 1 }, atMs + random.between(-500, 500));
    storm.maybe(0.8, { ...ENDS, redisDiskLost: 6 }, atMs + silentMs, random.between(300, 4_000));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /** A keeper of another ledger uses the same Redis, while the epoch ends and while nothing is flushed. */
  foreign(storm, random, atMs) {
    storm.some({ foreignKeeper: 1 }, atMs - random.between(0, 600), random.between(500, 4_000));
    storm.maybe(0.4, STALLS, atMs - random.between(0, 400), random.between(300, 1_800));
    storm.maybe(0.6, ENDS, atMs + random.between(0, 1_000), random.between(100, 2_500));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /**
   * The rules move to format 2 while processes of 0.1.0 run, are paused and are resumed, and while Redis or a keeper is
   * lost.
   */
  formats(storm, random, atMs) {
    storm.maybe(0.6, { formerKeeper: 1 }, atMs - random.between(0, 1_500), random.between(1_000, 6_000));
    storm.maybe(0.5, { formerPod: 1 }, atMs - random.between(300, 1_500), random.between(1_000, 6_000));
    storm.maybe(0.4, STALLS, atMs - random.between(0, 400), random.between(300, 1_800));
    storm.some({ formatMove: 1 }, atMs);
    storm.maybe(0.7, { ...ENDS, ...DEATHS }, atMs + random.between(-300, 800), random.between(100, 2_500));
    storm.maybe(0.3, KINDS, atMs + random.between(-500, 1_500));
  },
  /** Accounts have limits, and business days last a second or two, while the authority moves. */
  midnights(storm, random, atMs) {
    storm.maybe(0.4, { repliesLost: 2, podPause: 2, slowLinks: 1 }, atMs - random.between(0, 800));
    storm.maybe(0.5, STALLS, atMs - random.between(0, 400), random.between(300, 1_800));
    storm.some(ENDS, atMs, random.between(100, 2_500));
  },
} satisfies Record<string, Trouble>;

/** The themes. Each run has one, because critical situations would otherwise be rare. */
const THEMES = {
  calm: { weight: 3 },
  anything: { weight: 22, everyMs: [800, 5_000] },
  lostReplies: { weight: 25, everyMs: [2_500, 5_000] },
  sleepers: { weight: 25, everyMs: [2_500, 5_000] },
  memory: { weight: 13, everyMs: [1_000, 3_000] },
  divided: { weight: 12, everyMs: [3_000, 5_000] },
  forgotten: { weight: 8, everyMs: [4_500, 6_000] },
  halfHandedOver: { weight: 9, everyMs: [2_500, 5_000] },
  stops: { weight: 8, everyMs: [4_000, 7_000] },
  renewals: { weight: 6, everyMs: [7_000, 11_000], loadTimes: 2 },
  changes: { weight: 6, everyMs: [2_500, 4_500] },
  foreign: { weight: 4, everyMs: [2_500, 5_000] },
  formats: { weight: 6, everyMs: [2_500, 5_000] },
  // The next three are chosen only on request. Of the other runs, only some have groups or holds, and none has limits.
  groups: { weight: 0, everyMs: [2_500, 4_500] },
  holds: { weight: 0, everyMs: [2_500, 4_500] },
  midnights: { weight: 0, everyMs: [2_500, 5_000] },
  /** A long run with occasional faults, in which the journal is trimmed and ids are forgotten. */
  long: { weight: 3, everyMs: [3_000, 12_000], loadTimes: 5 },
} as const satisfies Record<string, { weight: number; everyMs?: readonly [number, number]; loadTimes?: number }>;
export type Theme = keyof typeof THEMES;
/** @throws RangeError */
export function themeNamed(name: string): Theme {
  if (name in THEMES) return name as Theme;
  throw new RangeError(`there is no theme ${name}; there are ${Object.keys(THEMES).join(', ')}`);
}

export const themeOf = (random: Random): Theme =>
  random.weighted(
    Object.fromEntries(Object.entries(THEMES).map(([theme, { weight }]) => [theme, weight])) as Record<Theme, number>,
  );

/** How much longer the load lasts than in most runs. */
export const loadTimesOf = (theme: Theme): number => {
  const about = THEMES[theme];
  return 'loadTimes' in about ? about.loadTimes : 1;
};

/** All faults of a run, in chronological order. */
export function faultsOf(theme: Theme, random: Random, loadMs: number): Fault[] {
  const storm = new Storm(random);
  if (theme !== 'calm') {
    const [least, most] = THEMES[theme].everyMs;
    for (let atMs = random.between(600, 3_000); atMs < loadMs - 500; atMs += random.between(least, most)) {
      TROUBLES[theme === 'long' ? 'anything' : theme](storm, random, atMs);
    }
    // Keepers can compete for the first activation, too.
    storm.maybe(0.25, { slowKeepers: 1 }, random.between(50, 300), random.between(300, 900));
  }
  return storm.faults.sort((a, b) => a.atMs - b.atMs);
}
