import { countVote } from '../authority/keeper/reachability-vote.ts';
import type { PodShard } from './pod-shard.ts';
import { repeat } from './repeat.ts';

const EVERY_MS = 1_000;

/**
 * Whether a pod with several shards is ready: it has to serve every shard that most pods can serve. Otherwise, if one shard
 * failed everywhere, every pod would become unready, and the other shards would be unavailable, too.
 */
export class ShardReadiness {
  readonly #shards: readonly PodShard[];
  /** The shards that most pods cannot serve either, or whose votes cannot be read. */
  readonly #inTrouble = new Set<number>();

  constructor(shards: readonly PodShard[]) {
    this.#shards = shards;
  }

  /** Compares this pod with the others, until `stopped` aborts. */
  async watch(stopped: AbortSignal): Promise<void> {
    if (this.#shards.length === 1) return;
    await Promise.all(
      this.#shards.map((shard) =>
        repeat(shard.context, { everyMs: EVERY_MS, failure: 'the votes of the pods could not be read', stopped }, () =>
          this.#compare(shard),
        ),
      ),
    );
  }

  /** Why this pod is not ready; empty while it can serve every shard that most pods can serve. */
  complaints(): string[] {
    const [only] = this.#shards;
    if (this.#shards.length === 1 && only) return only.session.complaints();
    const found = this.#shards.map(({ context, session }) => ({
      shard: context.shard,
      complaints: session.complaints().map((complaint) => `shard ${context.shard}: ${complaint}`),
    }));
    // A pod that can serve no shard is not ready.
    const servesNothing = found.every(({ complaints }) => complaints.length > 0);
    return found.flatMap(({ shard, complaints }) => (servesNothing || !this.#inTrouble.has(shard) ? complaints : []));
  }

  async #compare({ context, session }: PodShard): Promise<void> {
    const { shard, opsReads } = context;
    if (session.complaints().length === 0) {
      this.#inTrouble.delete(shard);
      return;
    }
    try {
      const { mostReachRedis } = countVote(await opsReads.authority.livePods());
      if (mostReachRedis) this.#inTrouble.delete(shard);
      else this.#inTrouble.add(shard);
    } catch (error) {
      // Only MySQL has the votes. A failure of MySQL usually affects all pods.
      this.#inTrouble.add(shard);
      throw error;
    }
  }
}
