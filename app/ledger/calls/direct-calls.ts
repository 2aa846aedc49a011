import { replay } from '../../domain/content.ts';
import { replayGroup } from '../../domain/group.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import { AttemptCall, type Session } from '../epoch/epoch-view.ts';
import { DirectError, type DirectServer } from '../ports/direct-server.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { answerOf } from './hold-answers.ts';
import { type Answer, isGroup, isHold, isTransfer, type Pending, type ResultSink, transfersIn } from './pending.ts';

/**
 * Locks are held until a call commits. Calls must therefore be small enough not to lock a hot account for long, and
 * large enough for many transfers to share a commit.
 */
export const DIRECT_BATCH_MAX = 200;
const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;
const RETRY_DOUBLINGS_MAX = 4;

export interface DirectCallsDependencies {
  direct: DirectServer;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
}

/**
 * Executes transfers in MySQL while it has the authority, in one transaction per call. A transfer that failed or is in
 * doubt is retried under its own id until its request times out: the repeated transaction waits for the locks of the
 * first one, or finds the row that the first one wrote.
 */
export class DirectCalls {
  readonly #deps: DirectCallsDependencies;
  readonly #sink: ResultSink;

  constructor(deps: DirectCallsDependencies, sink: ResultSink) {
    this.#deps = deps;
    this.#sink = sink;
  }

  /** Sends transfers in one transaction, groups in another, and captures and events of holds in a third. */
  async call(epoch: number, batch: readonly Pending[]): Promise<void> {
    const { clock, direct } = this.#deps;
    const transfers = batch.filter(isTransfer);
    const groups = batch.filter(isGroup);
    const holds = batch.filter(isHold);
    for (const pending of holds) pending.podNow = clock.now();
    await Promise.all([
      this.#call(epoch, transfers, () => direct.apply(epoch, transfers), replayed(replay)),
      this.#call(epoch, groups, () => direct.applyGroups(epoch, groups), replayed(replayGroup)),
      this.#call(epoch, holds, () => direct.applyHolds(epoch, holds), answerOf),
    ]);
  }

  async #call<P extends Pending, A extends object>(
    epoch: number,
    batch: readonly P[],
    send: () => Promise<(A | Problem)[]>,
    answerOf: (pending: P, answer: A) => Answer | Problem,
  ): Promise<void> {
    if (batch.length === 0) return;
    const { clock, events } = this.#deps;
    for (const pending of batch) pending.trouble = null;
    const started = clock.monotonic();
    const call = new AttemptCall(batch, null);
    try {
      const answers = await send();
      call.proven();
      events.applied(transfersIn(batch), clock.monotonic() - started);
      for (const [index, pending] of batch.entries()) {
        const answer = answers[index];
        if (!answer) {
          pending.inDoubt = true;
          throw new RangeError('MySQL returned fewer results than there were transfers');
        }
        const shown = answer instanceof Problem ? answer : answerOf(pending, answer);
        // If the id is known, a Problem (such as different content) is a final answer, too.
        if (shown instanceof Problem && (answer instanceof Problem || !('replayed' in answer))) {
          pending.resolveBy(shown, epoch);
          this.#sink.giveUp(pending, shown);
        } else this.#sink.answer(pending, shown);
      }
    } catch (error) {
      if (error instanceof DirectError && error.kind !== 'in_doubt') call.proven();
      this.#failed(epoch, batch, error);
    }
  }

  #failed(epoch: number, batch: readonly Pending[], error: unknown): void {
    const { session, clock, events } = this.#deps;
    const kind = error instanceof DirectError ? error.kind : 'failed';
    if (kind === 'moved') {
      session.moved(epoch);
      this.#sink.again(batch);
      return;
    }
    for (const pending of batch) {
      if (pending.answered) continue;
      pending.trouble = 'database_unavailable';
      // Waiting helps during an outage of MySQL, but does not fix a bug in this program.
      if (kind === 'failed' && ++pending.failures > FAILURES_MAX) {
        this.#sink.giveUp(
          pending,
          new Problem('internal_error', 'the transfer could not be made', {}, { cause: error }),
        );
        continue;
      }
      events.retried('apply');
      const waitMs = backoffMs(Math.min(pending.rounds, RETRY_DOUBLINGS_MAX), RETRY_BASE_MS, clock);
      clock.after(waitMs, () => this.#sink.again([pending]));
    }
  }
}

/** Compares an existing outcome with the request. */
const replayed =
  <P, O extends { replayed: boolean }>(replayOf: (pending: P, existing: O) => O | Problem) =>
  (pending: P, outcome: O): O | Problem =>
    outcome.replayed ? replayOf(pending, outcome) : outcome;
