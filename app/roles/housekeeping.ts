import { Retirement } from '../authority/keeper/retirement.ts';
import { CalendarKeeper } from '../jobs/calendar-keeper.ts';
import { SyncSupervisor } from '../jobs/sync-supervisor.ts';
import type { KeeperCaller } from '../journal/cache-port.ts';
import { SqlCalendarStore } from '../mysql/operations/calendar-store.ts';
import { connectQueue } from '../redis/connection.ts';
import { Keys } from '../redis/run-script.ts';
import { slotOfPrefix } from '../redis/shard-prefix.ts';
import type { Flusher } from '../sync/flusher.ts';
import { HoldJanitor } from '../sync/hold-janitor.ts';
import { IdJanitor } from '../sync/id-janitor.ts';
import { HoldGauges } from './hold-gauges.ts';
import type { ShardContext } from './shard-context.ts';

const SUPERVISION_MS = 5_000;

/**
 * The routine work of a keeper: registers itself, samples metrics, supervises the flush, and cleans up Redis and MySQL.
 */
export class Housekeeping implements AsyncDisposable {
  readonly #context: ShardContext;
  readonly #flusher: Flusher;
  readonly #target: () => KeeperCaller | null;
  readonly #janitor: IdJanitor;
  readonly #holdJanitor: HoldJanitor;
  readonly #holdGauges: HoldGauges;
  readonly #retirement: Retirement;
  readonly #calendar: CalendarKeeper;
  #supervisor: SyncSupervisor | null = null;
  #frozenAccounts = 0;
  #accountsCached = 0;
  #holdsCached = 0;

  /** @param target the epoch in Redis that has the authority, if any */
  constructor(context: ShardContext, flusher: Flusher, target: () => KeeperCaller | null) {
    const { config, clock, scripts, metrics } = context;
    this.#context = context;
    this.#flusher = flusher;
    this.#target = target;
    this.#janitor = new IdJanitor({ cache: scripts, clock, windowMs: config.ledger.idWindowMs });
    this.#holdJanitor = new HoldJanitor({ cache: scripts, holdsMax: config.ledger.cachedHoldsMax });
    this.#holdGauges = new HoldGauges(context);
    this.#retirement = createRetirement(context);
    const { businessTimeZone: timeZone, businessDayCutoff: cutoff } = config.ledger;
    const settings = { timeZone, cutoff };
    this.#calendar = new CalendarKeeper({
      store: new SqlCalendarStore(context.database),
      cache: scripts,
      clock,
      settings,
    });
    metrics.sample({
      frozenAccounts: () => this.#frozenAccounts,
      accountsCached: () => this.#accountsCached,
      holdsCached: () => this.#holdsCached,
    });
    metrics.limits({ journal_entries: config.ledger.backlogEntriesMax });
  }

  /** @throws when a store is unavailable */
  async round(): Promise<void> {
    const { authority, flushStore, handOverStore, identity, processId, redis, keyPrefix, unsettled } = this.#context;
    await authority.keeperHeartbeat(processId);
    this.#supervisor ??= this.#startSupervisor(await identity.read());
    this.#frozenAccounts = await unsettled.frozenAccounts();
    await this.#holdGauges.round();
    const caller = this.#target();
    await this.#calendar.round(caller);
    this.#accountsCached = caller ? await redis.hlen(new Keys(keyPrefix, caller).accounts) : 0;
    this.#holdsCached = caller ? await this.#holdJanitor.round(caller) : 0;
    if (!caller) return;
    const { seq, idTimeMax } = await flushStore.cursor();
    await this.#janitor.round(caller, idTimeMax);
    await this.#retirement.round(caller, seq);
    await handOverStore.forget(caller.epoch, seq);
  }

  #startSupervisor(ledgerId: string): SyncSupervisor {
    const { config, clock, keyPrefix, logger } = this.#context;
    return new SyncSupervisor({
      connection: connectQueue({ ...config.redis, slot: slotOfPrefix(keyPrefix) }),
      // The prefix contains the ledger's id, so that this is not the queue of another installation on this Redis.
      prefix: `${keyPrefix}:bull:${ledgerId}`,
      everyMs: SUPERVISION_MS,
      logger: logger.log,
      supervise: async () => {
        const silentMs = clock.monotonic() - this.#flusher.lastProgressAt;
        if (this.#target() && silentMs > config.sync.lagAlertMs)
          throw new Error(`nothing was flushed for ${Math.round(silentMs)} ms`);
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holdGauges[Symbol.dispose]();
    await this.#supervisor?.[Symbol.asyncDispose]();
  }
}

function createRetirement({ config, authority, clock, logger, scripts }: ShardContext): Retirement {
  return new Retirement({
    pods: () => authority.pods(),
    markRetired: (podId, seq) => authority.markRetired(podId, seq),
    removePod: (podId) => authority.removePod(podId),
    cache: scripts,
    clock,
    logger: logger.log,
    retireAfterMs: config.authority.podRetireAfterMs,
  });
}
