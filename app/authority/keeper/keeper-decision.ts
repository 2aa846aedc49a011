import type { Mode, MovedBy } from '../../domain/authority.ts';
import type { Recovery } from '../../journal/recovery/recovery.ts';
import type { ServerFacts } from '../server-facts.ts';
import type { ReachabilityVote } from './reachability-vote.ts';

/** The times that determine when the authority moves. Wrong values cost time, never money. */
export interface KeeperTiming {
  /**
   * Redis counts as lost once this keeper has been unable to reach it for this many ms, unless the pods report
   * otherwise.
   */
  lostAfterMs: number;
  /** Redis counts as lost once most pods have not reached it for this long, ms. */
  lostByPodsAfterMs: number;
  /**
   * After a loss, Redis must be steady for this long, ms, before the authority returns to it; longer after each further
   * loss.
   */
  steadyAfterMs: number;
}

/** How long a recovered ledger waits for its pods to reach Redis again before it opens on MySQL instead, ms. */
const REOPEN_WAIT_MS = 3_000;
/**
 * After more losses than this within the last minutes, Redis must be steady for longer before it gets the authority
 * again.
 */
const LOSSES_MAX = 2;
const FLAPPING_DOUBLINGS_MAX = 3;
/** How long to wait before retrying a Redis that refuses an epoch because its fence is at a later one, ms. */
const REFUSED_WAIT_MS = 10_000;

/**
 * The situations in which a keeper can find itself, each with its facts. A step of a keeper begins in the state that
 * MySQL's row names and passes through further ones as more facts are read; between two steps, the keeper remembers
 * only its measurements of Redis.
 *
 * | state               | authority  | meaning                                                                            |
 * |---------------------|------------|------------------------------------------------------------------------------------|
 * | serving             | CACHE      | An epoch runs, and Redis has been asked whether it still serves that epoch.        |
 * | nothing-to-recover  | CLOSING    | No epoch of the cache has to be recovered.                                         |
 * | closing             | CLOSING    | An epoch has to be recovered; no recovery from its journal has been tried yet.     |
 * | journal-unavailable | CLOSING    | Its journal cannot be read, or proven complete: only the pods' knowledge is left.  |
 * | journal-recovered   | CLOSING    | Its whole journal is in MySQL.                                                     |
 * | loss-accepted       | both       | An operator has accepted that what is missing is lost.                             |
 * | frozen              | DIRECT     | Accounts wait for the journal of an epoch that was recovered in part.              |
 * | direct              | DIRECT     | MySQL has the authority, and nothing waits.                                        |
 * | steady              | DIRECT     | A suitable Redis has been available for long enough.                               |
 * | candidate           | DIRECT     | Most pods reach that Redis, too, and its owner is known.                           |
 * | rebuilding          | REBUILDING | An epoch is to begin on Redis.                                                     |
 * | activation-failed   | REBUILDING | Redis did not begin the epoch.                                                     |
 */
export interface KeeperFactsByState {
  serving: {
    /** How Redis refuses the epoch; null if Redis serves it, or cannot be reached. */
    refusal: string | null;
    lostForMs: number;
    /** How long Redis has given the same answers, ms. */
    steadyForMs: number;
    vote: ReachabilityVote;
    timing: KeeperTiming;
  };
  'nothing-to-recover': { fit: boolean };
  closing: {
    /** Null while Redis does not answer. */
    server: ServerFacts | null;
    recovery: Recovery | null;
  };
  'journal-unavailable': Record<never, never>;
  'journal-recovered': {
    /** The journal's last seq. */
    end: number;
    fit: boolean;
    /** How many times Redis was lost in the last few minutes, this time included. */
    losses: number;
    vote: ReachabilityVote;
    ageMs: number;
  };
  'loss-accepted': { by: MovedBy };
  frozen: { server: ServerFacts | null };
  direct: {
    fit: boolean;
    losses: number;
    steadyForMs: number;
    sinceRefusedMs: number;
    timing: KeeperTiming;
    replid: string;
  };
  steady: { vote: ReachabilityVote; replid: string };
  candidate: {
    /** Why an epoch may not begin on this Redis; null when it may. */
    obstacle: string | null;
  };
  rebuilding: {
    server: ServerFacts | null;
    fit: boolean;
    ageMs: number;
    lostForMs: number;
    timing: KeeperTiming;
  };
  'activation-failed': {
    reason: string;
    /** True if Redis answered with a refusal. */
    refused: boolean;
    ageMs: number;
    timing: KeeperTiming;
  };
}
export type KeeperState = keyof KeeperFactsByState;
/** A state together with its facts. */
export type KeeperSituation = { [S in KeeperState]: { state: S } & KeeperFactsByState[S] }[KeeperState];

/** The steps that a keeper can take after a decision; `Keeper` implements them. */
export type KeeperStep =
  /** Leaves the authority where it is. */
  | { kind: 'stay' }
  /** Leaves the authority where it is, and forgets all complaints, because nothing is wrong anymore. */
  | { kind: 'stayWell' }
  | { kind: 'complain'; complaint: string }
  | { kind: 'move'; to: Exclude<Mode, 'CACHE'>; reason: string; refusal?: string }
  | { kind: 'recoverFromJournal'; server: ServerFacts; recovery: Recovery | null }
  | { kind: 'recoverFromPods' }
  | { kind: 'recoverAcceptingLoss'; by: MovedBy }
  | { kind: 'recoverFrozen'; server: ServerFacts }
  | { kind: 'finishRecovery'; to: 'REBUILDING' | 'DIRECT'; end: number }
  | { kind: 'askPods'; replid: string }
  | { kind: 'checkOwner'; replid: string }
  | { kind: 'activate'; server: ServerFacts }
  /** Moves to DIRECT; Redis is not tried again immediately. */
  | { kind: 'giveUpActivation'; reason: string };

export interface KeeperTransition {
  state: KeeperState;
  /** The condition in words; `step` implements it. */
  when: string;
  /** The step if the condition holds, else null. */
  step(situation: KeeperSituation): KeeperStep | null;
}

const STAY: KeeperStep = { kind: 'stay' };
const to = (mode: Exclude<Mode, 'CACHE'>, reason: string): KeeperStep => ({ kind: 'move', to: mode, reason });
const isReachable = ({ live, mostReachRedis }: ReachabilityVote) => live === 0 || mostReachRedis;
const lostTime = (f: KeeperFactsByState['rebuilding']) => Math.min(f.ageMs, f.server ? f.ageMs : f.lostForMs);

/**
 * Of the rows of a state, the first one whose condition is true decides; the condition of the last one is always true.
 */
// biome-ignore format: a table
export const KEEPER_TRANSITIONS: readonly KeeperTransition[] = [
  // This keeper may be the only process that was routed to another server, but even then, it cannot flush the epoch's
  // journal.
  row('serving', 'another server: most pods do not reach Redis either, or this has lasted long enough',
    (f) => f.refusal !== null && (!f.vote.mostReachRedis || f.steadyForMs >= f.timing.lostByPodsAfterMs),
    (f) => ({ kind: 'move', to: 'CLOSING', reason: `Redis is not the server of the epoch: ${f.refusal}`, refusal: f.refusal ?? '' })),
  row('serving', 'unreachable for too long, and most pods do not report otherwise',
    (f) => f.lostForMs >= f.timing.lostAfterMs && !f.vote.mostReachRedis, () => to('CLOSING', 'Redis cannot be reached')),
  row('serving', 'most pods have been unable to reach it for too long',
    (f) => f.vote.mostHaveLostRedisForMs >= f.timing.lostByPodsAfterMs, () => to('CLOSING', 'most pods cannot reach Redis')),
  row('serving', 'reachable', (f) => f.lostForMs === 0, () => ({ kind: 'stayWell' })),
  row('serving', 'otherwise', always, () => STAY),

  row('nothing-to-recover', 'a suitable Redis', (f) => f.fit, () => to('REBUILDING', 'no epoch to recover')),
  row('nothing-to-recover', 'otherwise', always, () => to('DIRECT', 'no epoch to recover')),
  row('closing', 'Redis answers', (f) => f.server !== null, (f) => f.server && { kind: 'recoverFromJournal', server: f.server, recovery: f.recovery }),
  row('closing', 'otherwise', always, () => ({ kind: 'recoverFromPods' })),
  row('journal-unavailable', 'always', always, () => ({ kind: 'recoverFromPods' })),
  row('journal-recovered', 'an unsuitable Redis', (f) => !f.fit, ({ end }) => ({ kind: 'finishRecovery', to: 'DIRECT', end })),
  row('journal-recovered', 'lost again and again', (f) => f.losses > LOSSES_MAX, ({ end }) => ({ kind: 'finishRecovery', to: 'DIRECT', end })),
  row('journal-recovered', 'the pods reach it', (f) => isReachable(f.vote), ({ end }) => ({ kind: 'finishRecovery', to: 'REBUILDING', end })),
  row('journal-recovered', 'the pods may still reach it', (f) => f.ageMs < REOPEN_WAIT_MS, () => STAY),
  row('journal-recovered', 'otherwise', always, ({ end }) => ({ kind: 'finishRecovery', to: 'DIRECT', end })),
  row('loss-accepted', 'always', always, ({ by }) => ({ kind: 'recoverAcceptingLoss', by })),

  row('frozen', 'a master answers', (f) => f.server?.role === 'master', (f) => f.server && { kind: 'recoverFrozen', server: f.server }),
  row('frozen', 'otherwise', always, () => STAY),
  row('direct', 'no suitable Redis', (f) => !f.fit, () => STAY),
  row('direct', 'not steady for long enough', (f) => f.steadyForMs < steadyTime(f), () => STAY),
  row('direct', 'it recently refused an epoch', (f) => f.sinceRefusedMs < REFUSED_WAIT_MS, () => STAY),
  row('direct', 'otherwise', always, ({ replid }) => ({ kind: 'askPods', replid })),
  row('steady', 'most pods do not reach it', (f) => !isReachable(f.vote), () => STAY),
  row('steady', 'otherwise', always, ({ replid }) => ({ kind: 'checkOwner', replid })),
  row('candidate', 'it is not ours', (f) => f.obstacle !== null, (f) => ({ kind: 'complain', complaint: f.obstacle ?? '' })),
  row('candidate', 'otherwise', always, () => to('REBUILDING', 'a suitable Redis is available')),

  row('rebuilding', 'a suitable Redis', (f) => f.fit, (f) => f.server && { kind: 'activate', server: f.server }),
  row('rebuilding', 'it may still come', (f) => lostTime(f) < f.timing.lostAfterMs, () => STAY),
  row('rebuilding', 'otherwise', always, () => to('DIRECT', 'no suitable Redis is available anymore')),
  row('activation-failed', 'no answer yet, and one may still come', (f) => !f.refused && f.ageMs < f.timing.lostAfterMs, () => STAY),
  row('activation-failed', 'otherwise', always, (f) => ({ kind: 'giveUpActivation', reason: `Redis cannot begin the epoch: ${f.reason}` })),
];

/** Returns the step that follows from a state and its facts. Pure: the same situation gives the same step. */
export function decide(situation: KeeperSituation): KeeperStep {
  for (const row of KEEPER_TRANSITIONS) {
    const step = row.state === situation.state ? row.step(situation) : null;
    if (step) return step;
  }
  throw new RangeError(`no row decides in the state ${situation.state}`);
}

/** How long Redis must have been steady, ms: 0 if it was never lost, and longer with every loss. */
function steadyTime({ losses, timing }: KeeperFactsByState['direct']): number {
  return losses === 0 ? 0 : timing.steadyAfterMs * 2 ** Math.min(losses - 1, FLAPPING_DOUBLINGS_MAX);
}

function always(): boolean {
  return true;
}

type SituationIn<S extends KeeperState> = Extract<KeeperSituation, { state: S }>;
const isIn = <S extends KeeperState>(situation: KeeperSituation, state: S): situation is SituationIn<S> =>
  situation.state === state;

function row<S extends KeeperState>(
  state: S,
  when: string,
  holds: (facts: SituationIn<S>) => boolean,
  step: (facts: SituationIn<S>) => KeeperStep | null,
): KeeperTransition {
  return {
    state,
    when,
    step: (situation) => (isIn(situation, state) && holds(situation) ? step(situation) : null),
  };
}
