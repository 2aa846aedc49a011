import type { Account } from '../../app/domain/types.ts';
import type { Caller, CallItem, ChangeCommand, KeeperCaller } from '../../app/journal/cache-port.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { keepers, type Mutant, pods, replaced, scripts } from './mutant.ts';

/**
 * Rules about which pods may write, which pods must hand over before the authority moves, and what the prologue of
 * every script checks.
 */

class RetiredMayWrite extends CacheModel {
  override async retire(caller: KeeperCaller) {
    return (await super.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1)).head;
  }
}

/** Lets every pod use the same name, which is always registered. */
class NobodyRegisters extends CacheModel {
  #anyone(caller: Caller): Caller {
    const anyone = { ...caller, podId: 'anyone' };
    super.register(anyone).catch(() => {});
    return anyone;
  }
  override apply(caller: Caller, items: readonly CallItem[]) {
    return super.apply(this.#anyone(caller), items);
  }
  override read(caller: Caller, accountIds: readonly string[]) {
    return super.read(this.#anyone(caller), accountIds);
  }
  override install(caller: Caller, accounts: readonly Account[], cursor: number, accountsMax: number, upTo?: number) {
    return super.install(this.#anyone(caller), accounts, cursor, accountsMax, upTo);
  }
  override find(caller: Caller, ids: readonly string[]) {
    return super.find(this.#anyone(caller), ids);
  }
  override change(caller: Caller, command: ChangeCommand) {
    return super.change(this.#anyone(caller), command);
  }
}

class AnyServer extends CacheModel {
  #here<C extends { replid: string }>(caller: C): C {
    return { ...caller, replid: this.replid };
  }
  override register(caller: Caller, marker?: string) {
    return super.register(this.#here(caller), marker);
  }
  override apply(caller: Caller, items: readonly CallItem[]) {
    return super.apply(this.#here(caller), items);
  }
  override read(caller: Caller, accountIds: readonly string[]) {
    return super.read(this.#here(caller), accountIds);
  }
  override find(caller: Caller, ids: readonly string[]) {
    return super.find(this.#here(caller), ids);
  }
  override change(caller: Caller, command: ChangeCommand) {
    return super.change(this.#here(caller), command);
  }
  override journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    return super.journal(this.#here(caller), afterSeq, entriesMax);
  }
  override publish(caller: KeeperCaller, cursor: number, trimUpTo: number) {
    return super.publish(this.#here(caller), cursor, trimUpTo);
  }
}

/** Answers on any server and for any caller, like a plain HMGET. */
class PlainReads extends CacheModel {
  override async read(caller: Caller, accountIds: readonly string[]) {
    const { role } = this;
    const anyone = { ...caller, replid: this.replid, podId: 'reader' };
    this.role = 'master';
    super.register(anyone).catch(() => {});
    const found = super.read(anyone, accountIds);
    this.role = role;
    return found;
  }
}

export const REGISTERING: Mutant[] = [
  {
    name: 'no-registration-in-mysql',
    rule: 'A pod registers in MySQL before its first script in an epoch.',
    theme: 'halfHandedOver',
    assembly: pods(({ authority }) => ({ authority: replaced(authority, { register: async () => true }) })),
  },
  {
    name: 'registration-without-the-share-lock',
    rule: 'Registration share-locks the authority row: a plain insert can commit after the keeper has read the list.',
    theme: 'divided',
    assembly: pods(({ authority }, mysql) => ({
      authority: replaced(authority, {
        async register(podId, epoch) {
          const { mode, epoch: now } = await authority.read();
          if (mode !== 'CACHE' || now !== epoch) return false;
          await mysql.call(({ tables, nowMs }) => {
            const row = { podId, epoch, observed: 0, retiredSeq: null, handedOver: false, heartbeatMs: nowMs };
            tables.set(tables.pods, podId, row);
          });
          return true;
        },
      }),
    })),
  },
  {
    name: 'retired-pods-may-write',
    rule: 'A script marks a retired pod permanently.',
    theme: 'forgotten',
    assembly: scripts(RetiredMayWrite),
  },
  {
    name: 'retired-pods-go-at-once',
    rule: 'The row of a retired pod is deleted only after the cursor has passed the seq of its retirement.',
    theme: 'forgotten',
    assembly: keepers(({ authority }) => ({
      authority: replaced(authority, { markRetired: (podId) => authority.removePod(podId) }),
    })),
  },
  {
    name: 'prologue-without-registration',
    rule: 'The prologue refuses a pod that is not registered or has been retired.',
    theme: 'forgotten',
    assembly: scripts(NobodyRegisters),
  },
  {
    name: 'prologue-without-replid',
    rule: 'The prologue refuses every server except the one of the activation.',
    theme: 'halfHandedOver',
    assembly: scripts(AnyServer),
  },
  {
    name: 'reads-without-prologue',
    rule: 'Reads of a balance are scripts too: a replica or an old master answers plain reads with stale balances.',
    theme: 'halfHandedOver',
    assembly: scripts(PlainReads),
  },
];
