import type { LegName } from '../domain/leg-types.ts';

/**
 * What is known about the outcome of a leg in its shard.
 *
 * - `unknown`: not looked up yet
 * - `absent`: no outcome
 * - `posted`, `refused`: an outcome that Redis has, and that may not be in MySQL yet
 * - `posted-persisted`, `refused-persisted`: the same, committed in MySQL, and therefore permanent
 */
export const LEG_STATES = ['unknown', 'absent', 'posted', 'posted-persisted', 'refused', 'refused-persisted'] as const;
export type LegState = (typeof LEG_STATES)[number];
export type CrossingFacts = Readonly<Record<LegName, LegState>>;

/**
 * The next step of a crossing.
 *
 * - `send`: the leg is sent, again if it was sent before; `until: 'persisted'` waits until its outcome is in MySQL
 * - `look-for`: the outcome of the leg is looked up in its shard
 * - `end`: nothing is to be sent. `done`: the destination has the money. `refused`: the money never left. `returned`:
 *   the source has it again. `kept`: the account of returns has it. `stuck`: `returns` was refused, so the money stays
 * in transit and an operator has to help. `conflict`: the legs contradict each other, which can happen only if a store has lost
 * data; no further step is taken.
 * `isFinal`: MySQL has all outcomes that the end depends on, so the row of the crossing may be closed
 */
export type CrossingStep =
  | { do: 'send'; leg: LegName; until: 'decided' | 'persisted' }
  | { do: 'look-for'; leg: LegName }
  | { do: 'end'; end: CrossingEnd; isFinal: boolean };
export type CrossingEnd = 'done' | 'refused' | 'returned' | 'kept' | 'stuck' | 'conflict';

const send = (leg: LegName, until: 'decided' | 'persisted' = 'persisted'): CrossingStep => ({ do: 'send', leg, until });
const lookFor = (leg: LegName): CrossingStep => ({ do: 'look-for', leg });
const end = (how: CrossingEnd, isFinal = true): CrossingStep => ({ do: 'end', end: how, isFinal });

const PRESENT = ['posted', 'posted-persisted', 'refused', 'refused-persisted'] as const;
const POSTED = ['posted', 'posted-persisted'] as const;

interface Row {
  when: Readonly<Partial<Record<LegName, readonly LegState[]>>>;
  step: CrossingStep;
  because: string;
}

/**
 * The first row that fits decides; a leg that a row does not name may be in any state.
 *
 * | out                  | back              | in                | returns | step                       |
 * |----------------------|-------------------|-------------------|---------|----------------------------|
 * | unknown, absent      |                   |                   |         | send `out`                 |
 * | refused              |                   |                   |         | send `out` until persisted |
 * | refused, persisted   |                   |                   |         | refused                    |
 * | posted               |                   |                   |         | send `out` until persisted |
 * | posted, persisted    | unknown           |                   |         | look for `back`            |
 * |                      | any outcome       | posted            |         | conflict                   |
 * |                      | posted            |                   |         | returned                   |
 * |                      | posted, persisted |                   |         | returned, final            |
 * |                      | refused           |                   |         | send `back` until persisted|
 * |                      | refused, persisted|                   | none    | send `returns`             |
 * |                      |                   |                   | posted  | kept; final if persisted   |
 * |                      |                   |                   | refused | stuck                      |
 * |                      | absent            | unknown, absent   |         | send `in`                  |
 * |                      |                   | posted            |         | done                       |
 * |                      |                   | posted, persisted |         | done, final                |
 * |                      |                   | refused           |         | send `in` until persisted  |
 * |                      |                   | refused, persisted|         | send `back`                |
 */
export const CROSSING_TABLE: readonly Row[] = [
  { when: { out: ['unknown', 'absent'] }, step: send('out'), because: 'nothing has left the source' },
  {
    when: { out: ['posted', 'refused'] },
    step: send('out'),
    because: 'a pod that pauses here could pay out money that never left, once the loss of `out` was accepted',
  },
  { when: { out: ['refused-persisted'] }, step: end('refused'), because: 'the money never left' },
  // From here on `out` is posted and in MySQL.
  {
    when: { back: ['unknown'] },
    step: lookFor('back'),
    because: 'a destination that was restored from a backup may have lost `in`; returned money must not be paid again',
  },
  { when: { back: PRESENT, in: POSTED }, step: end('conflict'), because: 'the money was paid and returned' },
  { when: { back: ['posted'] }, step: end('returned', false), because: 'the source has the money again' },
  { when: { back: ['posted-persisted'] }, step: end('returned'), because: 'the source has the money again' },
  { when: { back: ['refused'] }, step: send('back'), because: 'a loss could free the id of `back`' },
  {
    when: { back: ['refused-persisted'], returns: ['unknown', 'absent'] },
    step: send('returns', 'decided'),
    because: 'the source can never take the money back',
  },
  {
    when: { back: ['refused-persisted'], returns: ['posted'] },
    step: end('kept', false),
    because: 'it is kept for the client',
  },
  {
    when: { back: ['refused-persisted'], returns: ['posted-persisted'] },
    step: end('kept'),
    because: 'it is kept for the client',
  },
  { when: { back: ['refused-persisted'] }, step: end('stuck', false), because: 'no account can take the money' },
  // From here on `back` is absent.
  { when: { returns: PRESENT }, step: end('conflict'), because: '`returns` follows only a refused `back`' },
  { when: { in: ['unknown', 'absent'] }, step: send('in', 'decided'), because: 'the destination has to be paid' },
  { when: { in: ['posted'] }, step: end('done', false), because: 'the destination has the money' },
  { when: { in: ['posted-persisted'] }, step: end('done'), because: 'the destination has the money' },
  {
    when: { in: ['refused'] },
    step: send('in'),
    because: 'a loss could free the id of `in`, and a courier would pay returned money',
  },
  {
    when: { in: ['refused-persisted'] },
    step: send('back', 'decided'),
    because: 'the destination will never take the money',
  },
];

/** Returns the next step of a crossing. This pure function alone decides it, for requests and couriers alike. */
export function nextStep(facts: CrossingFacts): CrossingStep {
  const row = CROSSING_TABLE.find(({ when }) =>
    (Object.entries(when) as [LegName, readonly LegState[]][]).every(([leg, states]) => states.includes(facts[leg])),
  );
  if (!row) throw new RangeError(`no row of the table fits ${JSON.stringify(facts)}`);
  return row.step;
}
