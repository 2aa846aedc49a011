import type { Clock } from '../clock.ts';
import { Problem } from '../errors.ts';
import { EpochView, type Seat } from '../ledger/cache/epoch-view.ts';
import { CacheError, type CacheServer, type Caller } from '../ledger/cache/port.ts';
import type { Logger } from '../log.ts';
import type { Authority } from '../store/authority-store.ts';

/** What a seat needs of the authority's table. */
export interface PodAuthority {
  read(): Promise<Authority>;
  register(podId: string, epoch: number): Promise<boolean>;
  heartbeat(podId: string, redisSeen: boolean, observed: number): Promise<void>;
  removePod(podId: string): Promise<void>;
}

interface PodSeatDependencies {
  authority: PodAuthority;
  cache: CacheServer;
  clock: Clock;
  logger: Logger;
  heartbeatMs: number;
  newPodId(): string;
  /** True while the connection to Redis can take commands. */
  redisReady(): boolean;
  onAuthority(authority: Authority): void;
}

/** While the seat is closed it looks this often for the way back, ms. */
const SEARCH_MS = 100;

/**
 * A pod's place under the authority. It is open while the authority is with the cache, this pod is registered in the epoch
 * (in MySQL first, then in Redis), and Redis answers as the server of that epoch. Any doubt closes it; what waits, waits.
 * It opens again with the same view (and tail) when it is the same epoch, and with a new one in another.
 * When MySQL is away the pod goes on in its epoch: Redis refuses it the moment that the epoch ends.
 */
export class PodSeat implements Seat {
  readonly #deps: PodSeatDependencies;
  readonly #listeners: (() => void)[] = [];
  #podId: string;
  #view: EpochView | null = null;
  #open = false;
  #authority: Authority | null = null;
  #databaseSeen = false;
  #stopped = new AbortController();
  #nudge = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: PodSeatDependencies) {
    this.#deps = deps;
    this.#podId = deps.newPodId();
  }

  get podId(): string {
    return this.#podId;
  }
  get authority(): Authority | null {
    return this.#authority;
  }
  get databaseSeen(): boolean {
    return this.#databaseSeen;
  }

  view(): EpochView | null {
    return this.#open ? this.#view : null;
  }

  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  holdReason(): 'ledger_switching' | 'database_unavailable' {
    return this.#authority === null && !this.#databaseSeen ? 'database_unavailable' : 'ledger_switching';
  }

  /** Why this pod cannot serve; empty when it can. */
  complaints(): string[] {
    if (this.#open) return [];
    if (!this.#authority) return ['MySQL has not told who has the authority'];
    if (this.#authority.mode !== 'CACHE') return [`the authority is ${this.#authority.mode}`];
    return ['Redis does not answer as the server of this epoch'];
  }

  suspect(error: unknown): void {
    if (!(error instanceof CacheError)) return;
    if (error.kind === 'stale' || error.kind === 'unable') return;
    if (error.kind === 'refused' && error.reason === 'retired') this.#renew();
    if (this.#open)
      this.#deps.logger.warn({ reason: error.message, podId: this.#podId }, 'the cache is in doubt: holding');
    this.#open = false;
    this.#nudge.abort();
  }

  /** The connection to Redis broke: hold at once, before a request finds out. */
  lostRedis(): void {
    this.suspect(new CacheError('not_sent', 'the connection to Redis was closed'));
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Stops, and gives the registration back once nothing of this pod waits to be persisted. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#nudge.abort();
    await this.#loop;
    const waits = this.#view && this.#view.tail.size > 0;
    if (!waits) await this.#deps.authority.removePod(this.#podId).catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock, heartbeatMs } = this.#deps;
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      this.#nudge = new AbortController();
      await this.#refresh();
      if (stopped.aborted) break;
      await clock.sleep(this.#open ? heartbeatMs : SEARCH_MS, this.#open ? this.#nudge.signal : stopped);
    }
  }

  async #refresh(): Promise<void> {
    const { authority, cache, onAuthority, redisReady } = this.#deps;
    const known = this.#authority;
    try {
      this.#authority = await authority.read();
      this.#databaseSeen = true;
      onAuthority(this.#authority);
    } catch (error) {
      this.#databaseSeen = false;
      if (!(error instanceof Problem)) this.#deps.logger.error({ err: error }, 'the authority could not be read');
    }
    const now = this.#authority;
    if (!now) return;
    if (now.mode !== 'CACHE' || now.epoch !== this.#view?.caller.epoch) this.#leave(known, now);
    if (now.mode !== 'CACHE' || now.replid === null) return;
    try {
      if (!this.#open && redisReady()) await this.#enter({ epoch: now.epoch, replid: now.replid, podId: this.#podId });
      else if (this.#open && this.#view) this.#view.observe((await cache.read(this.#view.caller, [])).head);
    } catch (error) {
      this.suspect(error);
    }
    if (this.#databaseSeen)
      await authority.heartbeat(this.#podId, this.#open, this.#view?.observed ?? 0).catch(() => {});
  }

  async #enter(caller: Caller): Promise<void> {
    const { authority, cache, logger } = this.#deps;
    if (this.#view === null || this.#view.caller.podId !== caller.podId) {
      if (!(await authority.register(caller.podId, caller.epoch))) return;
    }
    const head = await cache.register(caller);
    if (this.#stopped.signal.aborted) return;
    if (this.#view === null || this.#view.caller.podId !== caller.podId) this.#view = new EpochView(caller);
    this.#view.observe(head);
    this.#open = true;
    logger.info({ epoch: caller.epoch, podId: caller.podId }, 'the ledger is open');
    for (const listener of this.#listeners) listener();
  }

  #leave(known: Authority | null, now: Authority): void {
    if (this.#view && known)
      this.#deps.logger.warn({ from: known.epoch, to: now.epoch, mode: now.mode }, 'the epoch has ended');
    if (this.#view) this.#renew();
    this.#open = false;
    this.#view = null;
  }

  /** A new incarnation: a pod id is used in one epoch only, and never again once it was retired. */
  #renew(): void {
    this.#podId = this.#deps.newPodId();
  }
}
