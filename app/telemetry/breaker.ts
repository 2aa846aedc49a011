import CircuitBreaker from 'opossum';
import type { Config } from '../config/config.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

const SETTLED = Promise.resolve();
const ignore = () => {};

/**
 * Whether a store (Redis, MySQL) counts as down, told from how its calls end.
 *
 * opossum is used to detect and for nothing else. The calls themselves never run under it: its time-out, its refusal
 * when open and its fallback would all answer "failed" for a script that may still run, and what is in doubt must not
 * be done again elsewhere. So it is told of each end after the fact, the calls go on whatever the state is, and the
 * state is only evidence for whoever decides.
 *
 * - More than `errorThresholdPercent` failures among at least `volumeThreshold` calls of the window: open.
 * - After `resetTimeoutMs`: half-open, and the next end decides. Ends reported while open are not counted.
 */
export class Detector {
  readonly name: string;
  readonly #circuit: CircuitBreaker<[failure: unknown], void>;
  readonly #moved: (name: string, state: BreakerState) => void;

  /** `moved` is told of every change, and once of the state at the start. */
  constructor(name: string, settings: Config['breakers'], moved: (name: string, state: BreakerState) => void) {
    this.name = name;
    this.#moved = moved;
    // Throwing at once, not rejecting, makes opossum count a failure in the same turn.
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

  /** A call was answered. An answer that refuses is a success too: the store is there. */
  succeeded(): void {
    this.#tell(null);
  }

  /** A call found no answer: refused, broken off, timed out. */
  failed(error: unknown = new Error('no answer')): void {
    this.#tell(error ?? new Error('no answer'));
  }

  /** Runs a probe and reports its end; the probe always runs, is never cut short, and its outcome is passed on. */
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

  /** Stops opossum's timers (they do not hold the process, but would go on in a test). */
  [Symbol.dispose](): void {
    this.#circuit.shutdown();
  }

  #tell(failure: unknown): void {
    // Open, opossum would only make an error to reject with; that costs more than the call's own bookkeeping.
    if (this.#circuit.opened || this.#circuit.isShutdown) return;
    this.#circuit.fire(failure).catch(ignore);
  }
}
