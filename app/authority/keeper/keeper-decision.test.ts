import { describe, expect, it } from 'vitest';
import type { ServerFacts } from '../server-facts.ts';
import {
  decide,
  KEEPER_TRANSITIONS,
  type KeeperFactsByState,
  type KeeperSituation,
  type KeeperState,
  type KeeperStep,
} from './keeper-decision.ts';
import { countVote } from './reachability-vote.ts';

const timing = { lostAfterMs: 1_500, lostByPodsAfterMs: 5_000, steadyAfterMs: 10_000 };
const MASTER = { role: 'master', replid: 'r' } as ServerFacts;
const REPLICA = { ...MASTER, role: 'slave' } as ServerFacts;
const by = { keeper: 'operator', reason: 'the disk is gone' };

/** The vote when some pods reach Redis, and others have not reached it for `lostForMs`. */
const pods = (reach: number, lost = 0, lostForMs = 100) =>
  countVote(
    Array.from({ length: reach + lost }, (_, n) => ({
      processId: `p${n}`,
      redisSeen: n < reach,
      redisSinceMs: lostForMs,
      silentMs: 0,
    })),
  );

/** Facts in which nothing is wrong except what a test adds. */
const USUAL: KeeperFactsByState = {
  serving: { refusal: null, lostForMs: 0, steadyForMs: 60_000, vote: pods(3), timing },
  'nothing-to-recover': { fit: true },
  closing: { server: MASTER, recovery: null },
  'journal-unavailable': {},
  'journal-recovered': { end: 7, fit: true, losses: 1, vote: pods(3), ageMs: 100 },
  'loss-accepted': { by },
  frozen: { server: MASTER },
  direct: { fit: true, losses: 0, steadyForMs: 0, sinceRefusedMs: Number.POSITIVE_INFINITY, timing, replid: 'r' },
  steady: { vote: pods(3), replid: 'r' },
  candidate: { obstacle: null },
  rebuilding: { server: MASTER, fit: true, ageMs: 100, lostForMs: 0, timing },
  'activation-failed': { reason: 'refused: fenced', refused: true, ageMs: 100, timing },
};
const when = <S extends KeeperState>(state: S, facts: Partial<KeeperFactsByState[S]> = {}): KeeperSituation =>
  ({ state, ...USUAL[state], ...facts }) as KeeperSituation;

const STAY: KeeperStep = { kind: 'stay' };
const closing = (reason: string): KeeperStep => ({ kind: 'move', to: 'CLOSING', reason });
const REFUSED: KeeperStep = {
  ...closing('Redis is not the server of the epoch: other_server'),
  refusal: 'other_server',
} as KeeperStep;
const finish = (to: 'REBUILDING' | 'DIRECT'): KeeperStep => ({ kind: 'finishRecovery', to, end: 7 });

/** Situations with the expected step, in the order of the table. */
const EXAMPLES: [KeeperSituation, KeeperStep][] = [
  [when('serving', { refusal: 'other_server', steadyForMs: 0, vote: pods(1, 2) }), REFUSED],
  [when('serving', { refusal: 'other_server', steadyForMs: 0, vote: pods(0) }), REFUSED],
  [when('serving', { refusal: 'other_server', steadyForMs: 5_000 }), REFUSED],
  [when('serving', { lostForMs: 1_500, vote: pods(1, 2) }), closing('Redis cannot be reached')],
  [when('serving', { lostForMs: 1_500, vote: pods(0) }), closing('Redis cannot be reached')],
  [when('serving', { vote: pods(1, 2, 5_000) }), closing('most pods cannot reach Redis')],
  [when('serving'), { kind: 'stayWell' }],
  [when('serving', { refusal: 'other_server', steadyForMs: 4_999 }), { kind: 'stayWell' }],
  [when('serving', { vote: pods(1, 2, 4_999) }), { kind: 'stayWell' }],
  [when('serving', { lostForMs: 1_499, vote: pods(0) }), STAY],
  [when('serving', { lostForMs: 60_000 }), STAY],
  [when('nothing-to-recover'), { kind: 'move', to: 'REBUILDING', reason: 'no epoch to recover' }],
  [when('nothing-to-recover', { fit: false }), { kind: 'move', to: 'DIRECT', reason: 'no epoch to recover' }],
  [when('closing'), { kind: 'recoverFromJournal', server: MASTER, recovery: null }],
  [when('closing', { server: null }), { kind: 'recoverFromPods' }],
  [when('journal-unavailable'), { kind: 'recoverFromPods' }],
  [when('journal-recovered', { fit: false }), finish('DIRECT')],
  [when('journal-recovered', { losses: 3 }), finish('DIRECT')],
  [when('journal-recovered'), finish('REBUILDING')],
  [when('journal-recovered', { losses: 2, vote: pods(0) }), finish('REBUILDING')],
  [when('journal-recovered', { vote: pods(1, 2), ageMs: 2_999 }), STAY],
  [when('journal-recovered', { vote: pods(1, 2), ageMs: 3_000 }), finish('DIRECT')],
  [when('loss-accepted'), { kind: 'recoverAcceptingLoss', by }],
  [when('frozen'), { kind: 'recoverFrozen', server: MASTER }],
  [when('frozen', { server: REPLICA }), STAY],
  [when('frozen', { server: null }), STAY],
  [when('direct', { fit: false }), STAY],
  [when('direct', { losses: 1, steadyForMs: 9_999 }), STAY],
  [when('direct', { losses: 3, steadyForMs: 39_999 }), STAY],
  [when('direct', { losses: 9, steadyForMs: 79_999 }), STAY],
  [when('direct', { sinceRefusedMs: 9_999 }), STAY],
  [when('direct'), { kind: 'askPods', replid: 'r' }],
  [when('direct', { losses: 3, steadyForMs: 40_000 }), { kind: 'askPods', replid: 'r' }],
  [when('direct', { losses: 9, steadyForMs: 80_000 }), { kind: 'askPods', replid: 'r' }],
  [when('steady', { vote: pods(1, 2) }), STAY],
  [when('steady'), { kind: 'checkOwner', replid: 'r' }],
  [when('steady', { vote: pods(0) }), { kind: 'checkOwner', replid: 'r' }],
  [when('candidate', { obstacle: 'another ledger' }), { kind: 'complain', complaint: 'another ledger' }],
  [when('candidate'), { kind: 'move', to: 'REBUILDING', reason: 'a suitable Redis is available' }],
  [when('rebuilding'), { kind: 'activate', server: MASTER }],
  [when('rebuilding', { fit: false, ageMs: 1_499 }), STAY],
  [when('rebuilding', { server: null, fit: false, ageMs: 60_000, lostForMs: 1_499 }), STAY],
  [
    when('rebuilding', { fit: false, ageMs: 1_500 }),
    { kind: 'move', to: 'DIRECT', reason: 'no suitable Redis is available anymore' },
  ],
  [
    when('rebuilding', { server: null, fit: false, ageMs: 60_000, lostForMs: 1_500 }),
    { kind: 'move', to: 'DIRECT', reason: 'no suitable Redis is available anymore' },
  ],
  [when('activation-failed', { refused: false, ageMs: 1_499 }), STAY],
  [when('activation-failed'), { kind: 'giveUpActivation', reason: 'Redis cannot begin the epoch: refused: fenced' }],
  [
    when('activation-failed', { refused: false, ageMs: 1_500 }),
    { kind: 'giveUpActivation', reason: 'Redis cannot begin the epoch: refused: fenced' },
  ],
];

const rowOf = (situation: KeeperSituation) => KEEPER_TRANSITIONS.find((row) => row.step(situation) !== null);

describe('The keeper decides', () => {
  it.each(EXAMPLES.map(([situation, step], n) => [n, situation.state, step.kind, situation, step] as const))(
    'example %i: in %s, %s',
    (_n, _state, _kind, situation, step) => {
      expect(decide(situation)).toEqual(step);
    },
  );

  it('by a table, every row of which has an example', () => {
    const missing = KEEPER_TRANSITIONS.filter((row) => !EXAMPLES.some(([situation]) => rowOf(situation) === row));
    expect(missing.map((row) => `${row.state}: ${row.when}`)).toEqual([]);
  });

  it('in every state, whatever it finds there', () => {
    const states = new Set(KEEPER_TRANSITIONS.map(({ state }) => state));
    expect(states).toEqual(new Set(Object.keys(USUAL)));
    for (const state of states) {
      const last = KEEPER_TRANSITIONS.filter((row) => row.state === state).at(-1);
      expect(last?.step(when(state)), state).not.toBeNull();
    }
  });
});

describe('Whatever the keeper finds', () => {
  const steps = (...states: KeeperState[]) =>
    EXAMPLES.filter(([{ state }]) => states.includes(state)).map(([situation]) => decide(situation));

  it('it leaves CLOSING only by a recovery, or when there is nothing to recover', () => {
    for (const step of steps('closing', 'journal-unavailable', 'journal-recovered', 'loss-accepted')) {
      expect(step.kind).not.toBe('move');
    }
    for (const step of steps('journal-unavailable')) expect(step.kind).toBe('recoverFromPods');
  });

  it('it never goes back to the cache while accounts are frozen', () => {
    for (const step of steps('frozen')) expect(['stay', 'recoverFrozen']).toContain(step.kind);
  });
});
