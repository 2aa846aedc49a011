import { Problem } from '../../domain/problem.ts';

/**
 * The number of connections of a pool that one of its databases may use at the same time. Databases that share a pool get at
 * most half of it each, so that a database whose statements wait for locks does not occupy all connections.
 */
export class PoolShare {
  readonly #max: number;
  readonly #queueMax: number;
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(max: number, queueMax: number) {
    this.#max = max;
    this.#queueMax = queueMax;
  }

  /** Waits until this database may use another connection. @throws Problem database_unavailable if that takes too long */
  async enter(timeoutMs: number): Promise<void> {
    if (this.#used < this.#max) {
      this.#used += 1;
      return;
    }
    if (this.#waiting.size >= this.#queueMax) throw new Problem('database_unavailable', 'too many queued statements');
    await new Promise<void>((resolve, reject) => {
      const next = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(next);
        reject(new Problem('database_unavailable', 'no MySQL connection became available in time'));
      }, timeoutMs);
      this.#waiting.add(next);
    });
  }

  /** The connection goes to the caller that has waited longest. */
  leave(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#used -= 1;
  }
}
