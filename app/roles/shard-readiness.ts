import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';
import type { LostShards, LostShardVotes } from '../mysql/operations/lost-shards.ts';

const EVERY_MS = 1_000;
/**
 * How long a shard that this pod has served may be lost before the pod becomes unready, ms: long enough for the votes
 * to arrive.
 */
const UNREADY_AFTER_MS = 3_000;

/** A shard of a pod, as far as its readiness depends on it. */
export interface ServedShard {
  /** Why this pod cannot serve the shard; empty while it can, and while it holds requests for a moment. */
  complaints(): string[];
  serves(): boolean;
  lostShards: Pick<LostShards, 'report' | 'votes'>;
}

interface ShardReadinessDependencies {
  shards: readonly ServedShard[];
  clock: Clock;
  logger: Logger;
  processId: string;
}

/**
 * Whether a pod with several shards is ready: it has to serve every shard that at least half of the pods serve. If a
 * shard that fails everywhere made all pods unready, the other shards would become unavailable, too.
 */
export class ShardReadiness {
  readonly #deps: ShardReadinessDependencies;
  /** Shards that most pods cannot serve, as far as the votes are known. */
  #lostByMost: ReadonlySet<number> = new Set();
  readonly #hasServed = new Set<number>();
  readonly #complainsSince = new Map<number, number>();

  constructor(deps: ShardReadinessDependencies) {
    this.#deps = deps;
  }

  /** Reports lost shards to the other pods, and compares with them, until `stopped` aborts. */
  async watch(stopped: AbortSignal): Promise<void> {
    const { clock, logger, shards } = this.#deps;
    if (shards.length === 1) return;
    const report = new FailureReport(clock, logger, 'this pod cannot serve every shard');
    while (!stopped.aborted) {
      const lost = [...shards.keys()].filter((shard) => !this.#isServed(shard));
      await this.#compare(lost);
      if (lost.length === 0) report.succeeded();
      else report.failed({ lost, lostByMost: [...this.#lostByMost] }, lost.join());
      await clock.sleep(EVERY_MS, stopped);
    }
  }

  /** Why this pod is not ready; empty if it is. */
  complaints(): string[] {
    const { shards, clock } = this.#deps;
    const [only] = shards;
    if (shards.length === 1 && only) return only.complaints();
    const now = clock.monotonic();
    const found = shards.map((served, shard) => {
      const complaints = served.complaints();
      if (complaints.length === 0) this.#complainsSince.delete(shard);
      else if (!this.#complainsSince.has(shard)) this.#complainsSince.set(shard, now);
      return complaints.map((complaint) => `shard ${shard}: ${complaint}`);
    });
    // A pod that serves nothing is of no use.
    if (found.every((complaints) => complaints.length > 0)) return found.flat();
    return found.flatMap((complaints, shard) => (this.#counts(shard, now) ? complaints : []));
  }

  #counts(shard: number, now: number): boolean {
    if (this.#lostByMost.has(shard)) return false;
    const since = this.#complainsSince.get(shard) ?? now;
    return !this.#hasServed.has(shard) || now - since >= UNREADY_AFTER_MS;
  }

  #isServed(shard: number): boolean {
    const served = this.#deps.shards[shard];
    const serves = served?.serves() === true && served.complaints().length === 0;
    if (serves) this.#hasServed.add(shard);
    return serves;
  }

  /**
   * Every pod reports to all databases that answer, so each database contains the votes of all pods that can reach it.
   */
  async #compare(lost: readonly number[]): Promise<void> {
    if (lost.length === 0) {
      this.#lostByMost = new Set();
      return;
    }
    const { shards, processId } = this.#deps;
    const answers = await Promise.allSettled(
      shards.map(async ({ lostShards }) => {
        await lostShards.report(processId, lost);
        return lostShards.votes();
      }),
    );
    const votes = answers.find((answer) => answer.status === 'fulfilled')?.value;
    // Without any database, no pod can do more than this one.
    this.#lostByMost = new Set(lost.filter((shard) => !votes || isLostByMost(votes, shard)));
  }
}

const isLostByMost = ({ live, lost }: LostShardVotes, shard: number): boolean =>
  2 * (live - (lost.get(shard) ?? 0)) < live;
