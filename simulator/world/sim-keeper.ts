import { Keeper } from '../../app/authority/keeper/keeper.ts';
import { Retirement } from '../../app/authority/keeper/retirement.ts';
import type { Authority } from '../../app/domain/authority.ts';
import type { KeeperCaller } from '../../app/journal/cache-port.ts';
import type { Logger } from '../../app/kernel/log.ts';
import { type FlushEvents, Flusher } from '../../app/sync/flusher.ts';
import { HoldJanitor } from '../../app/sync/hold-janitor.ts';
import { IdJanitor } from '../../app/sync/id-janitor.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { RedisClient } from '../redis/redis-client.ts';
import type { KeeperPorts } from './ports.ts';
import { FLUSH_LIMITS, TIMES } from './settings.ts';

/** A keeper process: the real keeper, flusher, retirement and janitor, in loops like those of app/roles/keeper-role.ts. */
export class SimKeeper {
  readonly process: SimProcess;
  readonly redis: RedisClient;
  readonly #ports: KeeperPorts;
  readonly #logger: Logger;
  readonly #keeper: Keeper;
  readonly #flusher: Flusher;
  readonly #janitor: IdJanitor;
  readonly #holdJanitor: HoldJanitor;
  readonly #retirement: Retirement;
  readonly #never = new AbortController().signal;
  #target: KeeperCaller | null = null;

  constructor(deps: {
    process: SimProcess;
    redis: RedisClient;
    ports: KeeperPorts;
    logger: Logger;
    idWindowMs: number;
    cachedHoldsMax: number;
    onBroken(error: unknown): void;
  }) {
    const { process, redis, ports, logger } = deps;
    this.process = process;
    this.redis = redis;
    this.#ports = ports;
    this.#logger = logger;
    const { cache, authority } = ports;
    const events: FlushEvents = {
      flushed: () => {},
      failed: (error) => deps.onBroken(error),
      alert: () => {},
      waiting: () => {},
    };
    const flush = { cache, store: ports.journal, clock: process, limits: FLUSH_LIMITS, events };
    this.#flusher = new Flusher(flush);
    this.#keeper = new Keeper({
      keeperId: process.name,
      authority,
      recoveryStore: ports.recoveryStore,
      cache,
      flusher: new Flusher(flush),
      inspect: () => ports.inspect(),
      sweepEpochsBefore: (epoch, caller) => ports.sweepEpochsBefore(epoch, caller),
      clock: process,
      logger,
      timing: {
        lostAfterMs: TIMES.lostAfterMs,
        lostByPodsAfterMs: TIMES.lostByPodsAfterMs,
        steadyAfterMs: TIMES.steadyAfterMs,
      },
      onAuthority: () => {},
      onRedisOwner: () => {},
    });
    this.#janitor = new IdJanitor({ cache, clock: process, windowMs: deps.idWindowMs });
    this.#holdJanitor = new HoldJanitor({ cache, holdsMax: deps.cachedHoldsMax });
    this.#retirement = new Retirement({
      pods: () => authority.pods(),
      markRetired: (podId, seq) => authority.markRetired(podId, seq),
      removePod: (podId) => authority.removePod(podId),
      cache,
      clock: process,
      logger,
      retireAfterMs: TIMES.retireAfterMs,
    });
    void this.#move(deps.onBroken);
    void this.#flusher.run(() => this.#target, this.#never);
    void this.#tidy();
  }

  async #move(onBroken: (error: unknown) => void): Promise<void> {
    for (;;) {
      try {
        this.#target = targetOf(await this.#keeper.step());
      } catch (error) {
        onBroken(error);
      }
      await this.process.sleep(TIMES.stepMs);
    }
  }

  async #tidy(): Promise<void> {
    for (;;) {
      try {
        const caller = this.#target;
        if (caller) {
          const { seq, idTimeMax } = await this.#ports.journal.cursor();
          await this.#janitor.round(caller, idTimeMax);
          await this.#holdJanitor.round(caller);
          await this.#retirement.round(caller, seq);
          await this.#ports.handOverStore.forget(caller.epoch, seq);
        }
      } catch (error) {
        this.#logger.warn({ reason: String(error) }, 'housekeeping was postponed');
      }
      await this.process.sleep(TIMES.housekeepingMs);
    }
  }
}

function targetOf({ mode, epoch, format, replid }: Authority): KeeperCaller | null {
  return mode === 'CACHE' && replid !== null ? { fenceEpoch: epoch, epoch, format, replid } : null;
}
