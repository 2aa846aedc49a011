import type { Authority } from '../../domain/authority.ts';
import { CacheError, type CacheKeeper } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import { explainReplid, replidRisks, type ServerFacts } from '../server-facts.ts';
import { NO_ENTRIES_AFTER, refusal } from './epoch-fence.ts';
import { INSPECTION_MS_MAX, type RedisInspection } from './redis-inspection.ts';
import type { RedisOwnership } from './redis-ownership.ts';

/** How scripts refuse a server by its role or its `master_replid`. */
const REPLID_REFUSALS = new Set(['demoted', 'other_server']);

interface ServingCheckDependencies {
  cache: Pick<CacheKeeper, 'journal'>;
  inspect(): Promise<ServerFacts>;
  inspection: RedisInspection;
  ownership: RedisOwnership;
  clock: Clock;
  logger: Logger;
}

/** Checks, while an epoch runs, whether Redis is still its server. */
export class ServingCheck {
  readonly #deps: ServingCheckDependencies;
  #serves: { epoch: number; runId: string } | null = null;

  constructor(deps: ServingCheckDependencies) {
    this.#deps = deps;
  }

  /** @returns how Redis refuses the epoch; null if Redis serves it, or cannot be reached */
  async refusalOf(authority: Authority): Promise<string | null> {
    const { cache, inspection, ownership } = this.#deps;
    const { epoch, format, replid, marker } = authority;
    if (replid === null) throw new Error(`epoch ${epoch} of the cache names no server`);
    const refused = await inspection.watch.look(async () => {
      const found = await cache
        .journal({ fenceEpoch: epoch, epoch, format, replid }, NO_ENTRIES_AFTER, 1)
        .catch(refusal);
      if (!(found instanceof CacheError)) {
        await this.#remember(epoch, replid);
        return found.marker === marker ? null : 'a different marker';
      }
      const claimed = found.reason === 'unclaimed' && (await ownership.claim(authority, replid));
      return claimed ? null : found.reason;
    });
    const { trouble } = inspection.watch;
    if (trouble instanceof CacheError && trouble.kind === 'not_sent') await inspection.reportRefusal();
    return refused;
  }

  /**
   * Describes what has happened to the server, for the log; empty if its `master_replid` is unchanged (then its fence
   * or its marker differs).
   */
  async explain(refusedAs: string): Promise<string> {
    if (!REPLID_REFUSALS.has(refusedAs)) return '';
    // Waits only briefly, because the explanation is used only in the log.
    const tooLate = this.#deps.clock.sleep(INSPECTION_MS_MAX).then(() => null);
    const facts = await Promise.race([this.#deps.inspect().catch(() => null), tooLate]);
    return facts ? ` (${explainReplid(facts, this.#serves?.runId ?? null)})` : '';
  }

  /** Reads once which process serves the epoch, to explain later what has happened to it. */
  async #remember(epoch: number, replid: string): Promise<void> {
    if (this.#serves?.epoch === epoch) return;
    const facts = await this.#deps.inspect().catch(() => null);
    if (facts?.replid !== replid) return;
    this.#serves = { epoch, runId: facts.runId };
    const risks = replidRisks(facts);
    if (risks.length > 0) this.#deps.logger.warn({ risks }, 'this Redis can cause unnecessary switch-overs');
  }
}
