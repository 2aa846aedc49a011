import type {
  EpochRecoveryStore,
  HandOverStore,
  KeeperAuthority,
  PodAuthority,
  RuleFormats,
} from '../../app/authority/authority-ports.ts';
import type { PodSession } from '../../app/authority/pod/pod-session.ts';
import type { ServerFacts } from '../../app/authority/server-facts.ts';
import type { DueHolds } from '../../app/jobs/hold-expiry.ts';
import type { Lease } from '../../app/jobs/single-run.ts';
import type { CacheKeeper, CacheServer, FenceCaller } from '../../app/journal/cache-port.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import type { Clock } from '../../app/kernel/clock.ts';
import type { Session } from '../../app/ledger/epoch/epoch-view.ts';
import type { DirectServer } from '../../app/ledger/ports/direct-server.ts';
import type { Holds } from '../../app/ledger/ports/holds.ts';
import type { Ledger } from '../../app/ledger/ports/ledger.ts';
import type { LedgerDatabase } from '../../app/ledger/ports/ledger-database.ts';
import type { JournalStore } from '../../app/sync/flusher.ts';
import { AuthorityTables } from '../mysql/authority-tables.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import {
  FormerAuthorityTables,
  FormerDirectTables,
  FormerPodAuthorityTables,
  FormerReaderTables,
  FormerRecoveryStoreTables,
  type OnAllowed,
} from '../mysql/former-tables.ts';
import { HandOverTables } from '../mysql/hand-over-tables.ts';
import { ExpiryLeaseTables, HoldScheduleTables } from '../mysql/hold-schedule.ts';
import { JournalTables } from '../mysql/journal-tables.ts';
import type { MysqlClient } from '../mysql/mysql-client.ts';
import { ReaderTables } from '../mysql/reader-tables.ts';
import { RecoveryStoreTables } from '../mysql/recovery-store-tables.ts';
import type { RedisClient } from '../redis/redis-client.ts';
import type { NewModel } from '../redis/redis-node.ts';

/** The dependencies that the real code of a pod receives. */
export interface PodPorts {
  authority: PodAuthority;
  handOverStore: HandOverStore;
  cache: CacheServer;
  retire: CacheKeeper['retire'];
  database: LedgerDatabase;
  direct: DirectServer;
  cut(): void;
  /** Stops the process in an orderly way. */
  stop(session: PodSession): Promise<void>;
  /** The session as the ledger sees it. */
  session(session: Session): Session;
  /** The ledger as clients see it. */
  ledger(ledger: Ledger): Ledger;
  holds(holds: Holds): Holds;
  /** The dependencies of the expiry of holds, in addition to the ledger. */
  dueHolds: DueHolds;
  expiryLease: Lease;
}

/** The dependencies that the real code of a keeper receives. */
export interface KeeperPorts {
  authority: KeeperAuthority & {
    markRetired(podId: string, seq: number): Promise<void>;
    removePod(podId: string): Promise<void>;
  };
  recoveryStore: EpochRecoveryStore;
  journal: JournalStore;
  handOverStore: Pick<HandOverTables, 'forget'>;
  cache: CacheKeeper;
  inspect(): Promise<ServerFacts>;
  sweepEpochsBefore(epoch: number, caller: FenceCaller): Promise<void>;
}

/**
 * The functions that assemble a system. `PROTOCOL` is the unmodified protocol. A mutant replaces one of these
 * functions, and leaves the code of pods, keepers and recovery unchanged.
 */
export interface Assembly {
  newModel: NewModel;
  /** How many acknowledged writes a crash of Redis may lose: none with `appendfsync always`. */
  unsyncedMax: number;
  podPorts(mysql: MysqlClient, redis: RedisClient, clock: Clock): PodPorts;
  keeperPorts(mysql: MysqlClient, redis: RedisClient): KeeperPorts;
  /** The dependencies of processes of release 0.1.0. */
  formerPodPorts(mysql: MysqlClient, redis: RedisClient, clock: Clock, onAllowed: OnAllowed): PodPorts;
  formerKeeperPorts(mysql: MysqlClient, redis: RedisClient, onAllowed: OnAllowed): KeeperPorts;
  /** The operation by which an operator moves the rules to another format. */
  Formats: new (
    mysql: MysqlClient,
  ) => RuleFormats & Pick<PodAuthority, 'read'>;
}

export const PROTOCOL: Assembly = {
  newModel: (replid) => new CacheModel(replid),
  unsyncedMax: 0,
  podPorts: (mysql, redis) => ({
    authority: new AuthorityTables(mysql),
    handOverStore: new HandOverTables(mysql),
    cache: redis,
    retire: (caller, podId) => redis.retire(caller, podId),
    database: new ReaderTables(mysql),
    direct: new DirectTables(mysql),
    cut: () => redis.cut(),
    stop: (session) => session.stop(),
    session: (session) => session,
    ledger: (ledger) => ledger,
    holds: (holds) => holds,
    dueHolds: new HoldScheduleTables(mysql),
    expiryLease: new ExpiryLeaseTables(mysql),
  }),
  keeperPorts: (mysql, redis) => ({
    authority: new AuthorityTables(mysql),
    recoveryStore: new RecoveryStoreTables(mysql),
    journal: new JournalTables(mysql),
    handOverStore: new HandOverTables(mysql),
    cache: redis,
    inspect: () => redis.inspect(),
    sweepEpochsBefore: (epoch, caller) => redis.sweepEpochsBefore(epoch, caller),
  }),
  formerPodPorts: (mysql, redis, clock, onAllowed) => ({
    ...PROTOCOL.podPorts(mysql, redis, clock),
    authority: new FormerPodAuthorityTables(mysql, onAllowed),
    database: new FormerReaderTables(mysql),
    direct: new FormerDirectTables(mysql),
  }),
  formerKeeperPorts: (mysql, redis, onAllowed) => ({
    ...PROTOCOL.keeperPorts(mysql, redis),
    authority: new FormerAuthorityTables(mysql, onAllowed),
    recoveryStore: new FormerRecoveryStoreTables(mysql),
  }),
  Formats: AuthorityTables,
};
