import { type GroupOrder, type GroupOutcome, membersOf } from '../../app/domain/group.ts';
import { PROBLEMS, type Problem } from '../../app/domain/problem.ts';
import type { Outcome, TransferOrder } from '../../app/domain/types.ts';
import type { Recording } from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { SimProcess } from '../core/sim-process.ts';
import { contentOf, hashOf, memberAnswersOf, type Reply, said } from './answers.ts';
import type { ServingPod } from './sim-pod.ts';
import { uuidV7 } from './uuid.ts';

const RECENT_MAX = 8;
const MEMBERS_MAX = 5;

/** Groups that several clients may use at the same time. */
export class SharedGroups {
  readonly recent: GroupOrder[] = [];
  /** Members of groups that are known to have been refused: their ids are free. */
  readonly free: TransferOrder[] = [];
}

interface GroupClientDependencies {
  process: SimProcess;
  scheduler: Scheduler;
  random: Random;
  history: Recording;
  shared: SharedGroups;
  /** A new transfer between random accounts. */
  newOrder(): TransferOrder;
  ask(work: (pod: ServingPod) => Promise<GroupOutcome | Problem>): Promise<Reply<GroupOutcome>>;
  sendSingle(order: TransferOrder): void;
  isStopped(): boolean;
  /** Null unless the run is traced: the lines are costly to build. */
  note: ((what: string) => void) | null;
  keyOf(transactionId: string, source: string): string;
  onPersisted(outcome: Outcome): void;
}

/**
 * The requests of a client about groups: it sends new ones, sends them again, and uses the ids that refused groups have
 * left free.
 */
export class GroupClient {
  readonly #deps: GroupClientDependencies;
  settling = 0;

  constructor(deps: GroupClientDependencies) {
    this.#deps = deps;
  }

  act(): void {
    const { random, shared, newOrder, sendSingle } = this.#deps;
    switch (random.weighted({ new: 60, again: 15, free: 15, other: 10 })) {
      case 'new':
        return void this.#send(this.#newGroup());
      case 'again':
        if (shared.recent.length > 0) void this.#send(random.pick(shared.recent));
        return;
      case 'other': {
        // Sends a single transfer under the id of a member: either the transfer or the group gets a 409.
        if (shared.recent.length === 0) return;
        const { transactionId } = random.pick(random.pick(shared.recent).orders);
        return void sendSingle({ ...newOrder(), transactionId });
      }
      case 'free': {
        const order = shared.free.shift();
        if (order) sendSingle(order);
        return;
      }
    }
  }

  #newGroup(): GroupOrder {
    const { random, process, shared, newOrder } = this.#deps;
    const groupId = random.chance(0.15) ? `group-${random.hex(12)}` : uuidV7(process.now(), random);
    const orders = Array.from({ length: random.whole(2, MEMBERS_MAX) }, () => ({ ...newOrder(), groupId }));
    const group = { groupId, orders, split: null };
    shared.recent.push(group);
    if (shared.recent.length > RECENT_MAX) shared.recent.shift();
    return group;
  }

  async #send(group: GroupOrder): Promise<void> {
    const { random, process, isStopped } = this.#deps;
    const isOpen = await this.#once(group);
    if (!isOpen || isStopped() || random.chance(0.2)) return;
    await process.sleep(random.exponential(300));
    if (!isStopped()) void this.#send(group);
  }

  /** Sends the group until its outcome is known. Used at the end of a run. */
  async settle(group: GroupOrder): Promise<void> {
    this.settling += 1;
    for (let tries = 0; tries < 60; tries++) {
      if (!(await this.#once(group))) break;
      await this.#deps.process.sleep(250);
    }
    this.settling -= 1;
  }

  /** @returns whether it should be sent again */
  async #once(group: GroupOrder): Promise<boolean> {
    const { scheduler, history, random, ask, note, onPersisted, shared, keyOf } = this.#deps;
    const sentAt = scheduler.nowMs;
    const durability = random.chance(0.1) ? 'persisted' : 'cache';
    const reply = await ask((pod) => pod.ledger.applyGroup(group, durability));
    const answers = memberAnswersOf(group, reply);
    for (const [index, order] of group.orders.entries()) {
      const { transactionId, correlationId } = order;
      const answer = answers[index] ?? { kind: 'unknown', reason: 'no answer' };
      const attempt = { content: contentOf(order), correlationId, sentAt, endedAt: scheduler.nowMs, answer };
      history.of(keyOf(transactionId, order.source)).attempts.push(attempt);
    }
    const known = history.ofGroup(group);
    note?.(`group ${group.groupId} since ${sentAt.toFixed(1)}: ${said(reply)}`);
    scheduler.mix(hashOf(said(reply)));
    if (reply.kind === 'value' && reply.value.status === 'POSTED') {
      known.answers.push('posted');
      if (reply.value.persisted) for (const member of membersOf(reply.value)) onPersisted(member);
    } else if (reply.kind === 'value') {
      known.answers.push('rejected');
      const [first] = group.orders;
      if (first && !reply.value.replayed) {
        const { groupId: _groupId, ...single } = first;
        shared.free.push(single);
      }
    }
    if (reply.kind === 'lost' || reply.kind === 'not_begun') return true;
    return reply.kind === 'problem' && (PROBLEMS[reply.code].retryable || reply.code === 'internal_error');
  }
}
