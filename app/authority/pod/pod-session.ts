import type { Authority, Format } from '../../domain/authority.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { EpochView, HoldReason, Session } from '../../ledger/epoch/epoch-view.ts';
import type { HandOverStore, PodAuthority } from '../authority-ports.ts';
import { AuthorityReading } from './authority-reading.ts';
import { CacheRegistration } from './cache-registration.ts';
import type { EpochMembership, RetireId } from './epoch-membership.ts';
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
import { StopFence } from './stop-fence.ts';

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
  /** How long the ledger must have been closing before requests are refused at once instead of held, ms. */
  closedAfterMs: number;
  newPodId(): string;
  redis: PodRedis;
  onAuthority(authority: Authority): void;
}

/** How often the authority is read while the pod serves changes, and while it holds them, ms. */
const SERVING_TURN_MS = 250;
const HOLDING_TURN_MS = 100;
/**
 * Time after which no reply to an in-doubt attempt is expected, ms: a new pod id then ensures that the attempt can no
 * longer run.
 */
const RENEW_ID_AFTER_MS = 30_000;
/** How long a stopping pod waits for the flush before it hands over its tail, ms. */
const CATCH_UP_MS = 2_000;
const CATCH_UP_TURN_MS = 50;
const HAND_OVER_TRIES_MAX = 20;
const HAND_OVER_RETRY_MS = 250;
/** The log line of a pod that stopped without having handed over what it knew. */
export const NOT_HANDED_OVER = 'the pod could not hand over what it knows of its epoch';

/**
 * A pod's registration under the authority, which determines where its requests may go.
 *
 * `decide` in session-decision.ts defines the states and the transitions; this class reads the facts, calls it, and
 * carries out the result. A state changes in the same synchronous step as the decision, before any effect that waits.
 *
 * While the cache has the authority, the pod registers in the epoch (in MySQL first, then in Redis). Any doubt about
 * Redis stops its requests until Redis has answered again as the server of the epoch. When it learns that its epoch has
 * ended, it records what it knows, stops working in that epoch, and writes the record to MySQL: the authority moves
 * only after every registered pod has done so. If MySQL is unavailable, the pod stays in its epoch: Redis refuses it
 * later.
 */
export class PodSession implements Session {
  readonly #deps: PodSessionDependencies;
  readonly #reading: AuthorityReading;
  readonly #registration: CacheRegistration;
  readonly #probe: RedisProbe;
  readonly #handOvers: HandOvers;
  readonly #heartbeat: Heartbeat;
  readonly #readiness: Readiness;
  readonly #stopFence: StopFence;
  readonly #listeners: (() => void)[] = [];
  #state: SessionState = 'unknown';
  /** The authority's epoch in the state `direct`. */
  #directEpoch = 0;
  #stopped = new AbortController();
  #nudge = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: PodSessionDependencies) {
    this.#deps = deps;
    this.#reading = new AuthorityReading(deps);
    this.#registration = new CacheRegistration({
      ...deps,
      stopped: this.#stopped.signal,
      step: (facts) => this.#step(facts),
      suspect: (error, view) => this.suspect(error, view),
    });
    this.#probe = new RedisProbe(deps.redis);
    this.#handOvers = new HandOvers(deps.handOverStore, deps.logger);
    this.#heartbeat = new Heartbeat(deps);
    this.#readiness = new Readiness({ ...deps, reading: this.#reading });
    this.#stopFence = new StopFence({ cache: deps.cache, suspect: (error, view) => this.suspect(error, view) });
  }

  get podId(): string {
    return this.#registration.podId;
  }
  get authority(): Authority | null {
    return this.#reading.now;
  }
  get #membership(): EpochMembership | null {
    return this.#registration.membership;
  }

  view(): EpochView | null {
    return this.#state === 'open' ? (this.#membership?.view ?? null) : null;
  }
  direct(): number | null {
    return this.#state === 'direct' ? this.#directEpoch : null;
  }

  format(): Format | null {
    return this.authority?.format ?? null;
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
      this.#deps.logger.warn({ reason: error.message, podId: this.podId }, 'Redis is in doubt: holding requests');
    void this.#step({ event: 'redisInDoubt', retired: error.kind === 'refused' && error.reason === 'retired' });
  }

  moved(directEpoch: number): void {
    if (this.direct() === directEpoch) void this.#step({ event: 'authorityMoved' });
  }

  /** The connection to Redis broke: hold requests at once, before one of them fails. */
  lostRedis(): void {
    const view = this.#membership?.view;
    if (view) this.suspect(new CacheError('not_sent', 'the connection to Redis was closed'), view);
  }

  /** Whether Redis obeys the stops and releases of this authority, which are first copied there if necessary. */
  bringStops(authority: Authority): Promise<boolean> {
    return this.#stopFence.bring(authority, this.view());
  }

  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Stops the session; call it once every request has been answered. When MySQL has everything that this pod
   * acknowledged and none of its attempts is in doubt, the session closes, has Redis refuse its ids permanently, and
   * then removes the registration. If that takes too long, or Redis does not confirm it, the pod hands over what it
   * knows instead, so that no keeper waits for it.
   */
  async stop(): Promise<void> {
    const { authority, clock, processId } = this.#deps;
    this.#stopped.abort();
    this.#nudge.abort();
    await this.#loop;
    await this.#registration.call;
    await this.#handOvers.backgroundDone();
    const deadline = clock.monotonic() + CATCH_UP_MS;
    // Replies that arrive later are not exposed to clients.
    const acknowledgedUpTo = this.#membership?.view?.observed ?? 0;
    for (;;) {
      // No await between the facts and the change of state. They stay true meanwhile: no request can follow, so nothing
      // can be added to what must be in MySQL.
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
    this.#stopFence.follow(now, this.view());
    const redisSeen = now.mode === 'CACHE' ? this.#state === 'open' : this.#probe.seen();
    await this.#heartbeat.report(redisSeen, this.#membership?.registrationOf(this.podId) ?? null);
  }

  #turnFacts({ mode, epoch, replid, marker }: Authority): SessionFactsByEvent['turn'] {
    const { clock, heartbeatMs, redis, renewIdAfterMs = RENEW_ID_AFTER_MS } = this.#deps;
    const nowMs = clock.monotonic();
    const mayCallRedis = this.#registration.call === null && replid !== null && marker !== null;
    const isOpen = this.#state === 'open';
    const inDoubtTooLong =
      isOpen && this.#reading.databaseSeen && (this.#membership?.isInDoubtFor(renewIdAfterMs, nowMs) ?? false);
    // `ready` also reports a broken connection to the failure detector, so it is called only where the result matters.
    const asksForRedis = mayCallRedis && (this.#state === 'joining' || inDoubtTooLong);
    return {
      authority: mode,
      epochEnded: this.#membership !== null && (mode !== 'CACHE' || epoch !== this.#membership.epoch),
      mayCallRedis,
      redisReady: asksForRedis && redis.ready(),
      inDoubtTooLong,
      observationDue: isOpen && nowMs - this.#registration.observedAt >= heartbeatMs,
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
        return this.#registration.join(this.#reading.now);
      case 'rejoin':
        return this.#registration.rejoin(this.#reading.now);
      case 'observe':
        return this.#registration.observe();
      case 'leaveEpoch':
        return this.#leaveEpoch();
      case 'followEpoch':
        this.#directEpoch = this.#reading.now?.epoch ?? 0;
        return;
      case 'openDirect':
        this.#directEpoch = this.#reading.now?.epoch ?? 0;
        return this.#announceOpen({}, 'the ledger is open, directly on MySQL');
      case 'announceOpen':
        return this.#announceOpen(before === 'open' ? null : { podId: this.podId }, 'the ledger is open');
      case 'renewId':
        return this.#registration.renewId();
      case 'keepId':
        return this.#registration.keepId();
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

  /**
   * Recording what is known and leaving the epoch are one step without an await: no reply that is missing from the
   * hand-over can reach a client in between. The connection is destroyed, because a server that hangs now could still
   * run the commands in it later.
   */
  #leaveEpoch(): void {
    const membership = this.#registration.leave();
    if (!membership) return;
    const summary = this.#handOvers.add(membership.epoch, membership.podIds, membership.view);
    this.#deps.redis.cut();
    this.#deps.logger.warn(summary, 'the epoch has ended for this pod: handing over what it knows to MySQL');
  }

  /** A keeper needs the record as long as the epoch has not been recovered. A stopping pod always hands over. */
  #mustHandOver(epoch: number): boolean {
    return this.#stopped.signal.aborted || this.#reading.now?.cacheEpoch === epoch;
  }

  #announceOpen(fields: object | null, message: string): void {
    if (fields) this.#deps.logger.info({ epoch: this.#reading.now?.epoch, ...fields }, message);
    this.#readiness.opened();
    for (const listener of this.#listeners) listener();
  }
}

const serves = (state: SessionState): boolean => state === 'open' || state === 'direct';
