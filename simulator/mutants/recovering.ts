import { provableNode } from '../../app/authority/server-facts.ts';
import type { Account, Side } from '../../app/domain/types.ts';
import type { KeeperCaller } from '../../app/journal/cache-port.ts';
import type { FlushBatch } from '../../app/journal/flush-batch.ts';
import type { Journaled } from '../../app/journal/journaled.ts';
import type { Page } from '../../app/journal/recovery/recovery.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { JournalTables } from '../mysql/journal-tables.ts';
import type { MysqlServer } from '../mysql/mysql-server.ts';
import { RecoveryStoreTables } from '../mysql/recovery-store-tables.ts';
import { PROTOCOL } from '../world/ports.ts';
import { keepers, type Mutant, replaced, scripts } from './mutant.ts';

/** Rules about how an epoch ends: the flush, the fence, the journal, and the recovery. */

class AnyCursor extends JournalTables {
  protected override advance(
    ...[{ tables }, { epoch, lastSeq, idTimeMax }]: Parameters<JournalTables['advance']>
  ): void {
    tables.cursor = { epoch, seq: lastSeq, idTimeMax: Math.max(tables.cursor.idTimeMax, idTimeMax) };
  }
}

class HidesItsIds extends JournalTables {
  protected override advance(server: MysqlServer, batch: FlushBatch): void {
    super.advance(server, { ...batch, idTimeMax: 0 });
  }
}

class NoFence extends CacheModel {
  override async fence(epoch: number): Promise<number> {
    return epoch;
  }
  override journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    return super.journal({ ...caller, fenceEpoch: caller.epoch }, afterSeq, entriesMax);
  }
  override publish(caller: KeeperCaller, cursor: number, trimUpTo: number) {
    return super.publish({ ...caller, fenceEpoch: caller.epoch }, cursor, trimUpTo);
  }
}

class NobodyObserved extends RecoveryStoreTables {
  protected override mustReach(): void {}
}
class NobodyMissing extends RecoveryStoreTables {
  protected override notHandedOver(): string[] {
    return [];
  }
}
class FreezesNothing extends RecoveryStoreTables {
  override freeze(): void {}
  override keepUnsettled(): void {}
}
class KeepsNoIds extends RecoveryStoreTables {
  override keepUnsettled(): void {}
}
class PagesHideTheirIds extends RecoveryStoreTables {
  override recover(...args: Parameters<RecoveryStoreTables['recover']>): Page {
    return { ...super.recover(...args), idTimeMax: 0 };
  }
}
class NothingExists extends RecoveryStoreTables {
  override isCommitted(): boolean {
    return false;
  }
}

/** Acts as if each posting had been decided with the settings that MySQL has. */
class AnySettings extends RecoveryStoreTables {
  override recover(...[items, accounts, isCommitted, rule]: Parameters<RecoveryStoreTables['recover']>): Page {
    const lenient = items.map((one) => onSettingsOf(one, accounts));
    const was = new Map(items.map((one) => [one.seq, one]));
    const page = super.recover(lenient, accounts, (one) => isCommitted(was.get(one.seq) ?? one), rule);
    const outcomes = page.outcomes.map((outcome) => {
      const before = was.get(outcome.seq);
      return before?.kind === 'transfers' ? before.outcome : outcome;
    });
    return { ...page, outcomes };
  }
}
function onSettingsOf(one: Journaled, accounts: ReadonlyMap<string, Account>): Journaled {
  if (one.kind !== 'transfers' || one.outcome.status !== 'POSTED') return one;
  const { outcome } = one;
  const on = (accountId: string, side: Side): Side => ({
    ...side,
    settingsVersion: accounts.get(accountId)?.settingsVersion ?? side.settingsVersion,
  });
  const source = on(outcome.order.source, outcome.source);
  const destination = on(outcome.order.destination, outcome.destination);
  return { ...one, outcome: { ...outcome, source, destination } };
}

export const RECOVERING: Mutant[] = [
  {
    name: 'flush-without-the-cursor',
    rule: 'The flush moves the cursor by compare-and-set.',
    theme: 'anything',
    assembly: keepers((_ports, mysql) => ({ journal: new AnyCursor(mysql) })),
  },
  {
    name: 'publish-before-the-commit',
    rule: 'The cursor is published after the commit.',
    theme: 'anything',
    assembly: keepers(({ journal }) => ({
      journal: replaced(journal, {
        async commit(batch, authorityEpoch) {
          journal.commit(batch, authorityEpoch).catch(() => {});
        },
      }),
    })),
  },
  {
    name: 'no-fence',
    rule: 'An old Redis is fenced before its journal is read.',
    theme: 'sleepers',
    assembly: scripts(NoFence),
  },
  {
    name: 'journal-read-before-the-fence',
    rule: 'The fence is raised first, and then the journal is read to its end.',
    theme: 'lostReplies',
    // The fence is raised only by the next activation.
    assembly: keepers(({ cache }) => ({
      cache: replaced(cache, {
        async fence(epoch) {
          return epoch;
        },
        journal: (caller, afterSeq, max) => cache.journal({ ...caller, fenceEpoch: caller.epoch }, afterSeq, max),
        publish: (caller, cursor, trim) => cache.publish({ ...caller, fenceEpoch: caller.epoch }, cursor, trim),
      }),
    })),
  },
  {
    name: 'recovery-without-observed',
    rule: 'The last seq of a verified Redis is not below any seq that was handed over or observed.',
    theme: 'halfHandedOver',
    assembly: keepers(({ authority }, mysql) => ({
      authority: replaced(authority, {
        observedIn: async () => 0,
        read: async () => ({ ...(await authority.read()), highestKnownSeq: 0 }),
      }),
      recoveryStore: new NobodyObserved(mysql),
    })),
  },
  {
    name: 'recovery-from-an-unproven-redis',
    rule: 'A Redis is verified by the recorded replid, by the hand-overs of all pods, or as a node that cannot have been replicated.',
    theme: 'halfHandedOver',
    assembly: keepers(({ authority }) => ({ authority: replaced(authority, { allHandedOver: async () => true }) })),
  },
  {
    name: 'node-name-trusted-with-replicas',
    rule: 'A node is recognized by its name only if replicas are ruled out.',
    theme: 'halfHandedOver',
    assembly: keepers(({ inspect }) => ({
      async inspect() {
        const facts = await inspect();
        const alone = { ...facts, connectedReplicas: 0, replicationForbidden: true };
        return provableNode(alone) === '' ? facts : alone;
      },
    })),
  },
  {
    name: 'recovery-before-all-pods-handed-over',
    rule: 'An epoch is recovered from hand-overs only once every registered pod has handed over.',
    theme: 'halfHandedOver',
    assembly: keepers((_ports, mysql) => ({ recoveryStore: new NobodyMissing(mysql) })),
  },
  {
    name: 'recovery-without-freezing',
    rule: 'Accounts of in-doubt attempts and of held entries are frozen, and their ids stay unsettled.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ recoveryStore: new FreezesNothing(mysql) })),
  },
  {
    name: 'recovery-leaves-ids-free',
    rule: 'Ids of in-doubt attempts and of held entries get account_unsettled, regardless of their content.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ recoveryStore: new KeepsNoIds(mysql) })),
  },
  {
    name: 'recovery-without-settings-versions',
    rule: 'An entry is applied only with the settings version that it was decided with.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ recoveryStore: new AnySettings(mysql) })),
  },
  {
    name: 'flush-and-recovery-hide-their-ids-from-the-lookup-horizon',
    rule: 'The lookup horizon is at least the largest UUIDv7 time of any id that MySQL may have.',
    theme: 'divided',
    assembly: keepers((_ports, mysql) => ({
      journal: new HidesItsIds(mysql),
      recoveryStore: new PagesHideTheirIds(mysql),
    })),
  },
  {
    name: 'late-recovery-repeats',
    rule: 'Entries that MySQL already has with the same id and content are skipped when a journal is recovered late.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ recoveryStore: new NothingExists(mysql) })),
  },
  {
    name: 'replies-before-the-fsync',
    rule: 'An acknowledged outcome is in the AOF, because appendfsync is `always`.',
    theme: 'halfHandedOver',
    assembly: { ...PROTOCOL, unsyncedMax: 6 },
  },
];
