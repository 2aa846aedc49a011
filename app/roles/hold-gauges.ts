import { HoldSchedule } from '../mysql/operations/hold-schedule.ts';
import { returnedMoney } from '../mysql/operations/returned-money.ts';
import type { ShardContext } from './shard-context.ts';

/** Minimum interval between counts of the open holds, ms. In addition, counting may take only a twentieth of the time. */
const COUNT_EVERY_MS = 60_000;
const COUNT_SHARE = 20;

/** The values of the metrics about holds: how late their expiries are, and how many are open. */
export class HoldGauges implements Disposable {
  readonly #context: ShardContext;
  readonly #schedule: HoldSchedule;
  /** Null until a round succeeds, and after one that fails, so that no old value hides what other keepers report. */
  #lateMs: number | null = null;
  #countAt = Number.NEGATIVE_INFINITY;
  #isCounting = false;
  #isDisposed = false;

  constructor(context: ShardContext) {
    this.#context = context;
    this.#schedule = new HoldSchedule(context.database);
    const holdExpiryDelaySeconds = (): number => (this.#lateMs === null ? Number.NaN : this.#lateMs / 1000);
    context.metrics.sample({ holdExpiryDelaySeconds });
  }

  /** @throws Problem database_unavailable */
  async round(): Promise<void> {
    const { clock, ledgerClock, logger } = this.#context;
    this.#lateMs = null;
    this.#lateMs = await this.#schedule.lateMs(ledgerClock.now());
    if (clock.monotonic() < this.#countAt || this.#isCounting) return;
    // Not awaited: other housekeeping must not wait for a large table.
    this.#isCounting = true;
    this.#count()
      .catch((error: unknown) => {
        if (!this.#isDisposed) logger.log.warn({ err: error }, 'open holds could not be counted');
      })
      .finally(() => {
        this.#isCounting = false;
      });
  }

  async #count(): Promise<void> {
    const { clock, config, database, metrics } = this.#context;
    const started = clock.monotonic();
    this.#countAt = started + COUNT_EVERY_MS;
    metrics.holdsOpen(await this.#schedule.open());
    if (config.ledger.shards > 1) metrics.returned(await returnedMoney(database));
    this.#countAt = started + Math.max(COUNT_EVERY_MS, COUNT_SHARE * (clock.monotonic() - started));
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
  }
}
