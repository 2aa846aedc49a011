import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { isRecovering, recovering } from '../../mysql/connection/own-ledger.ts';
import { LedgerIdentity } from '../../mysql/operations/ledger-identity.ts';
import { runningProcesses } from '../../mysql/operations/running-processes.ts';
import { lackOfMigrations, reasonOf } from './check-shard.ts';
import type { ShardStores } from './shard-stores.ts';

interface Checked {
  stores: readonly ShardStores[];
  /** The shards whose databases were restored from a backup. */
  restored: ReadonlySet<number>;
  /** Whether other connections to the databases are known to be harmless. */
  allowsConnections: boolean;
}

/**
 * Why it would not be safe to recover the shards now; empty if it is safe. The data to be compared must not change, and
 * must be complete: a leg that exists only in the journal of another shard would be missed.
 */
export async function whyNotRecoverable({ stores, restored, allowsConnections }: Checked): Promise<string[]> {
  const reasons: string[] = [];
  const ledgers = new Set<string>();
  for (const store of stores) {
    const add = (reason: string) => reasons.push(`shard ${store.shard}: ${reason}`);
    try {
      const missing = await lackOfMigrations(store.database);
      if (missing) {
        add(missing);
        continue;
      }
      const identity = await new LedgerIdentity(store.database).shard();
      ledgers.add(identity.ledgerId);
      const shard = isRecovering(identity.shard) ? recovering(identity.shard) : identity.shard;
      if (shard !== store.shard || identity.shards !== stores.length) {
        add(`MySQL is shard ${shard} of ${identity.shards}`);
        continue;
      }
      if (isRecovering(identity.shard) && !restored.has(shard)) add('is itself waiting to be recovered: name it, too');
      (await whyNotStopped(store, allowsConnections)).forEach(add);
      if (!restored.has(shard)) (await whyNotSettled(store)).forEach(add);
    } catch (error) {
      add(reasonOf(error));
    }
  }
  if (ledgers.size > 1) reasons.push(`the databases belong to ${ledgers.size} ledgers`);
  return reasons;
}

async function whyNotStopped({ database }: ShardStores, allowsConnections: boolean): Promise<string[]> {
  const { live, connections } = await runningProcesses(database);
  const reasons: string[] = [];
  if (live > 0) reasons.push(`${live} pods or keepers have reported within the last minute: stop all of them`);
  if (connections > 0 && !allowsConnections)
    reasons.push(
      `${connections} other connections of the same user: make sure that none belongs to a pod or a keeper, and use --allow-connections`,
    );
  return reasons;
}

/** MySQL must contain everything that this shard has decided. */
async function whyNotSettled(store: ShardStores): Promise<string[]> {
  const authority = new AuthorityStore(store.database);
  const now = await authority.read();
  if (now.mode === 'DIRECT' && now.cacheEpoch === null) return [];
  if (now.mode !== 'CACHE')
    return [
      `the authority is ${now.mode}, and entries of the journal are not in MySQL yet: run a keeper until they are`,
    ];
  const reasons: string[] = [];
  const { registered } = await runningProcesses(store.database);
  if (registered > 0)
    reasons.push(`${registered} pods are registered: run a keeper until it has retired them, and stop it`);
  const { seq } = await authority.cursor();
  const end = await store.journalEnd(now);
  if (end !== seq) reasons.push(`the journal ends at ${end}, but MySQL has it up to ${seq}: run a keeper, and stop it`);
  return reasons;
}
