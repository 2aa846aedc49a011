import type { SimProcess } from './sim-process.ts';

interface Waiting {
  atMs: number;
  waits: boolean;
  expire(): void;
}

/** Timeouts of equal length: they end in the order in which they began, so a single timer serves all of them. */
export class Deadlines {
  readonly #process: SimProcess;
  readonly #afterMs: number;
  #waiting: Waiting[] = [];
  #ticking = false;

  constructor(process: SimProcess, afterMs: number) {
    this.#process = process;
    this.#afterMs = afterMs;
  }

  /** @returns a function that cancels the timeout */
  begin(expire: () => void): () => void {
    const waiting: Waiting = { atMs: this.#process.monotonic() + this.#afterMs, waits: true, expire };
    this.#waiting.push(waiting);
    this.#tick();
    return () => {
      waiting.waits = false;
    };
  }

  #tick(): void {
    if (this.#ticking) return;
    let first = 0;
    while (this.#waiting[first]?.waits === false) first += 1;
    if (first > 0) this.#waiting = this.#waiting.slice(first);
    const [next] = this.#waiting;
    if (!next) return;
    this.#ticking = true;
    this.#process.after(next.atMs - this.#process.monotonic(), () => {
      this.#ticking = false;
      const now = this.#process.monotonic();
      for (const waiting of this.#waiting) {
        if (waiting.atMs > now + 1e-6) break;
        if (waiting.waits) waiting.expire();
        waiting.waits = false;
      }
      this.#tick();
    });
  }
}
