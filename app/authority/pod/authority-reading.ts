import type { Authority } from '../../domain/authority.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { PodAuthority } from '../authority-ports.ts';

interface AuthorityReadingDependencies {
  authority: Pick<PodAuthority, 'read'>;
  clock: Clock;
  logger: Logger;
  onAuthority(authority: Authority): void;
}

/** The authority as this pod last read it. */
export class AuthorityReading {
  readonly #deps: AuthorityReadingDependencies;
  #now: Authority | null = null;
  #readAt = 0;
  #databaseSeen = false;

  constructor(deps: AuthorityReadingDependencies) {
    this.#deps = deps;
  }

  /** Null if it has never been read; a failed read keeps the previous result. */
  get now(): Authority | null {
    return this.#now;
  }
  /** Whether MySQL answered the last read. */
  get databaseSeen(): boolean {
    return this.#databaseSeen;
  }
  /** How long the ledger has been closing, ms; 0 while it is not. */
  get closingForMs(): number {
    if (this.#now?.mode !== 'CLOSING') return 0;
    return this.#now.ageMs + this.#deps.clock.monotonic() - this.#readAt;
  }

  async read(): Promise<void> {
    const { authority, clock, logger, onAuthority } = this.#deps;
    try {
      this.#now = await authority.read();
      this.#readAt = clock.monotonic();
      this.#databaseSeen = true;
      onAuthority(this.#now);
    } catch (error) {
      this.#databaseSeen = false;
      if (!(error instanceof Problem)) logger.error({ err: error }, 'the authority could not be read');
    }
  }
}
