import { outcomeFrom, reverse } from '../../app/api/transfers/reversal.ts';
import type { Durability, Outcome, TransferOrder } from '../../app/domain/types.ts';
import type { Ledger } from '../../app/ledger/ports/ledger.ts';
import type { Attempt, Recording } from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { answerOf, contentOf, hashOf, type Reply, said } from './answers.ts';
import type { ServingPod } from './sim-pod.ts';

interface ReversalClientDependencies {
  scheduler: Scheduler;
  random: Random;
  history: Recording;
  /** The orders of reversals by their ids, for clients that have to find out their outcomes. */
  shared: Map<string, TransferOrder>;
  user: string;
  correlation(): string;
  ask(work: (pod: ServingPod) => Promise<Outcome>): Promise<Reply<Outcome>>;
  keyOf(transactionId: string, source: string): string;
  onPersisted(outcome: Outcome): void;
  /** Null unless the run is traced: the lines are costly to build. */
  note: ((what: string) => void) | null;
}

/** Reverses transfers with the API's code, which chooses the id of a reversal. */
export class ReversalClient {
  readonly #deps: ReversalClientDependencies;

  constructor(deps: ReversalClientDependencies) {
    this.#deps = deps;
  }

  async reverse({ transactionId, source }: TransferOrder): Promise<void> {
    const { scheduler, random, history, user, correlation, ask, keyOf, onPersisted, note } = this.#deps;
    const durability: Durability = random.chance(0.2) ? 'persisted' : 'cache';
    const origin = { user, correlationId: correlation() };
    const sentAt = scheduler.nowMs;
    const attempts: Attempt[] = [];
    const reply = await ask(async (pod) => {
      const ledger = this.#recording(pod.ledger, sentAt, attempts);
      return reverse(ledger, await outcomeFrom(ledger, transactionId, source), durability, origin);
    });
    note?.(`${origin.correlationId} reverses ${transactionId} since ${sentAt.toFixed(1)}: ${said(reply)}`);
    scheduler.mix(hashOf(said(reply)));
    const answer = answerOf(reply);
    // The answer is that of the last attempt.
    const attempt = attempts.at(-1);
    if (attempt) Object.assign(attempt, { answer, endedAt: scheduler.nowMs });
    else if (reply.kind === 'value') {
      const { order } = reply.value;
      history.of(keyOf(order.transactionId, order.source)).lookUps.push({ sentAt, endedAt: scheduler.nowMs, answer });
    }
    if (reply.kind === 'value' && reply.value.persisted) onPersisted(reply.value);
  }

  /** Records what is sent under which id, even after the client has given up. */
  #recording(ledger: Ledger, sentAt: number, attempts: Attempt[]): Ledger {
    const { history, shared, keyOf } = this.#deps;
    return {
      apply(orders, durability) {
        for (const order of orders) {
          const attempt: Attempt = {
            ...{ content: contentOf(order), correlationId: order.correlationId, sentAt },
            ...{ endedAt: Number.POSITIVE_INFINITY, answer: { kind: 'unknown', reason: 'lost' } },
          };
          attempts.push(attempt);
          shared.set(keyOf(order.transactionId, order.source), order);
          history.of(keyOf(order.transactionId, order.source)).attempts.push(attempt);
        }
        return ledger.apply(orders, durability);
      },
      applyGroup: (group, durability) => ledger.applyGroup(group, durability),
      preview: (orders, what, windows) => ledger.preview(orders, what, windows),
      groupOutcome: (groupId, by) => ledger.groupOutcome(groupId, by),
      outcome: (id, by) => ledger.outcome(id, by),
      read: (accountIds) => ledger.read(accountIds),
      requireFeature: (feature, accountId) => ledger.requireFeature(feature, accountId),
      changeAccount: (change) => ledger.changeAccount(change),
    };
  }
}
