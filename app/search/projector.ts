import { changedIn } from '../journal/sealed/peek.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Changed, IndexState, LogRow, SearchIndex } from './search-index.ts';

/** How long to wait at the end of the log, and after another projector has changed the index, ms. */
const POLL_MS = 200;
const YIELD_MS = 2_000;
/** How often transfers that were pending are checked, ms. */
const DECIDE_MS = 500;

export interface ProjectorEvents {
  /** Called after each change of the index, and at the end of the log. */
  moved(state: IndexState, entries: number): void;
  /** Called when the index does not continue the log, and starts over from the books. */
  restarted(because: 'other_log' | 'gap'): void;
}

interface ProjectorDependencies {
  index: SearchIndex;
  clock: Clock;
  /** Whether transfers can be pending, which is possible only with several shards. */
  hasPending: boolean;
  events: ProjectorEvents;
}

/**
 * Keeps the index of one shard up to date with its sealed log. A step is one small transaction of the index; nothing is
 * lost or repeated if a projector is killed between two steps, or if two projectors run at the same time.
 *
 *   state     step                                                    leads to
 *   EMPTYING  deletes some rows                                       FILLING, once none are left and the log has begun
 *   FILLING   follows the log; at its end, adds a page of the books   READY, after the last page
 *   READY     follows the log                                         EMPTYING, if the log is not the one that it followed
 */
export class Projector {
  readonly #deps: ProjectorDependencies;
  #decidedAt = Number.NEGATIVE_INFINITY;
  #decidedUpTo = 0;
  #reachedEndAt: number;

  constructor(deps: ProjectorDependencies) {
    this.#deps = deps;
    this.#reachedEndAt = deps.clock.monotonic();
  }

  /** Time since the index last contained everything in the log, ms. */
  get behindMs(): number {
    return this.#deps.clock.monotonic() - this.#reachedEndAt;
  }

  /** @returns how long to wait before the next step, ms. @throws Problem database_unavailable */
  async step(): Promise<number> {
    const { index } = this.#deps;
    const from = await index.state();
    if (from.state === 'EMPTYING') {
      if (!(await index.isLogged())) return YIELD_MS;
      return this.#after(from, await index.emptySome(from));
    }
    const rows = await index.rowsAfter(from.position);
    if (rows.length > 0) return this.#follow(from, rows);
    if (isBeyond(from, await index.logEnd())) return this.#restart(from, 'other_log');
    if (from.state === 'FILLING') return this.#after(from, await index.fillSome(from));
    this.#reachedEndAt = this.#deps.clock.monotonic();
    this.#deps.events.moved(from, 0);
    await this.#decide(from);
    return POLL_MS;
  }

  async #follow(from: IndexState, rows: readonly LogRow[]): Promise<number> {
    const { index } = this.#deps;
    const [first] = rows;
    const isNext = first?.position === from.position + 1;
    if (!isNext) return this.#restart(from, 'gap');
    if (first.previousHash !== from.hash) return this.#restart(from, 'other_log');
    const changed = changesOf(rows);
    const entries = rows.reduce((sum, { lines }) => sum + lines.length, 0);
    return this.#after(from, await index.follow(from, rows, changed), entries);
  }

  async #restart(from: IndexState, because: 'other_log' | 'gap'): Promise<number> {
    this.#deps.events.restarted(because);
    return this.#after(from, await this.#deps.index.restart(from, because === 'gap' ? 'FILLING' : 'EMPTYING'));
  }

  #after(from: IndexState, isDone: boolean, entries = 0): number {
    // Another projector is at work, so this one only has to be ready in case the other one stops.
    if (!isDone) return YIELD_MS;
    this.#deps.events.moved(from, entries);
    return 0;
  }

  async #decide(from: IndexState): Promise<void> {
    const { index, clock, hasPending } = this.#deps;
    if (!hasPending || clock.monotonic() - this.#decidedAt < DECIDE_MS) return;
    this.#decidedAt = clock.monotonic();
    const upTo = await index.decideSome(from, this.#decidedUpTo);
    if (upTo !== false) this.#decidedUpTo = upTo;
  }
}

/** Whether the log ends before the position of the index: the ledger was restored from a backup, and the index was not. */
const isBeyond = (index: IndexState, end: Pick<IndexState, 'position' | 'hash'>): boolean =>
  index.position > end.position || (index.position === end.position && index.position > 0 && index.hash !== end.hash);

/** The ids in rows of the log, each once. */
function changesOf(rows: readonly LogRow[]): Changed {
  const transactionIds = new Set<string>();
  const accountIds = new Set<string>();
  for (const { lines } of rows)
    for (const line of lines) {
      const changed = changedIn(line);
      if (changed?.what === 'transfer') transactionIds.add(changed.id);
      else if (changed) accountIds.add(changed.id);
    }
  return { transactionIds: [...transactionIds], accountIds: [...accountIds] };
}
