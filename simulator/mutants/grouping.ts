import type { GroupOutcome } from '../../app/domain/group.ts';
import type { Problem } from '../../app/domain/problem.ts';
import type { Outcome } from '../../app/domain/types.ts';
import { type FlushBatch, movesOf } from '../../app/journal/flush-batch.ts';
import type { DirectGroup } from '../../app/ledger/ports/direct-server.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import type { MysqlServer } from '../mysql/mysql-server.ts';
import { keepers, type Mutant, pods, replaced } from './mutant.ts';

/** Acts as if a refused group had used up the ids of its members. */
class TakesIdsOfRefused extends DirectTables {
  protected override existing(server: MysqlServer, ids: readonly string[]): Map<string, Outcome> {
    const found = super.existing(server, ids);
    for (const group of server.tables.groups.values()) {
      if (group.status === 'POSTED') continue;
      for (const order of group.group.orders) {
        if (!ids.includes(order.transactionId)) continue;
        const { acceptedAt, takenAt, epoch, seq, refusal } = group;
        const common = { order, acceptedAt, takenAt, epoch, seq, replayed: true, persisted: true };
        found.set(order.transactionId, { ...common, status: 'REJECTED', refusal });
      }
    }
    return found;
  }
}

/** Posts the members that precede the refused one. */
class LeavesTheFirst extends DirectTables {
  override async applyGroups(epoch: number, items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]> {
    const answers = await super.applyGroups(epoch, items);
    for (const [index, { group, takenAt }] of items.entries()) {
      const answer = answers[index];
      if (!answer || !('status' in answer) || answer.status !== 'REJECTED' || answer.replayed) continue;
      const before = group.orders.slice(0, answer.index).map((order) => ({ order, takenAt }));
      if (before.length > 0) await this.apply(epoch, before);
    }
    return answers;
  }
}

/** Returns the part of the batch up to the first member of its first group. */
function cutInGroup(batch: FlushBatch): FlushBatch {
  const group = batch.groups.find(({ status }) => status === 'POSTED');
  if (!group) return batch;
  const isBefore = ({ seq }: { seq: number }) => seq <= group.seq;
  const outcomes = batch.outcomes.filter(isBefore);
  const [groups, changes] = [batch.groups.filter((one) => isBefore(one)), batch.changes.filter(isBefore)];
  return { ...batch, outcomes, groups, changes, moves: movesOf(outcomes), lastSeq: group.seq };
}

/** Rules about groups: either all of their transfers are posted, or none. */
export const GROUPING: Mutant[] = [
  {
    name: 'group-in-doubt-counts-as-one-seq',
    rule: 'A group in doubt counts for as many seqs as it may have written.',
    theme: 'groups',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        keep(epoch, podId, chunk) {
          const inDoubt = chunk.inDoubt.map(({ seqs: _seqs, ...attempt }) => ({
            ...attempt,
            ...(attempt.groupId !== undefined && { seqs: 0 }),
          }));
          return handOverStore.keep(epoch, podId, { ...chunk, inDoubt });
        },
      }),
    })),
  },
  {
    name: 'members-of-groups-are-not-in-doubt',
    rule: "The ids of a group's members are in doubt together with it.",
    theme: 'groups',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        keep(epoch, podId, chunk) {
          const inDoubt = chunk.inDoubt.filter(({ groupId }) => groupId === undefined);
          return handOverStore.keep(epoch, podId, { ...chunk, inDoubt });
        },
      }),
    })),
  },
  {
    name: 'group-flushed-apart',
    rule: 'The flush never divides a group.',
    theme: 'groups',
    assembly: keepers(({ journal }) => ({
      journal: replaced(journal, {
        commit: (batch, authorityEpoch) => journal.commit(cutInGroup(batch), authorityEpoch),
      }),
    })),
  },
  {
    name: 'refused-group-leaves-its-first-transfers',
    rule: 'If a member of a group is refused, none is posted.',
    theme: 'groups',
    assembly: pods((_ports, mysql) => ({ direct: new LeavesTheFirst(mysql) })),
  },
  {
    name: 'refused-group-takes-the-ids-of-its-members',
    rule: 'The ids of the members of a refused group stay free.',
    theme: 'groups',
    assembly: pods((_ports, mysql) => ({ direct: new TakesIdsOfRefused(mysql) })),
  },
];
