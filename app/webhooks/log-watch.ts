import type { RowReader } from '../feed/row-reader.ts';
import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';
import { backoffMs } from '../kernel/retry.ts';

/** How often the log is read while there is nothing new in it, ms. */
const POLL_MS = 100;
const RETRY_DOUBLINGS_MAX = 5;

interface LogWatchDependencies {
  reader: RowReader;
  clock: Clock;
  logger: Logger;
}

/**
 * Reads the new rows of a shard once for all webhooks. The reader keeps these rows, so webhooks that are up to date
 * find them there, and do not wait for webhooks that read old rows.
 */
export class LogWatch {
  readonly #deps: LogWatchDependencies;
  readonly #waiting = new Set<{ after: number; wake(): void }>();
  /** The last position that was read; null until the end of the log was found. */
  #end: number | null = null;

  constructor(deps: LogWatchDependencies) {
    this.#deps = deps;
  }

  async run(stopped: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    const report = new FailureReport(clock, logger, 'the log cannot be read for webhooks');
    this.#end = null;
    for (let failures = 0; !stopped.aborted; ) {
      try {
        if (!(await this.#step())) await clock.sleep(POLL_MS, stopped);
        failures = 0;
        report.succeeded();
      } catch (error) {
        report.failedWith(error);
        // Rows may have been removed or restored: look for the end again.
        this.#end = null;
        await clock.sleep(backoffMs(Math.min(failures++, RETRY_DOUBLINGS_MAX), POLL_MS, clock), stopped);
      }
    }
  }

  /** Resolves when there are rows after a position, or the signal aborts. */
  after(position: number, stopped: AbortSignal): Promise<void> {
    if (stopped.aborted || (this.#end !== null && this.#end > position)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = {
        after: position,
        wake: () => {
          this.#waiting.delete(waiting);
          stopped.removeEventListener('abort', waiting.wake);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      stopped.addEventListener('abort', waiting.wake);
    });
  }

  /** @returns whether there was something new */
  async #step(): Promise<boolean> {
    const { reader } = this.#deps;
    if (this.#end === null) this.#end = (await reader.currentBounds()).newest;
    else {
      const rows = await reader.follow(this.#end);
      const last = rows.at(-1);
      if (!last) return false;
      this.#end = last.position;
    }
    const end = this.#end;
    for (const waiting of [...this.#waiting]) if (end > waiting.after) waiting.wake();
    return true;
  }
}
