import type { Logger } from '../../kernel/log.ts';

const COMPLAINTS_MAX = 100;

/** Logs why the authority cannot move: each reason only once, until `clear` forgets all of them. */
export class Complaints {
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(complaint: string): void {
    if (!this.#logged.has(complaint)) this.#logger.error({ complaint }, 'the authority cannot move');
    if (this.#logged.size < COMPLAINTS_MAX) this.#logged.add(complaint);
  }
  clear(): void {
    this.#logged.clear();
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
