import { Problem, type ProblemCode } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import type { LookUpBy } from '../ledger/ports/ledger.ts';
import type { NumberedShard, ShardMap } from './shard.ts';

/** Once a shard has reported that it has the item, the others have this much time to report the same, ms. */
const OTHERS_MS_MAX = 100;
/** Interval at which shards are queried again while their authority moves, ms. */
const AGAIN_MS = 50;

interface ShardSearchDependencies<S> {
  shards: ShardMap<S>;
  clock: Clock;
  requestTimeoutMs: number;
}

/** @param held as in `LookUpBy` */
type Ask<S, A> = (shard: NumberedShard<S>, held?: boolean) => Promise<A>;
type Answer<A> = PromiseSettledResult<A>;

/** Finds items by their ids, which do not show the shard of an item. */
export class ShardSearch<S> {
  readonly #deps: ShardSearchDependencies<S>;

  constructor(deps: ShardSearchDependencies<S>) {
    this.#deps = deps;
  }

  /**
   * The answer of the shard of an account, or of the only shard that has the item. A shard that cannot answer delays
   * only answers that depend on it, because no other shard has the item.
   * @param absent the problem code of a shard that does not have the item
   * @throws Problem `ambiguous` if several shards have the item; `absent` only if every shard has returned it; otherwise the
   * Problem of a shard that could not answer
   */
  async find<A>(
    { account, held = true }: LookUpBy,
    ask: Ask<S, A>,
    { absent, ambiguous }: { absent: ProblemCode; ambiguous: () => Problem },
  ): Promise<A> {
    const { shards, clock, requestTimeoutMs } = this.#deps;
    if (account !== undefined) return ask(shards.of(account), held);
    const deadline = clock.monotonic() + (held ? requestTimeoutMs : 0);
    for (let open = shards.all; ; ) {
      const answers = await this.#ask(open, ask);
      const found = answers.filter((answer) => answer !== null && isFound(answer));
      if (found.length > 1) throw ambiguous();
      const [only] = found;
      if (only) return resultOf(only);
      // No shard has the item, so all have answered.
      const reasons = answers.flatMap((answer) => (answer?.status === 'rejected' ? [answer.reason as unknown] : []));
      const others = reasons.filter((reason) => codeOf(reason) !== absent);
      const isMoving = others.some((reason) => codeOf(reason) === 'ledger_switching');
      if (!isMoving || clock.monotonic() >= deadline) throw others[0] ?? reasons[0];
      open = open.filter((_, index) => codeOf(reasons[index]) !== absent);
      await clock.sleep(AGAIN_MS);
    }
  }

  /**
   * The answers of all shards, in order; null for shards that did not answer within the time that is left to them once
   * the item has been found.
   */
  #ask<A>(open: readonly NumberedShard<S>[], ask: Ask<S, A>): Promise<(Answer<A> | null)[]> {
    return new Promise((resolve) => {
      const answers: (Answer<A> | null)[] = open.map(() => null);
      let missing = open.length;
      let cancel: (() => void) | null = null;
      const end = () => {
        cancel?.();
        resolve(answers);
      };
      const take = (index: number, answer: Answer<A>) => {
        answers[index] = answer;
        missing -= 1;
        if (missing === 0) end();
        else if (isFound(answer)) cancel ??= this.#deps.clock.after(OTHERS_MS_MAX, end);
      };
      for (const [index, shard] of open.entries()) {
        ask(shard, false).then(
          (value) => take(index, { status: 'fulfilled', value }),
          (reason: unknown) => take(index, { status: 'rejected', reason }),
        );
      }
    });
  }
}

const codeOf = (error: unknown): ProblemCode | null => (error instanceof Problem ? error.code : null);

/** A transfer that is still in progress also counts as found. */
const isFound = (answer: Answer<unknown>): boolean =>
  answer.status === 'fulfilled' || codeOf(answer.reason) === 'transfer_pending';

function resultOf<A>(answer: Answer<A>): A {
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}
