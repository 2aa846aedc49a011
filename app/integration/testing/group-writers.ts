import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { Reconciliation } from '../../jobs/reconciliation.ts';
import { systemClock } from '../../kernel/clock.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { SqlLedgerPages } from '../../mysql/ledger/ledger-pages.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { Clients } from './clients.ts';
import type { PodBench } from './pod-bench.ts';

const RETRY_MS = 20;
/** Exceeds the sum of all balances, so a member with this amount is refused. */
const TOO_MUCH = 1_000_000_000;

export function groupOf(pod: PodBench, ...members: Partial<TransferOrder>[]): GroupOrder {
  const groupId = newUuidV7(systemClock.now());
  return { groupId, orders: members.map((member) => ({ ...pod.order(member), groupId })), split: null };
}

/** A group that moves money through ada; every fourth one is refused because of its last member. */
export const through = (pod: PodBench, number = 0): GroupOrder =>
  groupOf(
    pod,
    { source: 'world', destination: 'ada', amount: 5 },
    { source: 'ada', destination: 'bob', amount: 3 },
    { source: 'bob', destination: 'ada', amount: number % 4 === 3 ? TOO_MUCH : 1 },
  );

/**
 * The facts that every answer to a group must show, no matter how often the group is sent or which store decides it.
 */
export function shownOf(answer: GroupOutcome | Problem): object {
  if (answer instanceof Problem) return { problem: answer.code };
  const { status, acceptedAt, epoch, seq } = answer;
  const common = { status, acceptedAt, epoch, seq };
  if (answer.status === 'POSTED') return { ...common, sides: answer.sides };
  return { ...common, index: answer.index, refusal: answer.refusal };
}

/** Clients that send groups until they are stopped, each group until it has an outcome. */
export class GroupWriters {
  readonly answered: { group: GroupOrder; outcome: GroupOutcome }[] = [];
  readonly #pod: PodBench;
  readonly #clients: Clients;
  /** The latest problem of each group that has no outcome yet. */
  readonly #problems = new Map<string, Problem>();
  #numbers = 0;

  constructor(pod: PodBench, count: number) {
    this.#pod = pod;
    this.#clients = new Clients(count, () => this.#oneGroup(through(pod, this.#numbers++)));
  }

  async #oneGroup(group: GroupOrder): Promise<void> {
    for (;;) {
      const outcome = await this.#pod.ledger.applyGroup(group, 'cache');
      if (!(outcome instanceof Problem)) {
        this.#problems.delete(group.groupId);
        this.answered.push({ group, outcome });
        return;
      }
      if (!outcome.retryable) throw outcome;
      this.#problems.set(group.groupId, outcome);
      await systemClock.sleep(RETRY_MS);
    }
  }

  /**
   * Waits until each writer has finished some more groups; after that, no group sent before this call is unfinished.
   */
  more(count = 5): Promise<void> {
    return this.#clients.more(count, () => ({
      problems: [...this.#problems.values()].map((problem) => `${problem.code}: ${problem.message}`),
      log: this.#pod.log.lines.slice(-20),
    }));
  }

  stop(): Promise<void> {
    return this.#clients.stop();
  }
}

/** The groups in MySQL, each with the ids of its transfers in the order of ada's versions. */
export async function groupsIn(database: Database): Promise<Map<string, string[]>> {
  const rows = await database.rows<{ group_id: string; transaction_id: string }>(
    `SELECT group_id, transaction_id FROM transfers WHERE group_id IS NOT NULL
     ORDER BY IF(source_account = 'ada', source_version, destination_version)`,
  );
  const groups = new Map<string, string[]>();
  for (const { group_id, transaction_id } of rows)
    groups.set(group_id, [...(groups.get(group_id) ?? []), transaction_id]);
  return groups;
}

/** Reconciles MySQL alone. */
export function reconcile(database: Database) {
  const [reader, flush] = [new LedgerReader(database), new FlushStore(database)];
  return new Reconciliation({
    cache: () => null,
    ledger: new SqlLedgerPages({ database, reader, flush }),
    save: async () => {},
    done: () => {},
    clock: systemClock,
    logger: keptLog(),
  }).run();
}
