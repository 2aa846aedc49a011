import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { endEpochWithoutJournal } from '../../authority/keeper/end-epoch.ts';
import type { Config } from '../../config/config.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { RecoveryStore } from '../../mysql/authority/recovery-store.ts';
import { SqlRestoredShard } from '../../mysql/ledger/restored-shard.ts';
import { SqlSurvivingShard } from '../../mysql/ledger/surviving-shard.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { LedgerIdentity, setRecovering } from '../../mysql/operations/ledger-identity.ts';
import { type RecoveryReport, ShardRecovery } from '../../shards/shard-recovery.ts';
import { whyNotRecoverable } from './recover-checks.ts';
import { ShardStores } from './shard-stores.ts';

export interface RecoverOptions {
  /** Only reads and counts; writes nothing. Processes may be running. */
  isDryRun: boolean;
  /** Whether other connections to the databases are known to be harmless. */
  allowsConnections: boolean;
  onProgress(shard: number, report: Readonly<RecoveryReport>): void;
}
export interface Recovered {
  shard: number;
  /** The new epoch of the authority, higher than any epoch before the restore. */
  epoch: number;
  report: RecoveryReport;
}
export interface RecoverResult {
  isDryRun: boolean;
  /** Why nothing was done; for a dry run, why nothing would be done now. */
  reasons: string[];
  shards: Recovered[];
}

const JOB = 'recover';
/** If a run was killed, another one can begin after this time. */
const LEASE_MS = 60_000;
const REASON = 'the database was restored from a backup';
const HOST_CHARS_MAX = 40;

/** @throws Error if a store fails or another run has taken over; the shards stay closed until a run is complete */
export async function recover(
  config: Config,
  numbers: readonly number[],
  options: RecoverOptions,
  clock: Clock = systemClock,
): Promise<RecoverResult> {
  const { isDryRun, allowsConnections } = options;
  const result: RecoverResult = { isDryRun, reasons: [], shards: [] };
  const holder = `${hostname().slice(0, HOST_CHARS_MAX)} ${randomUUID().slice(0, 8)}`;
  const restored = new Set(numbers);
  await using before = new AllStores(config);
  result.reasons = await whyNotRecoverable({ stores: before.all, restored, allowsConnections });
  if (result.reasons.length > 0 && !isDryRun) return result;
  if (isDryRun) result.shards = await recoverAll(config, restored, options, { holder, clock });
  else {
    try {
      for (const shard of restored) {
        if (await takeLease(before.at(shard), holder)) continue;
        result.reasons.push(`shard ${shard}: another run is at work, or was killed less than a minute ago`);
        return result;
      }
      for (const shard of restored) await closeOrOpen(before.at(shard), config.ledger.shards, true);
      result.shards = await recoverAll(config, restored, options, { holder, clock });
    } finally {
      await releaseLeases(config, restored, holder);
    }
  }
  return result;
}

async function recoverAll(
  config: Config,
  restored: ReadonlySet<number>,
  { isDryRun, onProgress }: RecoverOptions,
  { holder, clock }: { holder: string; clock: Clock },
): Promise<Recovered[]> {
  // Earlier connections were opened for the identities that the databases had at that time.
  await using stores = new AllStores(config);
  const epochs = new Map<number, number>();
  // All shards leave their epochs before one of them is changed.
  for (const shard of restored) epochs.set(shard, await epochOf(stores.at(shard), holder, isDryRun, clock));
  const recovered: Recovered[] = [];
  for (const [shard, epoch] of epochs) {
    const { database } = stores.at(shard);
    const others = stores.all.filter((other) => other.shard !== shard);
    const recovery = new ShardRecovery({
      number: shard,
      restored: new SqlRestoredShard({ database, clock, epoch }),
      others: new Map(others.map((other) => [other.shard, new SqlSurvivingShard(other.database)])),
      isDryRun,
      async onPage(report) {
        onProgress(shard, report);
        if (!isDryRun) await renewLeases(stores, restored, holder);
      },
    });
    recovered.push({ shard, epoch, report: await recovery.run() });
  }
  if (isDryRun) return recovered;
  await renewLeases(stores, restored, holder);
  for (const shard of restored) await closeOrOpen(stores.at(shard), config.ledger.shards, false);
  return recovered;
}

class AllStores implements AsyncDisposable {
  readonly all: readonly ShardStores[];
  constructor(config: Config) {
    this.all = Array.from({ length: config.ledger.shards }, (_, shard) => new ShardStores(config, shard));
  }

  at(shard: number): ShardStores {
    const stores = this.all[shard];
    if (!stores) throw new RangeError(`shard ${shard} does not exist`);
    return stores;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((stores) => stores[Symbol.asyncDispose]()));
  }
}

async function takeLease({ database }: ShardStores, holder: string): Promise<boolean> {
  await database.rows('INSERT IGNORE INTO job_leases (job) VALUES (?)', [JOB]);
  return new JobLease(database, JOB).take(holder, LEASE_MS, null);
}

async function renewLeases(stores: AllStores, restored: ReadonlySet<number>, holder: string): Promise<void> {
  for (const shard of restored) {
    if (await new JobLease(stores.at(shard).database, JOB).renew(holder, LEASE_MS)) continue;
    throw new Error(`another run has taken over the recovery of shard ${shard}`);
  }
}

/** If it fails, another run can begin when the leases have expired. */
async function releaseLeases(config: Config, restored: ReadonlySet<number>, holder: string): Promise<void> {
  await using stores = new AllStores(config);
  for (const shard of restored) await new JobLease(stores.at(shard).database, JOB).finish(holder, null).catch(() => {});
}

/** Until a shard is opened again, no process accepts its database. */
async function closeOrOpen({ database, shard }: ShardStores, shards: number, isClosed: boolean): Promise<void> {
  const { ledgerId } = await new LedgerIdentity(database).shard();
  await setRecovering(database, { ledgerId, shard, shards }, isClosed);
}

/**
 * Begins an epoch that is later than all epochs of the shard before it was restored. The database no longer contains
 * them, but Redis may still have their keys, which would be accepted if the new epoch had the number of an old one. So
 * epochs after a restore are numbered by the time in seconds, which is far higher than any number that moves of the
 * authority can reach.
 */
async function epochOf(stores: ShardStores, holder: string, isDryRun: boolean, clock: Clock): Promise<number> {
  const { database } = stores;
  const authority = new AuthorityStore(database);
  if (isDryRun) return (await authority.read()).epoch;
  const by = { keeper: `recover ${holder}`, reason: REASON };
  const direct = await endEpochWithoutJournal({ authority, recoveryStore: new RecoveryStore(database) }, by);
  const fence = await stores.owner().then(
    (owner) => owner.fence ?? 0,
    () => 0,
  );
  const [row] = await database.rows<{ now: number }>('SELECT UNIX_TIMESTAMP() AS `now`');
  const seconds = Math.max(Number(row?.now), Math.floor(clock.now() / 1000));
  const beyond = await authority.goBeyond(direct, Math.max(fence, seconds), by);
  if (!beyond) throw new Error('the authority has moved in the meantime');
  return beyond.epoch;
}
