import { describe, expect, it } from 'vitest';
import {
  decide,
  SESSION_STATES,
  SESSION_TRANSITIONS,
  type SessionAction,
  type SessionEvent,
  type SessionFacts,
  type SessionFactsByEvent,
  type SessionState,
} from './session-decision.ts';

/** A turn in which there is nothing to do except what a test adds. */
const QUIET = {
  authority: 'CACHE',
  epochEnded: false,
  mayCallRedis: true,
  redisReady: false,
  inDoubtTooLong: false,
  observationDue: false,
} as const;
const turn = (facts: Partial<SessionFactsByEvent['turn']>): SessionFacts => ({ event: 'turn', ...QUIET, ...facts });
const stop = (facts: Partial<SessionFactsByEvent['stop']>): SessionFacts => ({
  event: 'stop',
  nothingToHandOver: false,
  handOverPending: false,
  timeIsUp: false,
  ...facts,
});
const joinFailed = (facts: Partial<SessionFactsByEvent['joinFailed']>): SessionFacts => ({
  event: 'joinFailed',
  retired: false,
  worksUnderEarlierId: false,
  ...facts,
});

type Example = [from: SessionState, facts: SessionFacts, action: SessionAction, to: SessionState];

/** The rows in the order of the table, each with its purpose and the resulting state. */
const EXAMPLES: Example[] = [
  ['joining', turn({ epochEnded: true }), 'leaveEpoch', 'waiting'],
  ['open', turn({ epochEnded: true, authority: 'DIRECT', redisReady: true }), 'leaveEpoch', 'waiting'],
  ['unknown', turn({}), 'none', 'joining'],
  ['waiting', turn({ redisReady: true }), 'none', 'joining'],
  ['direct', turn({}), 'none', 'joining'],
  ['unknown', turn({ authority: 'DIRECT' }), 'openDirect', 'direct'],
  ['waiting', turn({ authority: 'DIRECT' }), 'openDirect', 'direct'],
  ['joining', turn({ authority: 'DIRECT' }), 'openDirect', 'direct'],
  ['direct', turn({ authority: 'DIRECT' }), 'followEpoch', 'direct'],
  ['unknown', turn({ authority: 'CLOSING' }), 'none', 'waiting'],
  ['joining', turn({ authority: 'REBUILDING', redisReady: true }), 'none', 'waiting'],
  ['direct', turn({ authority: 'REBUILDING' }), 'none', 'waiting'],
  ['joining', turn({ redisReady: true }), 'join', 'joining'],
  ['open', turn({ redisReady: true, inDoubtTooLong: true, observationDue: true }), 'rejoin', 'open'],
  ['open', turn({ observationDue: true }), 'observe', 'open'],
  ['joining', { event: 'joined' }, 'announceOpen', 'open'],
  ['open', { event: 'joined' }, 'announceOpen', 'open'],
  ['open', joinFailed({ worksUnderEarlierId: true, retired: true }), 'keepId', 'open'],
  ['joining', joinFailed({ retired: true }), 'renewId', 'joining'],
  ['open', joinFailed({ retired: true }), 'renewId', 'joining'],
  ['joining', joinFailed({}), 'none', 'joining'],
  ['open', joinFailed({}), 'none', 'joining'],
  ['joining', { event: 'redisInDoubt', retired: true }, 'renewId', 'joining'],
  ['open', { event: 'redisInDoubt', retired: true }, 'renewId', 'joining'],
  ['open', { event: 'redisInDoubt', retired: false }, 'none', 'joining'],
  ['direct', { event: 'authorityMoved' }, 'none', 'waiting'],
  ['open', stop({}), 'observe', 'open'],
  ['open', stop({ nothingToHandOver: true }), 'returnRegistrations', 'returning'],
  ['joining', stop({ nothingToHandOver: true }), 'returnRegistrations', 'returning'],
  ['direct', stop({ nothingToHandOver: true }), 'returnRegistrations', 'returning'],
  ['open', stop({ timeIsUp: true }), 'leaveEpoch', 'handing-over'],
  ['open', stop({ nothingToHandOver: true, handOverPending: true }), 'leaveEpoch', 'handing-over'],
  ['joining', stop({}), 'leaveEpoch', 'handing-over'],
  ['waiting', stop({ nothingToHandOver: true, handOverPending: true }), 'leaveEpoch', 'handing-over'],
  ['returning', { event: 'registrationsReturned', confirmed: true }, 'none', 'stopped'],
  ['returning', { event: 'registrationsReturned', confirmed: false }, 'leaveEpoch', 'handing-over'],
  ['handing-over', { event: 'handedOver', pending: false, triesLeft: false }, 'none', 'stopped'],
  ['handing-over', { event: 'handedOver', pending: true, triesLeft: true }, 'deliver', 'handing-over'],
  ['handing-over', { event: 'handedOver', pending: true, triesLeft: false }, 'reportNotHandedOver', 'stopped'],
];

const rowOf = (from: SessionState, facts: SessionFacts) =>
  SESSION_TRANSITIONS.find((row) => row.on === facts.event && row.from.includes(from) && row.holds(facts));

/** Every combination of facts, which shows that the forbidden steps never happen. */
function everyFact(): SessionFacts[] {
  const bits = [false, true];
  const modes = [null, 'CACHE', 'CLOSING', 'DIRECT', 'REBUILDING'] as const;
  const all: SessionFacts[] = [{ event: 'joined' }, { event: 'authorityMoved' }];
  for (const a of bits) {
    all.push({ event: 'redisInDoubt', retired: a }, { event: 'registrationsReturned', confirmed: a });
    for (const b of bits) {
      all.push({ event: 'joinFailed', retired: a, worksUnderEarlierId: b });
      all.push({ event: 'handedOver', pending: a, triesLeft: b });
      for (const c of bits) {
        all.push({ event: 'stop', nothingToHandOver: a, handOverPending: b, timeIsUp: c });
        for (const d of bits)
          for (const e of bits)
            for (const authority of modes)
              all.push(
                turn({
                  authority,
                  epochEnded: a,
                  mayCallRedis: b,
                  redisReady: c,
                  inDoubtTooLong: d,
                  observationDue: e,
                }),
              );
      }
    }
  }
  return all;
}
const every = SESSION_STATES.flatMap((from) => everyFact().map((facts) => ({ from, facts, ...decide(from, facts) })));

describe('The session decides', () => {
  it.each(EXAMPLES)('in %s, on %j: %s, and is %s', (from, facts, action, to) => {
    expect(decide(from, facts)).toEqual({ action, to });
  });

  it('by a table: each row has an example, and applies in every state that it names', () => {
    const missing = SESSION_TRANSITIONS.filter((row) => !EXAMPLES.some(([from, facts]) => rowOf(from, facts) === row));
    expect(missing.map(({ on, when, action }) => [on, when, action])).toEqual([]);
    const unreached = SESSION_TRANSITIONS.flatMap((row) =>
      row.from.filter((from) => !every.some((one) => one.from === from && rowOf(from, one.facts) === row)),
    );
    expect(unreached).toEqual([]);
  });

  it('nothing where no row matches', () => {
    const facts: [SessionState, SessionFacts][] = [
      ['unknown', turn({ authority: null })],
      ['waiting', turn({ authority: 'CLOSING', redisReady: true })],
      ['joining', turn({})],
      ['joining', turn({ mayCallRedis: false, redisReady: true })],
      ['open', turn({ redisReady: true })],
      ['open', turn({ mayCallRedis: false, observationDue: true })],
      ['waiting', { event: 'redisInDoubt', retired: true }],
      ['open', { event: 'authorityMoved' }],
    ];
    for (const [from, fact] of facts) expect(decide(from, fact)).toEqual({ action: 'none', to: from });
  });
});

describe('Whatever the facts', () => {
  const on = (...events: SessionEvent[]) => every.filter(({ facts }) => events.includes(facts.event));

  it('requests go to Redis only after Redis has accepted the registration', () => {
    const opening = every.filter(({ from, to }) => to === 'open' && from !== 'open');
    expect(new Set(opening.map(({ from, facts }) => `${from} ${facts.event}`))).toEqual(new Set(['joining joined']));
  });

  it('requests go to MySQL only when MySQL has the authority', () => {
    const opening = every.filter(({ from, to }) => to === 'direct' && from !== 'direct');
    expect(opening.length).toBeGreaterThan(0);
    for (const { facts } of opening) expect(facts).toMatchObject({ event: 'turn', authority: 'DIRECT' });
  });

  it('a session leaves an ended epoch before it does anything else', () => {
    const ended = on('turn').filter(({ from, facts }) => {
      return (from === 'open' || from === 'joining') && facts.event === 'turn' && facts.epochEnded;
    });
    for (const { action, to } of ended) expect([action, to]).toEqual(['leaveEpoch', 'waiting']);
  });

  it('a session that leaves an epoch, or returns its registrations, accepts no request', () => {
    for (const { action, to } of every.filter((one) => /leaveEpoch|returnRegistrations/.test(one.action))) {
      expect(`${action} ${to}`).toMatch(/ (waiting|returning|handing-over)$/);
    }
  });

  it('registrations are returned only when nothing is left to hand over', () => {
    for (const { facts } of every.filter(({ action }) => action === 'returnRegistrations')) {
      expect(facts).toMatchObject({ event: 'stop', nothingToHandOver: true, handOverPending: false });
    }
  });

  it('a session that stops never starts again', () => {
    for (const { from, to } of every) {
      if (from === 'stopped') expect(to).toBe('stopped');
      if (from === 'handing-over') expect(['handing-over', 'stopped']).toContain(to);
      if (from === 'returning') expect(['returning', 'handing-over', 'stopped']).toContain(to);
    }
  });

  it('a turn settles after at most three decisions', () => {
    for (const { from, facts } of on('turn')) {
      if (facts.event !== 'turn') continue;
      let state = from;
      let decisions = 0;
      let now: SessionFacts = facts;
      for (; decisions < 10; decisions++) {
        const { action, to } = decide(state, now);
        if (to === state) break;
        state = to;
        // Once the session has left its epoch, it has none to leave.
        if (action === 'leaveEpoch') now = { ...facts, epochEnded: false };
        else if (to === 'joining') now = { ...facts, epochEnded: false };
      }
      expect(decisions).toBeLessThanOrEqual(3);
    }
  });
});
