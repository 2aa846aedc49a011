import type { KeeperCaller } from '../../journal/cache-port.ts';
import { type Cursor, CursorConflictError } from '../../journal/cursor.ts';
import type { FlushBatch } from '../../journal/flush-batch.ts';
import { account, type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { Flusher, type FlushLimits, type JournalStore } from '../flusher.ts';

export const ACCOUNTS = [account('world'), account('ada')];
export const LIMITS: FlushLimits = {
  batchMax: 100,
  charsMax: 1_000_000,
  gatherMs: 10,
  retryBaseMs: 50,
  retryMaxMs: 400,
  alertAfterFailures: 3,
};

/** The part of MySQL that the flush uses, with failures that a test schedules. */
export class MemoryStore implements JournalStore {
  at: Cursor = { epoch: 1, seq: 0, idTimeMax: 0 };
  readonly batches: FlushBatch[] = [];
  attempts = 0;
  before: () => Promise<void> = async () => {};
  after: () => Promise<void> = async () => {};

  async cursor(): Promise<Cursor> {
    return { ...this.at };
  }
  async commit(batch: FlushBatch): Promise<void> {
    this.attempts += 1;
    await this.before();
    if (batch.afterSeq !== this.at.seq || batch.epoch !== this.at.epoch)
      throw new CursorConflictError('the cursor is elsewhere');
    this.at = { ...this.at, seq: batch.lastSeq };
    this.batches.push(batch);
    await this.after();
  }
}

/** A flusher with the model of Redis, an in-memory MySQL, and a clock that the test controls. */
export class Bench {
  readonly clock = new TestClock();
  readonly store = new MemoryStore();
  readonly stopped = new AbortController();
  readonly alerts: boolean[] = [];
  readonly failures: [message: string, inARow: number][] = [];
  readonly waiting: [entries: number | null, oldest: number | null][] = [];
  readonly epoch: EpochUnderTest;
  readonly flusher: Flusher;
  target: KeeperCaller | null;
  #running: Promise<void> = Promise.resolve();

  constructor(epoch: EpochUnderTest, limits: Partial<FlushLimits>) {
    this.epoch = epoch;
    this.target = epoch.keeper;
    this.flusher = new Flusher({
      cache: epoch.cache,
      store: this.store,
      clock: this.clock,
      limits: { ...LIMITS, ...limits },
      events: {
        flushed: () => {},
        failed: (error, inARow) => void this.failures.push([(error as Error).message, inARow]),
        alert: (on) => void this.alerts.push(on),
        waiting: (entries, oldest) => void this.waiting.push([entries, oldest]),
      },
    });
  }
  run(): void {
    this.#running = this.flusher.run(() => this.target, this.stopped.signal);
  }
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.#running;
  }
  async post(transfers: number): Promise<void> {
    const from = await this.epoch.headSeq();
    await this.epoch.apply(...Array.from({ length: transfers }, (_, n) => order(`t${from + n + 1}`)));
  }
  /**
   * Runs the flusher with a MySQL that fails the given number of times; the next commit waits until the returned
   * function is called.
   */
  async failTimes(times: number): Promise<() => void> {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.store.before = async () => {
      if (this.store.attempts <= times) throw new Error('MySQL is unavailable');
      await opened;
    };
    this.run();
    await until('it has failed the given number of times', () => this.store.attempts > times);
    return open;
  }
}
