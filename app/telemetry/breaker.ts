import CircuitBreaker from 'opossum';
import type { Config } from '../config/config.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

const SETTLED = Promise.resolve();
const ignore = () => {};

/**
 * Decides from the results of its calls whether a store (Redis, MySQL) counts as down.
 *
 * opossum is used only for detection. The calls themselves never run under opossum: its timeout, its rejections while
 * open and its fallback would all report "failed" for a script that may still run, and an in-doubt call must not be
 * repeated elsewhere. Therefore opossum receives each result afterwards, calls continue in any state, and the state is
 * only evidence for other components.
 *
 * - More than `errorThresholdPercent` failures among at least `volumeThreshold` calls in the window: open.
 * - After `resetTimeoutMs`: half-open, and the next result decides. Results reported while open are not counted.
 */
export class Detector {
  readonly name: string;
  readonly #circuit: CircuitBreaker<[failure: unknown], void>;
  readonly #moved: (name: string, state: BreakerState) => void;

  /** Calls `moved` on every change, and once with the initial state. */
  constructor(name: string, settings: Config['breakers'], moved: (name: string, state: BreakerState) => void) {
    this.name = name;
    this.#moved = moved;
    // If the function throws synchronously instead of rejecting, opossum counts the failure in the
    // same event-loop turn.
    const replay = (failure: unknown) => {
      if (failure !== null) throw failure;
      return SETTLED;
    };
    this.#circuit = new CircuitBreaker(replay, {
      name,
      timeout: false,
      errorThresholdPercentage: settings.errorThresholdPercent,
      resetTimeout: settings.resetTimeoutMs,
      rollingCountTimeout: settings.rollingWindowMs,
      volumeThreshold: settings.volumeThreshold,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    for (const event of ['open', 'halfOpen', 'close'] as const) {
      this.#circuit.on(event as 'open', () => this.#moved(name, this.state));
    }
    this.#moved(name, this.state);
  }

  get state(): BreakerState {
    if (this.#circuit.closed) return 'closed';
    return this.#circuit.halfOpen ? 'half-open' : 'open';
  }

  /** Records that a call was answered. A rejection also counts as a success, because the store responded. */
  succeeded(): void {
    this.#report(null);
  }

  /** Records that a call got no answer: the connection was refused or lost, or the call timed out. */
  failed(error: unknown = new Error('no answer')): void {
    this.#report(error ?? new Error('no answer'));
  }

  /** Runs a probe and reports its result; the probe always runs to its end, and its result is passed on. */
  async watch<T>(probe: () => Promise<T>): Promise<T> {
    try {
      const answer = await probe();
      this.succeeded();
      return answer;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** Stops opossum's timers (they do not keep the process alive, but would keep running in a test). */
  [Symbol.dispose](): void {
    this.#circuit.shutdown();
  }

  #report(failure: unknown): void {
    // While open, opossum would only create an error to reject with, which costs more than the rest
    // of the call.
    if (this.#circuit.opened || this.#circuit.isShutdown) return;
    this.#circuit.fire(failure).catch(ignore);
  }
}
