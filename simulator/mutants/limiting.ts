import type { BusinessCalendar } from '../../app/domain/business-calendar.ts';
import { usageSince } from '../../app/domain/limits.ts';
import type { Account } from '../../app/domain/types.ts';
import type { Caller, KeeperCaller } from '../../app/journal/cache-port.ts';
import type { FlushBatch } from '../../app/journal/flush-batch.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import { JournalTables } from '../mysql/journal-tables.ts';
import { keepers, type Mutant, pods, scripts } from './mutant.ts';

const ANOTHER_ZONE_MS = 500;

class MidnightInAnotherZone extends CacheModel {
  override setCalendar(caller: KeeperCaller, { days, validUntil }: BusinessCalendar) {
    const moved = days.map(({ dayStart, monthStart }) => ({ dayStart: dayStart + ANOTHER_ZONE_MS, monthStart }));
    return super.setCalendar(caller, { days: moved, validUntil });
  }
}

/** The account without its usage. */
const uncounted = (account: Account): Account =>
  account.limits ? { ...account, limits: { ...account.limits, usage: usageSince(0) } } : account;

class UsageLostWithTheEpoch extends CacheModel {
  override install(caller: Caller, accounts: readonly Account[], cursor: number, accountsMax: number, upTo?: number) {
    return super.install(caller, accounts.map(uncounted), cursor, accountsMax, upTo);
  }
}

class CountingEveryTry extends JournalTables {
  override async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    await this.client.call(({ tables }) => tables.countUsage([...batch.outcomes, ...batch.holdEvents], batch.changes));
    await super.commit(batch, authorityEpoch);
  }
}

class CountingReplays extends DirectTables {
  override async apply(...[epoch, items]: Parameters<DirectTables['apply']>) {
    const answers = await super.apply(epoch, items);
    const replayed = answers.filter((answer) => 'replayed' in answer && answer.replayed);
    await this.client.call(({ tables }) => tables.countUsage(replayed as never[], []));
    return answers;
  }
}

/** Rules about what windows count. */
export const LIMITING: Mutant[] = [
  {
    name: 'midnight-in-another-zone',
    rule: 'Redis and MySQL use the same business calendar.',
    theme: 'midnights',
    assembly: scripts(MidnightInAnotherZone),
  },
  {
    name: 'usage-lost-with-the-epoch',
    rule: 'The usage of limits continues in the next epoch.',
    theme: 'midnights',
    assembly: scripts(UsageLostWithTheEpoch),
  },
  {
    name: 'usage-counted-with-every-try',
    rule: 'The usage of limits is written in the transaction that writes the postings.',
    theme: 'midnights',
    assembly: keepers((_ports, mysql) => ({ journal: new CountingEveryTry(mysql) })),
  },
  {
    name: 'usage-counted-on-replay',
    rule: 'A repeated transfer is not counted again.',
    theme: 'midnights',
    assembly: pods((_ports, mysql) => ({ direct: new CountingReplays(mysql) })),
  },
];
