import type { Mode } from '../../domain/authority.ts';

/**
 * What a pod does with requests. A session is in one of these states at a time.
 *
 * | state        | requests        | meaning                                                                                  |
 * |--------------|-----------------|------------------------------------------------------------------------------------------|
 * | unknown      | held            | The authority has not been read yet.                                                     |
 * | waiting      | held            | No store accepts changes from this pod: the authority is moving or the ledger is closed. |
 * | joining      | held            | The cache has the authority; the pod registers, or verifies Redis after a failure.       |
 * | open         | go to Redis     | Registered in MySQL and in Redis, and Redis answers as the server of the epoch.          |
 * | direct       | go to MySQL     | MySQL has the authority.                                                                 |
 * | returning    | none anymore    | Stopping with nothing to hand over: Redis retires the ids, MySQL removes the rows.       |
 * | handing-over | none anymore    | Stopping: MySQL receives what it does not have yet.                                      |
 * | stopped      | none anymore    | The end.                                                                                 |
 */
export const SESSION_STATES = [
  'unknown',
  'waiting',
  'joining',
  'open',
  'direct',
  'returning',
  'handing-over',
  'stopped',
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** The actions that a session can carry out after a decision; `PodSession` implements them. */
export type SessionAction =
  | 'none'
  /** Registers in MySQL, then in Redis. */
  | 'join'
  /** Joins again under a new pod id: attempts under the earlier ids can then no longer run. */
  | 'rejoin'
  /** Asks Redis for the journal's end and the published cursor. */
  | 'observe'
  /** Records what is known of the epoch, leaves it and destroys the connection, in one synchronous step. */
  | 'leaveEpoch'
  | 'openDirect'
  | 'followEpoch'
  | 'announceOpen'
  | 'renewId'
  | 'keepId'
  | 'returnRegistrations'
  | 'deliver'
  | 'reportNotHandedOver';

/** The facts that a decision is based on, by event. */
export interface SessionFactsByEvent {
  /** A turn of the session's loop, after it has asked MySQL for the authority. */
  turn: {
    /** The authority as last read; null if it has never been read. */
    authority: Mode | null;
    /** The epoch that this pod has tried to join is no longer the cache's. */
    epochEnded: boolean;
    /** The authority names its Redis, and no earlier call of this session to Redis is under way. */
    mayCallRedis: boolean;
    redisReady: boolean;
    /** An attempt has been in doubt for so long that no reply will come. */
    inDoubtTooLong: boolean;
    observationDue: boolean;
  };
  joined: Record<never, never>;
  joinFailed: {
    /** This pod id was retired: no script runs under it again. */
    retired: boolean;
    /** The pod works under an earlier id, which is still valid. */
    worksUnderEarlierId: boolean;
  };
  /** A script failed in a way that casts doubt on the connection, the server or this pod's registration. */
  redisInDoubt: { retired: boolean };
  /** A direct transaction found that the authority has moved. */
  authorityMoved: Record<never, never>;
  /** The process is to stop, and every request has been answered. */
  stop: {
    /** MySQL has everything that this pod has acknowledged, and none of its attempts is in doubt. */
    nothingToHandOver: boolean;
    /** Something of an earlier epoch is still to be handed over. */
    handOverPending: boolean;
    timeIsUp: boolean;
  };
  registrationsReturned: {
    /** Redis has retired every id, and MySQL has removed every registration. */
    confirmed: boolean;
  };
  handedOver: { pending: boolean; triesLeft: boolean };
}
export type SessionEvent = keyof SessionFactsByEvent;
export type SessionFacts = { [E in SessionEvent]: { event: E } & SessionFactsByEvent[E] }[SessionEvent];

export interface SessionTransition {
  on: SessionEvent;
  from: readonly SessionState[];
  /** The condition in words; `holds` implements it. */
  when: string;
  holds(facts: SessionFacts): boolean;
  action: SessionAction;
  to: SessionState;
}

const RUNNING: readonly SessionState[] = ['unknown', 'waiting', 'joining', 'open', 'direct'];
export const isRunning = (state: SessionState): boolean => RUNNING.includes(state);
const moving = (mode: Mode | null) => mode === 'CLOSING' || mode === 'REBUILDING';

/**
 * The first row whose event, state and condition match decides; if none does, the state stays the same and nothing is
 * done.
 */
// biome-ignore format: a table
export const SESSION_TRANSITIONS: readonly SessionTransition[] = [
  // A turn repeats until a decision leaves the state as it is.
  on('turn', ['joining', 'open'], 'the epoch has ended', (f) => f.epochEnded, 'leaveEpoch', 'waiting'),
  on('turn', ['unknown', 'waiting', 'direct'], 'CACHE', (f) => f.authority === 'CACHE', 'none', 'joining'),
  on('turn', ['unknown', 'waiting', 'joining'], 'DIRECT', (f) => f.authority === 'DIRECT', 'openDirect', 'direct'),
  on('turn', ['direct'], 'DIRECT', (f) => f.authority === 'DIRECT', 'followEpoch', 'direct'),
  on('turn', ['unknown', 'joining', 'direct'], 'CLOSING or REBUILDING', (f) => moving(f.authority), 'none', 'waiting'),
  on('turn', ['joining'], 'Redis can be called', (f) => f.mayCallRedis && f.redisReady, 'join', 'joining'),
  on('turn', ['open'], 'in doubt for too long', (f) => f.mayCallRedis && f.redisReady && f.inDoubtTooLong, 'rejoin', 'open'),
  on('turn', ['open'], 'an observation is due', (f) => f.mayCallRedis && f.observationDue, 'observe', 'open'),

  on('joined', ['joining', 'open'], 'always', () => true, 'announceOpen', 'open'),
  on('joinFailed', ['open'], 'the earlier id still works', (f) => f.worksUnderEarlierId, 'keepId', 'open'),
  on('joinFailed', ['joining', 'open'], 'the id is retired', (f) => f.retired, 'renewId', 'joining'),
  on('joinFailed', ['joining', 'open'], 'otherwise', () => true, 'none', 'joining'),

  on('redisInDoubt', ['joining', 'open'], 'the id is retired', (f) => f.retired, 'renewId', 'joining'),
  on('redisInDoubt', ['open'], 'otherwise', () => true, 'none', 'joining'),
  on('authorityMoved', ['direct'], 'always', () => true, 'none', 'waiting'),

  on('stop', ['open'], 'the flush can still catch up', (f) => !f.nothingToHandOver && !f.timeIsUp, 'observe', 'open'),
  on('stop', RUNNING, 'nothing to hand over', (f) => f.nothingToHandOver && !f.handOverPending, 'returnRegistrations', 'returning'),
  on('stop', RUNNING, 'otherwise', () => true, 'leaveEpoch', 'handing-over'),
  on('registrationsReturned', ['returning'], 'confirmed', (f) => f.confirmed, 'none', 'stopped'),
  on('registrationsReturned', ['returning'], 'otherwise', () => true, 'leaveEpoch', 'handing-over'),
  on('handedOver', ['handing-over'], 'nothing is left', (f) => !f.pending, 'none', 'stopped'),
  on('handedOver', ['handing-over'], 'tries are left', (f) => f.triesLeft, 'deliver', 'handing-over'),
  on('handedOver', ['handing-over'], 'otherwise', () => true, 'reportNotHandedOver', 'stopped'),
];

/**
 * Returns the step that follows from a state and the facts of an event. Pure: the same arguments give the same step.
 */
export function decide(state: SessionState, facts: SessionFacts): { action: SessionAction; to: SessionState } {
  const row = SESSION_TRANSITIONS.find((one) => one.on === facts.event && one.from.includes(state) && one.holds(facts));
  return row ? { action: row.action, to: row.to } : { action: 'none', to: state };
}

/** A row of the table. */
function on<E extends SessionEvent>(
  event: E,
  from: readonly SessionState[],
  when: string,
  holds: (facts: SessionFactsByEvent[E]) => boolean,
  action: SessionAction,
  to: SessionState,
): SessionTransition {
  return {
    on: event,
    from,
    when,
    holds: (facts) => facts.event === event && holds(facts as SessionFactsByEvent[E] & { event: E }),
    action,
    to,
  };
}
