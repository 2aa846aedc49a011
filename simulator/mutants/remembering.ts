import type { NamedEpoch } from '../../app/domain/authority.ts';
import type { Account } from '../../app/domain/types.ts';
import type { Caller, CallItem, ChangeCommand, FenceCaller, KeeperCaller } from '../../app/journal/cache-port.ts';
import type { Head } from '../../app/journal/codec.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { DirectError } from '../../app/ledger/ports/direct-server.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import { type Mutant, pods, replaced, scripts } from './mutant.ts';

/** Rules about ids, accounts loaded on demand, MySQL as the authority, and what counts as an answer. */

class NoWatermark extends CacheModel {
  override install(
    caller: Caller,
    accounts: readonly Account[],
    _cursor: number,
    accountsMax: number,
    acceptedUpTo?: number,
  ) {
    return super.install(caller, accounts, Number.MAX_SAFE_INTEGER, accountsMax, acceptedUpTo);
  }
}

class LookUpsOfAnyAge extends CacheModel {
  override apply(caller: Caller, items: readonly CallItem[]) {
    const looked = items.map((item) => ({
      ...item,
      lookupCursor: item.lookupCursor < 0 ? item.lookupCursor : Number.MAX_SAFE_INTEGER,
    }));
    return super.apply(caller, looked);
  }
}

class MIsZero extends CacheModel {
  override activate(epoch: NamedEpoch, replid: string, marker: string) {
    return super.activate(epoch, replid, marker, 0);
  }
}

/** Deletes buckets without raising the lookup horizon, so that their ids count as new. */
class MStays extends CacheModel {
  #lookupHorizon = 0;
  override activate(epoch: NamedEpoch, replid: string, marker: string, lookupHorizon: number) {
    this.#lookupHorizon = lookupHorizon;
    return super.activate(epoch, replid, marker, lookupHorizon);
  }
  #lowered(head: Head): Head {
    return { ...head, lookupHorizon: Math.min(head.lookupHorizon, this.#lookupHorizon) };
  }
  override async register(caller: Caller, marker?: string) {
    return this.#lowered(await super.register(caller, marker));
  }
  override async read(caller: Caller, accountIds: readonly string[]) {
    const reply = await super.read(caller, accountIds);
    return { ...reply, head: this.#lowered(reply.head) };
  }
  override async find(caller: Caller, ids: readonly string[]) {
    const reply = await super.find(caller, ids);
    return { ...reply, head: this.#lowered(reply.head) };
  }
  override async install(
    caller: Caller,
    accounts: readonly Account[],
    cursor: number,
    accountsMax: number,
    upTo?: number,
  ) {
    const reply = await super.install(caller, accounts, cursor, accountsMax, upTo);
    return { ...reply, head: this.#lowered(reply.head) };
  }
  override async change(caller: Caller, command: ChangeCommand) {
    const reply = await super.change(caller, command);
    return { ...reply, head: this.#lowered(reply.head) };
  }
  override async apply(caller: Caller, items: readonly CallItem[], podNow?: number) {
    const reply = await super.apply(
      caller,
      items.map((item) => ({ ...item, lookupCursor: Number.MAX_SAFE_INTEGER })),
      podNow,
    );
    return { ...reply, head: this.#lowered(reply.head) };
  }
}

/** Lets each activation start from scratch, and lets pods work without checking the marker. */
class ActivatesAgain extends CacheModel {
  #inner: CacheModel;
  constructor(replid: string) {
    super(replid);
    this.#inner = new CacheModel(replid);
  }
  #now(): CacheModel {
    this.#inner.replid = this.replid;
    this.#inner.role = this.role;
    this.#inner.evict = this.evict;
    return this.#inner;
  }
  override activate(epoch: NamedEpoch, replid: string, marker: string, lookupHorizon: number) {
    this.#inner = new CacheModel(this.replid);
    return this.#now().activate(epoch, replid, marker, lookupHorizon);
  }
  override fence(epoch: number, replid: string) {
    return this.#now().fence(epoch, replid);
  }
  override register(caller: Caller) {
    return this.#now().register(caller);
  }
  override retire(caller: KeeperCaller, podId: string) {
    return this.#now().retire(caller, podId);
  }
  override apply(caller: Caller, items: readonly CallItem[]) {
    return this.#now().apply(caller, items);
  }
  override read(caller: Caller, accountIds: readonly string[]) {
    return this.#now().read(caller, accountIds);
  }
  override install(caller: Caller, accounts: readonly Account[], cursor: number, accountsMax: number, upTo?: number) {
    return this.#now().install(caller, accounts, cursor, accountsMax, upTo);
  }
  override find(caller: Caller, ids: readonly string[]) {
    return this.#now().find(caller, ids);
  }
  override change(caller: Caller, command: ChangeCommand) {
    return this.#now().change(caller, command);
  }
  override journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    return this.#now().journal(caller, afterSeq, entriesMax);
  }
  override publish(caller: KeeperCaller, cursor: number, trimUpTo: number) {
    return this.#now().publish(caller, cursor, trimUpTo);
  }
  override forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean) {
    return this.#now().forget(caller, buckets, turnOthers);
  }
  override sweepEpochsBefore(epoch: number, caller: FenceCaller) {
    return this.#now().sweepEpochsBefore(epoch, caller);
  }
}

class AnyAuthority extends DirectTables {
  protected override requireAuthority(): void {}
}
class HidesItsIds extends DirectTables {
  protected override async raiseIdTimeMax(): Promise<void> {}
}

export const REMEMBERING: Mutant[] = [
  {
    name: 'install-without-the-watermark',
    rule: 'An account is installed only if its snapshot includes everything that Redis has evicted.',
    theme: 'memory',
    assembly: scripts(NoWatermark),
  },
  {
    name: 'look-ups-without-the-cursor',
    rule: 'A lookup counts only if its snapshot includes everything that Redis has evicted.',
    theme: 'memory',
    assembly: scripts(LookUpsOfAnyAge),
  },
  {
    name: 'lookup-horizon-is-zero-at-the-activation',
    rule: 'The lookup horizon is read from MySQL when an epoch is activated.',
    theme: 'divided',
    assembly: scripts(MIsZero),
  },
  {
    name: 'lookup-horizon-stays-when-ids-are-forgotten',
    rule: 'The lookup horizon is raised whenever Redis forgets ids.',
    theme: 'memory',
    assembly: scripts(MStays),
  },
  {
    name: 'activation-begins-again',
    rule: 'The marker of an activated epoch is taken over, not created again; and pods work only with that marker.',
    theme: 'anything',
    assembly: scripts(ActivatesAgain),
  },
  {
    name: 'direct-without-the-authority-check',
    rule: 'A direct transaction share-locks the authority row first: mode and epoch are checked.',
    theme: 'lostReplies',
    assembly: pods((_ports, mysql) => ({ direct: new AnyAuthority(mysql) })),
  },
  {
    name: 'direct-hides-its-ids-from-the-lookup-horizon',
    rule: 'The lookup horizon is at least the largest UUIDv7 time of any id that MySQL may have, including those of transfers made in MySQL.',
    theme: 'divided',
    assembly: pods((_ports, mysql) => ({ direct: new HidesItsIds(mysql) })),
  },
  {
    name: 'commit-without-answer-means-not-done',
    rule: 'A commit without an answer is in doubt.',
    theme: 'anything',
    assembly: pods(({ direct }) => ({
      direct: replaced(direct, {
        apply: (epoch, items) =>
          direct.apply(epoch, items).catch((error: unknown) => {
            throw error instanceof DirectError && error.kind === 'in_doubt'
              ? new DirectError('unable', error.message)
              : error;
          }),
      }),
    })),
  },
  {
    name: 'not-found-without-the-authority',
    rule: 'A 404 for a transfer counts only if the authority row was read in the same snapshot.',
    theme: 'lostReplies',
    assembly: pods(({ database }) => ({
      database: replaced(database, {
        async findOutcomes(ids) {
          const found = await database.findOutcomes(ids);
          return { ...found, authority: { ...found.authority, mode: 'DIRECT', recovered: true } };
        },
      }),
    })),
  },
  {
    name: 'reads-never-stale',
    rule: 'While the authority moves or the ledger is closed, reads are answered from MySQL and marked as stale.',
    theme: 'lostReplies',
    assembly: pods(({ database }) => ({
      database: replaced(database, {
        async loadAccounts(ids) {
          const found = await database.loadAccounts(ids);
          return { ...found, authority: { ...found.authority, mode: 'DIRECT', recovered: true } };
        },
      }),
    })),
  },
];
