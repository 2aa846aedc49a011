import type { Account } from '../../app/domain/types.ts';
import type { Caller, ChangeCommand } from '../../app/journal/cache-port.ts';
import { RecordStatus } from '../../app/journal/codec.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { Random } from '../core/random.ts';
import { uuidV7 } from '../world/uuid.ts';
import { type Mutant, pods, replaced, scripts } from './mutant.ts';

class AnySettingsVersion extends CacheModel {
  override change(caller: Caller, command: ChangeCommand) {
    return super.change(caller, { ...command, expectedSettingsVersion: null });
  }
}

class GenerousLimits extends CacheModel {
  override install(caller: Caller, accounts: readonly Account[], cursor: number, accountsMax: number) {
    const generous = accounts.map((account) => ({ ...account, overdraftLimit: account.overdraftLimit + 1_000 }));
    return super.install(caller, generous, cursor, accountsMax);
  }
}

/** Rules about account changes, and about refusals, which are outcomes that move no money. */
export const CHANGING: Mutant[] = [
  {
    name: 'repeated-change-answered-before-it-is-safe',
    rule: 'A repeated change is answered only when MySQL has it, because its entry was in an answer that was lost.',
    theme: 'changes',
    assembly: pods(({ cache }) => ({
      cache: replaced(cache, {
        async change(caller, command) {
          const reply = await cache.change(caller, command);
          const { record } = reply;
          return record.status === RecordStatus.REPLAYED
            ? { ...reply, record: { ...record, status: RecordStatus.POSTED } }
            : reply;
        },
      }),
    })),
  },
  {
    name: 'change-entries-are-not-kept',
    rule: 'The journal entry of a change is kept in the tail like that of a transfer.',
    theme: 'changes',
    assembly: pods(({ cache }) => ({
      cache: replaced(cache, {
        change: async (caller, command) => ({ ...(await cache.change(caller, command)), entries: [] }),
      }),
    })),
  },
  {
    name: 'every-try-of-a-change-has-another-id',
    rule: 'A change is repeated under its own id.',
    theme: 'changes',
    assembly: pods(({ cache }, _mysql, clock) => {
      const random = new Random(1);
      return {
        cache: replaced(cache, {
          change(caller, command) {
            const changeId = uuidV7(clock.now(), random);
            const payload = JSON.stringify({ ...JSON.parse(command.payload), changeId });
            return cache.change(caller, { ...command, changeId, payload });
          },
        }),
      };
    }),
  },
  {
    name: 'changes-on-any-settings-version',
    rule: 'A change with an expected settings version is made only if that is the current one.',
    theme: 'changes',
    assembly: scripts(AnySettingsVersion),
  },
  {
    name: 'accounts-overdrawn-beyond-their-limit',
    rule: 'No transfer overdraws an account beyond its overdraft limit.',
    theme: 'calm',
    assembly: scripts(GenerousLimits),
  },
  {
    name: 'refusals-are-not-kept',
    rule: 'A refusal by business rules is an outcome: its entry is kept like any other.',
    theme: 'lostReplies',
    assembly: pods(({ cache }) => ({
      cache: replaced(cache, {
        async apply(caller, items, podNow) {
          const reply = await cache.apply(caller, items, podNow);
          const posted = reply.records.some(({ status }) => status === RecordStatus.POSTED);
          return posted ? reply : { ...reply, entries: [] };
        },
      }),
    })),
  },
];
