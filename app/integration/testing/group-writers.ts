import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { Reconciliation } from '../../jobs/reconciliation.ts';
import { systemClock } from '../../kernel/clock.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { until } from '../../kernel/testing/until.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { SqlLedgerPages } from '../../mysql/ledger/ledger-pages.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import type { PodBench } from './pod-bench.ts';

const RETRY_MS = 20;
/** More than all accounts have together: a member with this amount is refused. */
const TOO_MUCH = 1_000_000_000;

export function groupOf(pod: PodBench, ...members: Partial<TransferOrder>[]): GroupOrder {
  const groupId = newUuidV7(systemClock.now());
  return { groupId, orders: members.map((member) => ({ ...pod.order(member), groupId })), split: null };
}

/** Money that passes through ada; every fourth such group is refused at its last member. */
export const through = (pod: PodBench, number = 0): GroupOrder =>
  groupOf(
    pod,
    { source: 'world', destination: 'ada', amount: 5 },
    { source: 'ada', destination: 'bob', amount: 3 },
    { source: 'bob', destination: 'ada', amount: number % 4 === 3 ? TOO_MUCH : 1 },
  );

/**
 * The facts that every answer to a group must show, no matter how often the group is sent and which store decides it.
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
  readonly #finished: number[];
  readonly #done: Promise<unknown>;
  readonly #problems: (Problem | null)[];
  #stopped = false;
  #numbers = 0;

  constructor(pod: PodBench, count: number) {
    this.#pod = pod;
    this.#finished = Array.from({ length: count }, () => 0);
    this.#problems = this.#finished.map(() => null);
    this.#done = Promise.all(this.#finished.map((_, writer) => this.#write(writer)));
  }

  async #write(writer: number): Promise<void> {
    while (!this.#stopped) {
      const group = through(this.#pod, this.#numbers++);
      for (;;) {
        const outcome = await this.#pod.ledger.applyGroup(group, 'cache');
        this.#problems[writer] = outcome instanceof Problem ? outcome : null;
        if (!(outcome instanceof Problem)) {
          this.answered.push({ group, outcome });
          break;
        }
        if (!outcome.retryable) throw outcome;
        await systemClock.sleep(RETRY_MS);
      }
      this.#finished[writer] = (this.#finished[writer] ?? 0) + 1;
    }
  }

  /**
   * Waits until each writer has finished some more groups; after that, no group sent before this call is unfinished.
   */
  async more(count = 5): Promise<void> {
    const before = [...this.#finished];
    const hasMore = () => this.#finished.every((finished, writer) => finished >= (before[writer] ?? 0) + count);
    await Promise.race([until('each has finished more groups', hasMore), this.#done]).catch((error) => {
      const problems = this.#problems.map((problem) => problem && `${problem.code}: ${problem.message}`);
      const state = { before, finished: this.#finished, problems, log: this.#pod.log.lines.slice(-20) };
      throw new Error(JSON.stringify(state), { cause: error });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

/** The groups in MySQL with the ids of their transfers there, in the order of their versions at ada. */
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
