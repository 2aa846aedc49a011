import type { Authority } from '../../domain/authority.ts';
import { Problem } from '../../domain/problem.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { EpochView, HoldReason, Session } from '../../ledger/epoch/epoch-view.ts';
import type { HandOverStore, PodAuthority } from '../authority-ports.ts';
import { AuthorityReading } from './authority-reading.ts';
import { EpochMembership, type RetireId } from './epoch-membership.ts';
import { HandOvers } from './hand-over.ts';
import { Heartbeat } from './heartbeat.ts';
import { Readiness } from './readiness.ts';
import { type PodRedis, RedisProbe } from './redis-probe.ts';
import {
  decide,
  isRunning,
  type SessionAction,
  type SessionFacts,
  type SessionFactsByEvent,
  type SessionState,
} from './session-decision.ts';

interface PodSessionDependencies {
  authority: PodAuthority;
  handOverStore: HandOverStore;
  cache: CacheServer;
  retire: RetireId;
  clock: Clock;
  logger: Logger;
  processId: string;
  heartbeatMs: number;
  /** Time without a reply after which an in-doubt attempt makes the pod take a new id, ms. */
  renewIdAfterMs?: number;
  /** How long the ledger is closing before requests are refused at once instead of held, ms. */
  closedAfterMs: number;
  newPodId(): string;
  redis: PodRedis;
  onAuthority(authority: Authority): void;
}

/** How often the authority is read while the pod serves changes, and while it holds them, ms. */
const SERVING_TURN_MS = 250;
const HOLDING_TURN_MS = 100;
/** After this time no reply will come for an in-doubt attempt: a new pod id ensures that it can no longer run, ms. */
const RENEW_ID_AFTER_MS = 30_000;
/** How long a pod that stops waits for the flush before it hands over its tail, ms. */
const CATCH_UP_MS = 2_000;
const CATCH_UP_TURN_MS = 50;
const HAND_OVER_TRIES_MAX = 20;
const HAND_OVER_RETRY_MS = 250;
/** The log line of a pod that stopped without having handed over what it knew. */
export const NOT_HANDED_OVER = 'the pod could not hand over what it knows of its epoch';

/**
 * A pod's registration under the authority: where its requests may go.
 *
 * `decide` in session-decision.ts holds the states and the transitions; this class reads the facts, asks it, and
 * carries out the result. A state changes in the same synchronous step as the decision, before any effect that waits.
 *
 * While the cache has the authority, the pod registers in the epoch (in MySQL first, then in Redis). Any doubt about
 * Redis stops its requests until Redis has answered again as the server of the epoch. When it learns that its epoch has
 * ended, it records what it knows, stops working in that epoch, and writes the record to MySQL: nothing moves
 * before every registered pod has done so. If MySQL is unavailable, the pod stays in its epoch: Redis refuses it later.
 */
export class PodSession implements Session {
  readonly #deps: PodSessionDependencies;
  readonly #reading: AuthorityReading;
  readonly #probe: RedisProbe;
  readonly #handOvers: HandOvers;
  readonly #heartbeat: Heartbeat;
  readonly #readiness: Readiness;
  readonly #listeners: (() => void)[] = [];
  #state: SessionState = 'unknown';
  /** The authority's epoch in the state `direct`. */
  #directEpoch = 0;
  /** The epoch of the cache that this process has tried to join, until it leaves it. */
  #membership: EpochMembership | null = null;
  #podId: string;
  #observedAt = Number.NEGATIVE_INFINITY;
  /** The one call of this session to Redis that is under way. */
  #redisCall: Promise<void> | null = null;
  #stopped = new AbortController();
  #nudge = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: PodSessionDependencies) {
    this.#deps = deps;
    this.#podId = deps.newPodId();
    this.#reading = new AuthorityReading(deps);
    this.#probe = new RedisProbe(deps.redis);
    this.#handOvers = new HandOvers(deps.handOverStore, deps.logger);
    this.#heartbeat = new Heartbeat(deps);
    this.#readiness = new Readiness({ ...deps, reading: this.#reading });
  }

  get podId(): string {
    return this.#podId;
  }
  get authority(): Authority | null {
    return this.#reading.now;
  }

  view(): EpochView | null {
    return this.#state === 'open' ? (this.#membership?.view ?? null) : null;
  }
  direct(): number | null {
    return this.#state === 'direct' ? this.#directEpoch : null;
  }

  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
  }
  holdReason(): HoldReason {
    return this.#readiness.holdReason();
  }
  /** Why this pod cannot serve; empty while it can, and for the first moments of holding requests. */
  complaints(): string[] {
    return this.#readiness.complaints(this.#state);
  }

  suspect(error: unknown, view: EpochView): void {
    // An error of an earlier epoch, or under an earlier id, proves nothing about this one.
    if (view !== this.#membership?.view || !(error instanceof CacheError)) return;
    if (error.kind === 'stale' || error.kind === 'unable') return;
    if (this.#state === 'open')
      this.#deps.logger.warn({ reason: error.message, podId: this.#podId }, 'Redis is in doubt: holding requests');
    void this.#step({ event: 'redisInDoubt', retired: error.kind === 'refused' && error.reason === 'retired' });
  }

  moved(directEpoch: number): void {
    if (this.direct() === directEpoch) void this.#step({ event: 'authorityMoved' });
  }

  /** The connection to Redis broke: hold requests at once, before one of them finds out. */
  lostRedis(): void {
    const view = this.#membership?.view;
    if (view) this.suspect(new CacheError('not_sent', 'the connection to Redis was closed'), view);
  }

  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Stops, once every request is answered. Once MySQL has everything that this pod acknowledged and nothing of it is in
   * doubt, it closes, has Redis refuse its ids permanently, and then removes the registration. If that takes too long,
   * or Redis does not confirm it, the pod hands over what it knows instead, so that no keeper waits for it.
   */
  async stop(): Promise<void> {
    const { authority, clock, processId } = this.#deps;
    this.#stopped.abort();
    this.#nudge.abort();
    await this.#loop;
    await this.#redisCall;
    await this.#handOvers.backgroundDone();
    const deadline = clock.monotonic() + CATCH_UP_MS;
    // Replies that arrive later are not exposed to clients.
    const acknowledgedUpTo = this.#membership?.view?.observed ?? 0;
    for (;;) {
      // No await between the facts and the change of state: what MySQL has stays there, because no request follows.
      const nothingToHandOver = this.#membership?.view?.hasNothingToHandOver(acknowledgedUpTo) ?? true;
      const timeIsUp = clock.monotonic() >= deadline;
      await this.#step({ event: 'stop', nothingToHandOver, handOverPending: this.#handOvers.pending, timeIsUp });
      if (!isRunning(this.#state)) break;
      await clock.sleep(CATCH_UP_TURN_MS);
    }
    for (let tries = 0; this.#state === 'handing-over'; tries++) {
      const triesLeft = tries < HAND_OVER_TRIES_MAX;
      if (tries > 0 && triesLeft && this.#handOvers.pending) await clock.sleep(HAND_OVER_RETRY_MS);
      await this.#step({ event: 'handedOver', pending: this.#handOvers.pending, triesLeft });
    }
    await authority.removeProcess(processId).catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      this.#nudge = new AbortController();
      await this.#turn();
      if (stopped.aborted) break;
      if (serves(this.#state)) await clock.sleep(SERVING_TURN_MS, this.#nudge.signal);
      else await clock.sleep(HOLDING_TURN_MS, stopped);
    }
  }

  async #turn(): Promise<void> {
    await this.#reading.read();
    const { now, databaseSeen } = this.#reading;
    if (!now) return;
    for (let before: SessionState | null = null; before !== this.#state; ) {
      before = this.#state;
      void this.#step({ event: 'turn', ...this.#turnFacts(now) });
    }
    this.#handOvers.deliverInBackground((epoch) => this.#mustHandOver(epoch));
    if (!databaseSeen) return;
    const redisSeen = now.mode === 'CACHE' ? this.#state === 'open' : this.#probe.seen();
    await this.#heartbeat.report(redisSeen, this.#membership?.registrationOf(this.#podId) ?? null);
  }

  #turnFacts({ mode, epoch, replid, marker }: Authority): SessionFactsByEvent['turn'] {
    const { clock, heartbeatMs, redis, renewIdAfterMs = RENEW_ID_AFTER_MS } = this.#deps;
    const nowMs = clock.monotonic();
    const mayCallRedis = this.#redisCall === null && replid !== null && marker !== null;
    const isOpen = this.#state === 'open';
    const inDoubtTooLong =
      isOpen && this.#reading.databaseSeen && (this.#membership?.isInDoubtFor(renewIdAfterMs, nowMs) ?? false);
    // `ready` also reports a broken connection to the failure detector: it is asked only where the answer decides.
    const asksForRedis = mayCallRedis && (this.#state === 'joining' || inDoubtTooLong);
    return {
      authority: mode,
      epochEnded: this.#membership !== null && (mode !== 'CACHE' || epoch !== this.#membership.epoch),
      mayCallRedis,
      redisReady: asksForRedis && redis.ready(),
      inDoubtTooLong,
      observationDue: isOpen && nowMs - this.#observedAt >= heartbeatMs,
    };
  }

  /** Decides and changes the state at once, then carries out the action. @returns when the action is done */
  #step(facts: SessionFacts): Promise<void> {
    const { action, to } = decide(this.#state, facts);
    const before = this.#state;
    this.#state = to;
    if (serves(before) && !serves(to)) {
      this.#readiness.held();
      this.#nudge.abort();
    }
    return this.#carryOut(action, before);
  }

  /** Everything up to the first await of an action happens in the same synchronous step as the decision. */
  async #carryOut(action: SessionAction, before: SessionState): Promise<void> {
    switch (action) {
      case 'none':
        return;
      case 'join':
        return this.#callRedis(() => this.#join());
      case 'rejoin':
        this.#membership?.renewed(this.#deps.clock.monotonic());
        this.#renewId();
        return this.#callRedis(() => this.#join());
      case 'observe':
        return this.#callRedis(() => this.#observe());
      case 'leaveEpoch':
        return this.#leaveEpoch();
      case 'followEpoch':
        this.#directEpoch = this.#reading.now?.epoch ?? 0;
        return;
      case 'openDirect':
        this.#directEpoch = this.#reading.now?.epoch ?? 0;
        return this.#announceOpen({}, 'the ledger is open, directly on MySQL');
      case 'announceOpen':
        return this.#announceOpen(before === 'open' ? null : { podId: this.#podId }, 'the ledger is open');
      case 'renewId':
        return this.#renewId();
      case 'keepId':
        this.#podId = this.#membership?.view?.caller.podId ?? this.#podId;
        return;
      case 'returnRegistrations':
        return this.#step({
          event: 'registrationsReturned',
          confirmed: (await this.#membership?.returnRegistrations(this.#deps.authority)) ?? true,
        });
      case 'deliver':
        return this.#handOvers.deliver((epoch) => this.#mustHandOver(epoch));
      case 'reportNotHandedOver':
        return this.#deps.logger.error({}, NOT_HANDED_OVER);
    }
  }

  /** Beside the loop: a Redis that hangs must not keep the pod from learning that its epoch has ended. */
  #callRedis(call: () => Promise<void>): Promise<void> {
    const underWay = call().finally(() => {
      this.#redisCall = null;
    });
    this.#redisCall = underWay;
    return underWay;
  }

  async #join(): Promise<void> {
    const { logger, retire } = this.#deps;
    const { now } = this.#reading;
    if (now?.replid == null || now.marker === null) return;
    const caller = { epoch: now.epoch, replid: now.replid, podId: this.#podId };
    this.#membership ??= new EpochMembership(now.epoch, retire);
    const membership = this.#membership;
    const isOver = () =>
      this.#stopped.signal.aborted || this.#membership !== membership || this.#podId !== caller.podId;
    try {
      if (!(await membership.join(caller, now.marker, this.#deps, isOver)) || isOver()) return;
    } catch (error) {
      if (isOver()) return;
      if (!(error instanceof CacheError || error instanceof Problem)) {
        logger.error({ err: error }, 'the pod could not be registered');
      }
      const worksAs = this.view()?.caller.podId ?? caller.podId;
      const retired = error instanceof CacheError && error.reason === 'retired';
      return this.#step({ event: 'joinFailed', retired, worksUnderEarlierId: worksAs !== caller.podId });
    }
    return this.#step({ event: 'joined' });
  }

  /** Asks Redis for the ends of the journal and the flush, which shows whether it still is this epoch's server. */
  async #observe(): Promise<void> {
    const membership = this.#membership;
    const view = membership?.view;
    if (!membership || !view) return;
    try {
      view.observe((await this.#deps.cache.read(view.caller, [])).head);
      this.#observedAt = this.#deps.clock.monotonic();
      membership.endAttemptsOfRetiredIds(view);
    } catch (error) {
      this.suspect(error, view);
    }
  }

  /**
   * Recording what is known and leaving the epoch are one step without an await: no reply can be passed on in between
   * that the hand-over does not contain. The connection is destroyed, because commands in it would reach a server that
   * thaws later.
   */
  #leaveEpoch(): void {
    const membership = this.#membership;
    if (!membership) return;
    const summary = this.#handOvers.add(membership.epoch, membership.podIds, membership.view);
    this.#membership = null;
    this.#renewId();
    this.#deps.redis.cut();
    this.#deps.logger.warn(summary, 'the epoch has ended for this pod: handing over what it knows to MySQL');
  }

  /** What was taken down is needed until its epoch was recovered without it; a pod that stops always hands over. */
  #mustHandOver(epoch: number): boolean {
    return this.#stopped.signal.aborted || this.#reading.now?.cacheEpoch === epoch;
  }

  #announceOpen(fields: object | null, message: string): void {
    if (fields) this.#deps.logger.info({ epoch: this.#reading.now?.epoch, ...fields }, message);
    this.#readiness.opened();
    for (const listener of this.#listeners) listener();
  }

  /** A pod id is used in one epoch only, and never again once it was retired. */
  #renewId(): void {
    this.#podId = this.#deps.newPodId();
  }
}

const serves = (state: SessionState): boolean => state === 'open' || state === 'direct';
