import type { Clock } from '../../kernel/clock.ts';
import { InspectionRefused, type ServerFacts, unfitness } from '../server-facts.ts';
import type { Complaints } from './complaints.ts';
import { RedisWatch } from './redis-watch.ts';

/**
 * How long an inspection may take while a ledger is closing, ms: for a Redis that was reachable, and for one that was
 * lost.
 */
const HANGING_MS = 1_000;
export const INSPECTION_MS_MAX = 250;

interface RedisInspectionDependencies {
  inspect(): Promise<ServerFacts>;
  clock: Clock;
  complaints: Complaints;
}

/** Reads the facts that a keeper needs about the Redis at the configured address. */
export class RedisInspection {
  readonly #deps: RedisInspectionDependencies;
  readonly watch: RedisWatch;

  constructor(deps: RedisInspectionDependencies) {
    this.#deps = deps;
    this.watch = new RedisWatch(deps.clock);
  }

  /** @returns null while Redis cannot be reached */
  async inspect(): Promise<ServerFacts | null> {
    let facts: ServerFacts | null = null;
    await this.watch.look(async () => {
      facts = await this.#deps.inspect();
      return unfitness(facts).length > 0 ? 'unfit' : facts.replid;
    });
    this.#report(this.watch.trouble);
    return facts;
  }

  /** Call after an operation has failed for lack of a connection: logs the reason if waiting cannot fix it. */
  async reportRefusal(): Promise<void> {
    this.#report(
      await this.#deps.inspect().then(
        () => null,
        (error: unknown) => error,
      ),
    );
  }

  #report(trouble: unknown): void {
    if (trouble instanceof InspectionRefused)
      this.#deps.complaints.add(`Redis cannot be inspected: ${trouble.message}`);
  }

  /**
   * A Redis that hangs must not hold up a step for as long as a command may take: a slow answer counts as no answer.
   */
  async inspectQuickly(): Promise<ServerFacts | null> {
    const tooLate = this.#deps.clock.sleep(this.watch.lostForMs > 0 ? INSPECTION_MS_MAX : HANGING_MS).then(() => null);
    return Promise.race([this.inspect(), tooLate]);
  }

  /** Whether an epoch may run on this server; if not, the reasons are logged. */
  isFit(facts: ServerFacts | null): facts is ServerFacts {
    if (!facts) return false;
    const wrong = unfitness(facts);
    if (wrong.length > 0) this.#deps.complaints.add(`this Redis may not hold the ledger: ${wrong.join('; ')}`);
    return wrong.length === 0;
  }
}
