import type { Format } from '../../app/domain/authority.ts';
import type { Random } from '../core/random.ts';
import { type Fault, faultsOf, loadTimesOf, type Theme, themeOf } from './themes.ts';

/** Everything about a run that is decided before it begins. */
export interface Plan {
  theme: Theme;
  pods: number;
  keepers: number;
  clients: number;
  /** Mean time between the requests of one client, ms. */
  thinkMs: number;
  accounts: number;
  amountMax: number;
  overdraftLimit: number;
  /** How often a client changes an account; 100 is about as often as everything else together. */
  changeWeight: number;
  /** How often a client sends a group, or another request about a group. */
  groupWeight: number;
  /** How often a client places a hold, or sends another request about one. */
  holdWeight: number;
  cachedHoldsMax: number;
  cachedAccountsMax: number;
  idWindowMs: number;
  /** Whether the servers have names of their own, and can be replicated. */
  redisNamed: boolean;
  redisReplicated: boolean;
  /** The time at which clients and faults stop. */
  loadMs: number;
  /** Whether Redis works again at the end of the run, or never comes back. */
  redisReturns: boolean;
  faults: Fault[];
  /**
   * The amount that an account may pay out in a business day, and the length of a business day, virtual ms; null: no
   * limits.
   */
  limits: { dailyDebitMax: number; dayMs: number } | null;
  /** The format of the rules in which the world begins. */
  format: Format;
}

/** In the other themes: the share of worlds in which clients also send some groups. */
const GROUPS_SHARE = 0.2;
const SOME_GROUPS = 15;
/** The same for holds. */
const HOLDS_SHARE = 0.25;
const SOME_HOLDS = 25;
const MANY_HOLDS = 110;
/** A group needs all its accounts in Redis at once, so Redis must have room for this many. */
const ROOM_FOR_A_GROUP = 20;

/** @param about the theme, if it is not random */
export function planOf(random: Random, about: Theme | null): Plan {
  const plan = planWithoutGroups(random, about);
  // Drawn last, so that the other worlds stay unchanged.
  const some = random.chance(GROUPS_SHARE) ? SOME_GROUPS : 0;
  const groupWeight = plan.theme === 'groups' ? 60 : some;
  const holds = holdsOf(random, plan.theme);
  if (groupWeight === 0) return { ...plan, ...holds };
  return { ...plan, ...holds, groupWeight, cachedAccountsMax: plan.cachedAccountsMax + ROOM_FOR_A_GROUP };
}

/** In worlds with holds, Redis often has room for only a few, so that they are evicted and loaded all the time. */
function holdsOf(random: Random, theme: Theme): Partial<Plan> {
  const some = random.chance(HOLDS_SHARE) ? SOME_HOLDS : 0;
  const cachedHoldsMax = random.chance(0.5) ? random.whole(0, 4) : 1_000;
  if (theme === 'midnights') return { holdWeight: SOME_HOLDS, cachedHoldsMax };
  if (theme !== 'holds') return { holdWeight: some, cachedHoldsMax };
  // With these limits, most holds are placed, and some are refused.
  return { holdWeight: MANY_HOLDS, cachedHoldsMax, overdraftLimit: random.pick([50, 200, 500]) };
}

function planWithoutGroups(random: Random, about: Theme | null): Plan {
  const drawnMs = random.whole(5_000, 9_000);
  const drawn = themeOf(random);
  const theme = about ?? drawn;
  const loadMs = drawnMs * loadTimesOf(theme);
  const faults = faultsOf(theme, random, loadMs);
  const tight = theme === 'memory' || random.chance(0.25);
  const promotes = faults.some(({ kind }) => kind === 'redisPromote');
  return {
    theme,
    pods: random.whole(2, 3),
    keepers: random.whole(1, 2),
    clients: random.whole(2, 4),
    thinkMs: random.between(60, 180),
    accounts: random.whole(4, 9),
    amountMax: random.pick([20, 60, 200]),
    overdraftLimit: random.pick([0, 0, 50]),
    changeWeight: theme === 'changes' ? 60 : theme === 'renewals' ? 30 : 4,
    groupWeight: 0,
    holdWeight: 0,
    cachedHoldsMax: 1_000,
    cachedAccountsMax: tight ? random.whole(4, 6) : 1_000,
    idWindowMs: tight ? random.pick([1_000, 2_000]) : random.pick([4_000, 120_000]),
    redisNamed: random.chance(0.6),
    redisReplicated: promotes ? random.chance(0.9) : random.chance(0.2),
    loadMs,
    redisReturns: random.chance(0.9),
    faults,
    format:
      theme === 'groups' || theme === 'holds' || theme === 'midnights'
        ? 2
        : theme === 'formats' || random.chance(0.5)
          ? 1
          : 2,
    limits: theme === 'midnights' ? limitsOf(random) : null,
  };
}

/** Limits that are low enough, and days that are long enough, for a limit to be reached within a day. */
export const limitsOf = (random: Random) => ({
  dailyDebitMax: random.pick([100, 200, 400]),
  dayMs: random.whole(700, 2_500),
});
