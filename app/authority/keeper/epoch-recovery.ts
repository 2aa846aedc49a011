import type { Authority, MovedBy } from '../../domain/authority.ts';
import type { CacheKeeper, KeeperCaller } from '../../journal/cache-port.ts';
import type { Cursor } from '../../journal/cursor.ts';
import { lastSeqOf } from '../../journal/journaled.ts';
import type { Recovery } from '../../journal/recovery/recovery.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { Flusher } from '../../sync/flusher.ts';
import type { AcceptedLossStep, EpochRecoveryStore, RecoveryStep } from '../authority-ports.ts';

/** Time after which a keeper returns to its other work, ms; the recovery continues with its next step. */
const SLICE_MS = 5_000;
/** How often missing seqs are counted, ms: counting reads everything handed over, and the result rarely changes. */
const UNEXPLAINED_WAIT_MS = 2_000;
const JOURNAL_PAGE = 400;

interface EpochRecoveryDependencies {
  recoveryStore: EpochRecoveryStore;
  cache: Pick<CacheKeeper, 'journal'>;
  flusher: Pick<Flusher, 'catchUp'>;
  cursor(): Promise<Cursor>;
  clock: Clock;
  logger: Logger;
}

/**
 * Recovers an ended epoch page by page, in bounded memory whatever its size. Each page is committed separately, so that
 * another keeper can continue where this one stopped. The log shows the progress.
 */
export class EpochRecovery {
  readonly #deps: EpochRecoveryDependencies;
  #unexplained: { epoch: number; step: RecoveryStep; atMs: number } | null = null;

  constructor(deps: EpochRecoveryDependencies) {
    this.#deps = deps;
  }

  /** Recovers from what the pods have handed over. */
  async fromPods(authority: Authority, by: MovedBy): Promise<RecoveryStep | null> {
    const { clock, recoveryStore } = this.#deps;
    const before = this.#unexplained;
    if (before?.epoch === authority.epoch && clock.monotonic() - before.atMs < UNEXPLAINED_WAIT_MS) return before.step;
    const step = await this.#pages(() => recoveryStore.recoverFromHandOvers(authority, by));
    const unexplained = step !== null && 'unexplained' in step;
    this.#unexplained = unexplained ? { epoch: authority.epoch, step, atMs: clock.monotonic() } : null;
    return step;
  }

  /** Recovers without the missing entries, because an operator has accepted their loss. */
  async acceptingLoss(authority: Authority, by: MovedBy): Promise<AcceptedLossStep | null> {
    return this.#pages(() => this.#deps.recoveryStore.acceptLoss(authority, by));
  }

  /**
   * Flushes the rest of the epoch's journal after its fence was raised, as long as MySQL has nothing above the cursor.
   * @returns the journal's last seq; null when there is more to do
   */
  async byFlushing(authority: Authority, caller: KeeperCaller): Promise<number | null> {
    const { clock, flusher } = this.#deps;
    const until = clock.monotonic() + SLICE_MS;
    return flusher.catchUp(caller, authority.epoch, (position, highestKnownSeq) => {
      if (clock.monotonic() < until) return true;
      this.#report({ cacheEpoch: caller.epoch, phase: 'flushing', position, bound: highestKnownSeq });
      return false;
    });
  }

  /**
   * Posts the entries of the epoch's journal that MySQL does not have, after its fence was raised.
   * @returns the journal's last seq; null when there is more to do, or when the authority has moved
   */
  async fromJournal(authority: Authority, caller: KeeperCaller): Promise<number | null> {
    const { cache, recoveryStore } = this.#deps;
    let { seq } = await this.#deps.cursor();
    const end = await this.#pages(async () => {
      const { head, entries } = await cache.journal(caller, seq, JOURNAL_PAGE);
      const last = entries.at(-1);
      if (!last) return { end: head.seq };
      const working = await recoveryStore.postJournal(authority, entries, head.seq);
      seq = lastSeqOf(last);
      return working && { working };
    });
    return end && 'end' in end ? end.end : null;
  }

  /** Processes pages while there is more to do and time is left. */
  async #pages<T extends object>(
    page: () => Promise<T | { working: Recovery } | null>,
  ): Promise<T | { working: Recovery } | null> {
    const { clock } = this.#deps;
    const until = clock.monotonic() + SLICE_MS;
    for (;;) {
      const done = await page();
      if (done === null || !('working' in done)) return done;
      if (clock.monotonic() < until) continue;
      const { cacheEpoch, phase, position, highestKnownSeq, posted, held } = done.working as Recovery;
      this.#report({ cacheEpoch, phase, position, bound: highestKnownSeq, posted, held });
      return done;
    }
  }

  #report(progress: object): void {
    this.#deps.logger.info(progress, 'the epoch is being recovered');
  }
}
