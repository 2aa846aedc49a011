import type { Authority } from '../domain/authority.ts';
import { Problem } from '../domain/problem.ts';
import { CacheError, type CacheServer, type Caller, type KeeperCaller } from '../journal/cache-port.ts';
import type { Head } from '../journal/codec.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { EpochView, type HoldReason, type Seat } from '../ledger/epoch/epoch-view.ts';
import type { DrainStore, PodAuthority } from './authority-ports.ts';
import { Drain } from './drain.ts';
import { type PodRedis, RedisProbe } from './redis-probe.ts';

interface PodSeatDependencies {
  authority: PodAuthority;
  drains: DrainStore;
  cache: CacheServer;
  /** Marks a pod id of this process as retired in Redis: no script of it runs again. */
  retire(caller: KeeperCaller, podId: string): Promise<Head>;
  clock: Clock;
  logger: Logger;
  processId: string;
  heartbeatMs: number;
  /** Time without a reply after which an in-doubt attempt makes the pod take a new id, ms. */
  renewDoubtsAfterMs?: number;
  /** How long the ledger is closing before requests are refused at once instead of held, ms. */
  closedAfterMs: number;
  newPodId(): string;
  redis: PodRedis;
  onAuthority(authority: Authority): void;
}

/** While the pod works it looks this often where the authority is; while it holds, this often for the way on, ms. */
const LOOK_MS = 250;
const SEARCH_MS = 100;
/** A switch takes seconds: a pod that turned unready at once would leave nobody to hold the requests meanwhile, ms. */
const UNREADY_AFTER_MS = 5_000;
/** An attempt in doubt that no reply will tell of any more: a new pod id makes sure that it cannot run, ms. */
const RENEW_DOUBTS_AFTER_MS = 30_000;
/** How long a pod that stops waits for the flush before it hands its tail over, ms. */
const HAND_OVER_AFTER_MS = 2_000;
const HAND_OVER_TRIES_MAX = 20;
const HAND_OVER_RETRY_MS = 250;

interface Tried {
  epoch: number;
  podIds: Set<string>;
  /** Those that no script runs under any more, and the last seq that one of them can have written. */
  retired: Map<string, number>;
}

/**
 * A pod's place under the authority.
 *
 * While the authority is with the cache, it is open when this pod is registered in the epoch (in MySQL first, then in Redis)
 * and Redis answers as the server of that epoch. Any doubt closes it; what waits, waits. It opens again with the same memory
 * of the epoch. While the authority is with MySQL, it says so. The moment that it learns that its epoch has ended it takes
 * down what it knows, works no more in it, and brings that to MySQL: nothing moves before every registered pod has done so.
 * When MySQL is away the pod goes on in its epoch: Redis refuses it the moment that the epoch ends.
 */
export class PodSeat implements Seat {
  readonly #deps: PodSeatDependencies;
  readonly #probe: RedisProbe;
  readonly #listeners: (() => void)[] = [];
  #podId: string;
  #authority: Authority | null = null;
  #authorityReadAt = 0;
  #databaseSeen = false;
  /** The epoch of the cache that this process has tried to work in, and the ids that MySQL may know from it. */
  #tried: Tried | null = null;
  #registered = false;
  #view: EpochView | null = null;
  #open = false;
  #direct: number | null = null;
  #drains: Drain[] = [];
  #heldSince: number;
  #hasServed = false;
  #reported: { atMs: number; redisSeen: boolean } | null = null;
  #observedAt = Number.NEGATIVE_INFINITY;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #stopped = new AbortController();
  #nudge = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #asking: Promise<void> | null = null;
  #delivering: Promise<void> | null = null;

  constructor(deps: PodSeatDependencies) {
    this.#deps = deps;
    this.#podId = deps.newPodId();
    this.#probe = new RedisProbe(deps.redis);
    this.#heldSince = deps.clock.monotonic();
  }

  get podId(): string {
    return this.#podId;
  }
  get authority(): Authority | null {
    return this.#authority;
  }

  view(): EpochView | null {
    return this.#open ? this.#view : null;
  }
  direct(): number | null {
    return this.#direct;
  }

  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  holdReason(): HoldReason {
    if (!this.#databaseSeen && this.#authority?.mode !== 'CACHE') return 'database_unavailable';
    return this.#closedForMs() >= this.#deps.closedAfterMs ? 'ledger_closed' : 'ledger_switching';
  }

  /** Why this pod cannot serve; empty when it can, and while it holds what it is asked for a moment. */
  complaints(): string[] {
    if (!this.#authority) return ['MySQL has not told who has the authority'];
    if (this.#open) return [];
    const heldMs = this.#direct === null || !this.#databaseSeen ? this.#deps.clock.monotonic() - this.#heldSince : 0;
    if (this.#hasServed && heldMs < UNREADY_AFTER_MS) return [];
    if (!this.#databaseSeen) return ['MySQL is away'];
    // While the authority moves or the ledger is closed nobody can do more than this pod: it reads, and says what it cannot do.
    if (this.#authority.mode !== 'CACHE') return [];
    return ['Redis does not answer this pod as the server of this epoch'];
  }

  suspect(error: unknown, view: EpochView): void {
    // What happened in an earlier epoch, or under an earlier id, says nothing about this one.
    if (view !== this.#view || !(error instanceof CacheError)) return;
    if (error.kind === 'stale' || error.kind === 'unable') return;
    if (error.kind === 'refused' && error.reason === 'retired') this.#renew();
    if (this.#open)
      this.#deps.logger.warn({ reason: error.message, podId: this.#podId }, 'the cache is in doubt: holding');
    this.#hold();
  }

  moved(directEpoch: number): void {
    if (this.#direct === directEpoch) this.#hold();
  }

  /** The connection to Redis broke: hold at once, before a request finds out. */
  lostRedis(): void {
    if (this.#view) this.suspect(new CacheError('not_sent', 'the connection to Redis was closed'), this.#view);
  }

  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Stops, once every request is answered. When MySQL has all that this pod was told and nothing of it is in doubt, it closes,
   * has Redis refuse its ids for good, and only then gives the registration back. When that takes too long, or Redis does
   * not confirm, it cuts the connection and hands over what it knows instead, so that nobody waits for it.
   */
  async stop(): Promise<void> {
    const { authority, clock, logger, processId } = this.#deps;
    this.#stopped.abort();
    this.#nudge.abort();
    await this.#loop;
    await this.#asking;
    await this.#delivering;
    const deadline = clock.monotonic() + HAND_OVER_AFTER_MS;
    // What it hears of from now on it tells nobody.
    const told = this.#view?.observed ?? 0;
    while (this.view() && !this.#view?.isSettled(told) && clock.monotonic() < deadline) {
      await this.#observe();
      await clock.sleep(SEARCH_MS / 2);
    }
    // From this line to the next there is no await: what was settled stays so, because nothing runs under this view any more.
    const settled = (this.#view?.isSettled(told) ?? true) && this.#drains.length === 0;
    this.#hold();
    if (!(settled && (await this.#retireAll()) && (await this.#removeRegistrations()))) {
      this.#leave();
      for (let tries = 0; this.#drains.length > 0 && tries < HAND_OVER_TRIES_MAX; tries++) {
        if (tries > 0) await clock.sleep(HAND_OVER_RETRY_MS);
        await this.#deliver();
      }
      if (this.#drains.length > 0) logger.error({}, 'what this pod knows of its epoch could not be handed over');
    }
    await authority.removeProcess(processId).catch(() => {});
  }

  /** @returns false if MySQL did not accept it; then it must be handed over like everything unsettled */
  async #removeRegistrations(): Promise<boolean> {
    try {
      for (const podId of this.#tried?.podIds ?? []) await this.#deps.authority.removePod(podId);
      return true;
    } catch {
      return false;
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      this.#nudge = new AbortController();
      await this.#refresh();
      if (stopped.aborted) break;
      const works = this.#open || this.#direct !== null;
      await clock.sleep(works ? LOOK_MS : SEARCH_MS, works ? this.#nudge.signal : stopped);
    }
  }

  async #refresh(): Promise<void> {
    await this.#readAuthority();
    const now = this.#authority;
    if (!now) return;
    if (this.#tried && (now.mode !== 'CACHE' || now.epoch !== this.#tried.epoch)) this.#leave();
    if (now.mode === 'CACHE') this.#workInCache(now);
    else this.#workDirectly(now);
    // Beside the loop: a long tail must not keep the pod from hearing where the authority is.
    this.#delivering ??= this.#deliver().finally(() => {
      this.#delivering = null;
    });
    await this.#report();
  }

  async #readAuthority(): Promise<void> {
    const { authority, clock, logger, onAuthority } = this.#deps;
    try {
      this.#authority = await authority.read();
      this.#authorityReadAt = clock.monotonic();
      this.#databaseSeen = true;
      onAuthority(this.#authority);
    } catch (error) {
      this.#databaseSeen = false;
      if (!(error instanceof Problem)) logger.error({ err: error }, 'the authority could not be read');
    }
  }

  /** Asks Redis beside the loop: one that hangs must not keep the pod from hearing that its epoch has ended. */
  #workInCache({ epoch, replid, marker }: Authority): void {
    if (this.#direct !== null) this.#hold();
    if (replid === null || marker === null || this.#asking) return;
    const { clock, heartbeatMs, redis } = this.#deps;
    let asking: Promise<void> | null = null;
    if (!this.#open || this.#doubtsAreOld()) {
      if (redis.ready()) asking = this.#enter({ epoch, replid, podId: this.#podId }, marker);
    } else if (clock.monotonic() - this.#observedAt >= heartbeatMs) {
      asking = this.#observe();
    }
    this.#asking =
      asking?.finally(() => {
        this.#asking = null;
      }) ?? null;
  }

  #workDirectly({ epoch, mode }: Authority): void {
    if (mode !== 'DIRECT') {
      this.#hold();
      return;
    }
    const opens = this.#direct === null;
    this.#direct = epoch;
    if (!opens) return;
    this.#deps.logger.info({ epoch }, 'the ledger is open, directly on MySQL');
    this.#opened();
  }

  /** Asks Redis how far the journal and its flush are; and finds out whether it still is the server of this epoch. */
  async #observe(): Promise<void> {
    const view = this.#view;
    if (!view) return;
    try {
      view.observe((await this.#deps.cache.read(view.caller, [])).head);
      this.#observedAt = this.#deps.clock.monotonic();
      this.#endDoubts(view);
    } catch (error) {
      this.suspect(error, view);
    }
  }

  #doubtsAreOld(): boolean {
    const since = this.#view?.doubts.oldestSinceMs ?? null;
    if (since === null || !this.#databaseSeen) return false;
    const { clock, renewDoubtsAfterMs = RENEW_DOUBTS_AFTER_MS } = this.#deps;
    const now = clock.monotonic();
    if (now - Math.max(since, this.#renewedAt) < renewDoubtsAfterMs) return false;
    this.#renewedAt = now;
    this.#renew();
    return true;
  }

  async #enter(caller: Caller, marker: string): Promise<void> {
    const { authority, cache, logger } = this.#deps;
    const { epoch, podId } = caller;
    this.#tried ??= { epoch, podIds: new Set(), retired: new Map() };
    const tried = this.#tried;
    tried.podIds.add(podId);
    const isOver = () => this.#stopped.signal.aborted || this.#tried !== tried || this.#podId !== podId;
    try {
      if (!this.#registered && !(await authority.register(podId, epoch))) return;
      if (isOver()) return;
      this.#registered = true;
      const head = await cache.register(caller, marker);
      if (isOver()) return;
      if (!this.#view) this.#view = new EpochView(caller);
      else if (this.#view.caller.podId !== podId) this.#view = this.#view.renewed(podId);
      this.#view.observe(head);
      await this.#retireOthers(this.#view, tried);
      if (isOver()) return;
    } catch (error) {
      if (isOver()) return;
      if (error instanceof CacheError && error.reason === 'retired') this.#renew();
      if (!(error instanceof CacheError || error instanceof Problem)) {
        logger.error({ err: error }, 'the pod could not be registered');
      }
      return this.#notEntered(podId);
    }
    if (!this.#open) logger.info({ epoch, podId }, 'the ledger is open');
    this.#open = true;
    this.#opened();
  }

  /** A pod that only wanted another id goes on under the one that it has; that it could not have another harms nothing. */
  #notEntered(podId: string): void {
    const standing = this.#open ? this.#view?.caller.podId : undefined;
    if (standing === undefined || standing === podId) {
      this.#hold();
      return;
    }
    this.#podId = standing;
    this.#registered = true;
  }

  /** Ensures that Redis runs nothing more under any id of this process. @returns false if Redis did not confirm it */
  async #retireAll(): Promise<boolean> {
    const view = this.#view;
    if (!view) return true;
    const { epoch, replid } = view.caller;
    try {
      for (const podId of this.#tried?.podIds ?? [])
        await this.#deps.retire({ fenceEpoch: epoch, epoch, replid }, podId);
      return true;
    } catch {
      return false;
    }
  }

  /** What is left in doubt from earlier ids of this process cannot run after this, and is in MySQL once the cursor is there. */
  async #retireOthers(view: EpochView, tried: Tried): Promise<void> {
    const { epoch, replid, podId } = view.caller;
    for (const other of tried.podIds) {
      if (other === podId || tried.retired.has(other)) continue;
      const head = await this.#deps.retire({ fenceEpoch: epoch, epoch, replid }, other);
      tried.retired.set(other, head.seq);
    }
    this.#endDoubts(view);
  }

  #endDoubts(view: EpochView): void {
    if (view.doubts.size === 0) return;
    for (const [podId, seq] of this.#tried?.retired ?? []) view.doubts.endAt(podId, seq);
    view.doubts.advance(view.cursor);
  }

  /**
   * Works no more in this epoch. Taking down what is known and closing are one step without an await between them: no reply
   * can be passed on in between that the drain does not hold. The connection goes, because what still sits in it would reach
   * a server that thaws later.
   */
  #leave(): void {
    const tried = this.#tried;
    if (!tried) return;
    const drain = new Drain(tried.epoch, [...tried.podIds], this.#view);
    this.#tried = null;
    this.#view = null;
    this.#renew();
    this.#hold();
    this.#drains.push(drain);
    this.#deps.redis.cut();
    this.#deps.logger.warn(drain.summary, 'the epoch has ended: bringing to MySQL what this pod knows of it');
  }

  /** Brings what was taken down to MySQL, unless its epoch is settled by now without it. */
  async #deliver(): Promise<void> {
    const isWanted = (drain: Drain) => this.#stopped.signal.aborted || this.#authority?.cacheEpoch === drain.epoch;
    for (const drain of [...this.#drains]) {
      try {
        await drain.deliver(this.#deps.drains, () => isWanted(drain));
      } catch (error) {
        if (!(error instanceof Problem)) this.#deps.logger.error({ err: error }, 'the drain failed and is repeated');
        return;
      }
      this.#drains = this.#drains.filter((one) => one !== drain);
    }
  }

  /** Tells MySQL now and then that this process lives, and at once when it has lost Redis or has it back. */
  async #report(): Promise<void> {
    const { authority, clock, heartbeatMs, processId } = this.#deps;
    if (!this.#databaseSeen) return;
    const redisSeen = this.#authority?.mode === 'CACHE' ? this.#open : this.#probe.seen();
    const now = clock.monotonic();
    const last = this.#reported;
    if (last && last.redisSeen === redisSeen && now - last.atMs < heartbeatMs) return;
    const registration = this.#registered ? { podId: this.#podId, observed: this.#view?.observed ?? 0 } : null;
    try {
      await authority.heartbeat({ processId, redisSeen, registration });
      this.#reported = { atMs: now, redisSeen };
    } catch (error) {
      if (!(error instanceof Problem)) this.#deps.logger.error({ err: error }, 'the heartbeat failed');
    }
  }

  #closedForMs(): number {
    if (this.#authority?.mode !== 'CLOSING') return 0;
    return this.#authority.ageMs + this.#deps.clock.monotonic() - this.#authorityReadAt;
  }

  #opened(): void {
    this.#hasServed = true;
    for (const listener of this.#listeners) listener();
  }

  #hold(): void {
    if (this.#open || this.#direct !== null) this.#heldSince = this.#deps.clock.monotonic();
    this.#open = false;
    this.#direct = null;
    this.#nudge.abort();
  }

  /** A new incarnation: a pod id is used in one epoch only, and never again once it was retired. */
  #renew(): void {
    this.#podId = this.#deps.newPodId();
    this.#registered = false;
  }
}
