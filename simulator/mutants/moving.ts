import type { Authority, Mode, MovedBy } from '../../app/domain/authority.ts';
import { Problem } from '../../app/domain/problem.ts';
import type { Outcome } from '../../app/domain/types.ts';
import { AuthorityTables, NOTHING_WAITS, setAuthority } from '../mysql/authority-tables.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import { keepers, type Mutant, pods, replaced } from './mutant.ts';

/** Rules about the authority's row, MySQL as the authority, and the answers. */

class ClosingForgetsItsEpoch extends AuthorityTables {
  override move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy) {
    if (mode !== 'CLOSING') return super.move(from, mode, by);
    return this.client.call((server) =>
      server.tables.authority.epoch === from.epoch
        ? setAuthority(server, { ...server.tables.authority, ...NOTHING_WAITS, mode }, by)
        : null,
    );
  }
}
/** Acts as if nothing waited for the journal, so that the keeper returns the authority to the cache. */
class LeavesFrozenBehind extends AuthorityTables {
  override async read() {
    const row = await super.read();
    return row.mode === 'DIRECT' ? { ...row, ...NOTHING_WAITS } : row;
  }
  override move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy) {
    return this.client.call((server) => {
      const now = server.tables.authority;
      if (now.epoch !== from.epoch) return null;
      return setAuthority(server, { ...now, ...(mode === 'CLOSING' ? now : NOTHING_WAITS), mode }, by);
    });
  }
}
class NothingIsFrozen extends DirectTables {
  protected override frozenIn(): Set<string> {
    return new Set();
  }
}
class NothingExists extends DirectTables {
  protected override existing(): Map<string, Outcome> {
    return new Map();
  }
}

export const MOVING: Mutant[] = [
  {
    name: 'closing-forgets-its-epoch',
    rule: 'In CLOSING, the authority row names the epoch that has to be recovered.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ authority: new ClosingForgetsItsEpoch(mysql) })),
  },
  {
    name: 'rebuilding-with-frozen-accounts',
    rule: 'Frozen accounts must be recovered before the cache has the authority again.',
    theme: 'lostReplies',
    assembly: keepers((_ports, mysql) => ({ authority: new LeavesFrozenBehind(mysql) })),
  },
  {
    name: 'sweeps-the-epoch-that-begins',
    rule: 'Only epochs before the one that begins are swept.',
    theme: 'sleepers',
    assembly: keepers(({ sweepEpochsBefore }) => ({
      sweepEpochsBefore: (epoch, caller) => sweepEpochsBefore(epoch + 1, caller),
    })),
  },
  {
    name: 'direct-on-frozen-accounts',
    rule: 'Frozen accounts accept no transfer and no change before they are recovered.',
    theme: 'lostReplies',
    assembly: pods((_ports, mysql) => ({ direct: new NothingIsFrozen(mysql) })),
  },
  {
    name: 'direct-without-existing-outcomes',
    rule: 'A direct transaction answers an existing id with its existing outcome.',
    theme: 'anything',
    assembly: pods((_ports, mysql) => ({ direct: new NothingExists(mysql) })),
  },
  {
    name: 'look-ups-of-another-epoch',
    rule: 'A lookup counts only in the epoch of its snapshot.',
    theme: 'memory',
    assembly: pods(({ cache }) => ({
      cache: replaced(cache, {
        apply: (caller, items) =>
          cache.apply(
            caller,
            items.map((item) => withLookup(item)),
          ),
      }),
    })),
  },
  {
    name: 'known-ids-whatever-their-content',
    rule: 'A known id with other content gets a 409.',
    theme: 'calm',
    assembly: pods(() => ({
      ledger: (ledger) =>
        replaced(ledger, {
          async apply(orders, durability) {
            const answers = await ledger.apply(orders, durability);
            return Promise.all(
              answers.map((answer, index) =>
                answer instanceof Problem && answer.code === 'transaction_id_reused'
                  ? ledger.outcome(orders[index]?.transactionId ?? '').catch(() => answer)
                  : answer,
              ),
            );
          },
        }),
    })),
  },
  {
    name: 'persisted-as-soon-as-cached',
    rule: 'Only an outcome that MySQL has is reported as persisted.',
    theme: 'calm',
    assembly: pods(() => ({
      ledger: (ledger) =>
        replaced(ledger, {
          async apply(orders, durability) {
            const answers = await ledger.apply(orders, 'cache');
            if (durability === 'cache') return answers;
            return answers.map((answer) => (answer instanceof Problem ? answer : { ...answer, persisted: true }));
          },
        }),
    })),
  },
];

const lookedUp = new WeakMap<object, number>();
/** A lookup counts permanently. */
function withLookup<T extends { lookupCursor: number }>(item: T): T {
  const cursor = Math.max(item.lookupCursor, lookedUp.get(item) ?? -1);
  lookedUp.set(item, cursor);
  return { ...item, lookupCursor: cursor };
}
