import { isStopped } from '../domain/stop.ts';
import type { Context } from './context.ts';
import type { PodShard } from './pod-shard.ts';

/** Minimum age of a report before a new one is made, ms, however many operators request it. */
const MADE_EVERY_MS = 500;

/** What this pod knows at the moment, without querying a store. */
export class OpsLive {
  readonly #context: Pick<Context, 'clock' | 'metrics' | 'processId'>;
  readonly #shards: readonly PodShard[];
  #last: { madeAt: number; report: Promise<object> } | null = null;

  constructor(context: Pick<Context, 'clock' | 'metrics' | 'processId'>, shards: readonly PodShard[]) {
    this.#context = context;
    this.#shards = shards;
  }

  read(): Promise<object> {
    const now = this.#context.clock.monotonic();
    if (!this.#last || now - this.#last.madeAt >= MADE_EVERY_MS) this.#last = { madeAt: now, report: this.#make() };
    return this.#last.report;
  }

  async #make(): Promise<object> {
    const { clock, metrics, processId } = this.#context;
    return {
      at: new Date(clock.now()).toISOString(),
      processId,
      transferRequests: await metrics.transferRequests(),
      shards: this.#shards.map((shard) => stateOf(shard)),
    };
  }
}

function stateOf({ context, session, ledger }: PodShard): object {
  const { authority } = session;
  const view = session.view();
  const oldest = view?.tail.oldestKeptAtMs ?? null;
  return {
    shard: context.shard,
    mode: authority?.mode ?? null,
    epoch: authority?.epoch ?? null,
    stopped: isStopped(authority?.stops ?? 0),
    open: view !== null || session.direct() !== null,
    seq: view?.observed ?? null,
    cursor: view?.cursor ?? null,
    oldestUnflushedMs: oldest === null ? 0 : Math.round(context.clock.monotonic() - oldest),
    queuedTransfers: ledger.open,
    complaints: session.complaints(),
  };
}
