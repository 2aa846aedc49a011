import type { Clock } from '../../kernel/clock.ts';
import type { HoldReason } from '../../ledger/epoch/epoch-view.ts';
import type { AuthorityReading } from './authority-reading.ts';
import type { SessionState } from './session-decision.ts';

/**
 * Time before a pod turns unready, ms. A switch takes seconds: if every pod turned unready at once, none would be left
 * to hold requests.
 */
const UNREADY_AFTER_MS = 5_000;

interface ReadinessDependencies {
  clock: Clock;
  reading: AuthorityReading;
  /** How long the ledger must have been closing before requests are refused at once instead of held, ms. */
  closedAfterMs: number;
}

/**
 * The state that a pod reports about itself: to the load balancer, and to clients whose requests it has held for too
 * long.
 */
export class Readiness {
  readonly #deps: ReadinessDependencies;
  #heldSince: number;
  #hasServed = false;

  constructor(deps: ReadinessDependencies) {
    this.#deps = deps;
    this.#heldSince = deps.clock.monotonic();
  }

  opened(): void {
    this.#hasServed = true;
  }
  held(): void {
    this.#heldSince = this.#deps.clock.monotonic();
  }

  /** Why this pod cannot serve; empty while it can, and while it holds requests for a moment. */
  complaints(state: SessionState): string[] {
    const { clock, reading } = this.#deps;
    if (!reading.now) return ['the authority has not been read from MySQL yet'];
    if (state === 'open') return [];
    const serves = state === 'direct' && reading.databaseSeen;
    if (this.#hasServed && (serves || clock.monotonic() - this.#heldSince < UNREADY_AFTER_MS)) return [];
    if (!reading.databaseSeen) return ['MySQL is unavailable'];
    // While the authority moves or the ledger is closed, this pod can still answer reads, and no other pod can do more.
    if (reading.now.mode !== 'CACHE') return [];
    return ['Redis does not answer this pod as the server of this epoch'];
  }

  holdReason(): HoldReason {
    const { closedAfterMs, reading } = this.#deps;
    if (!reading.databaseSeen && reading.now?.mode !== 'CACHE') return 'database_unavailable';
    return reading.closingForMs >= closedAfterMs ? 'ledger_closed' : 'ledger_switching';
  }
}
