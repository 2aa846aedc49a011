import { NOT_HANDED_OVER, PodSession } from '../../app/authority/pod/pod-session.ts';
import { HoldExpiry } from '../../app/jobs/hold-expiry.ts';
import type { Logger } from '../../app/kernel/log.ts';
import { PodLedger } from '../../app/ledger/pod-ledger.ts';
import type { Holds } from '../../app/ledger/ports/holds.ts';
import type { Ledger } from '../../app/ledger/ports/ledger.ts';
import type { LedgerEvents } from '../../app/ledger/ports/ledger-events.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { RedisClient } from '../redis/redis-client.ts';
import type { PodPorts } from './ports.ts';
import { LEDGER_LIMITS, TIMES } from './settings.ts';

export const SILENT_EVENTS: LedgerEvents = {
  applied: () => {},
  answered: () => {},
  holdEvent: () => {},
  limitRefused: () => {},
  retried: () => {},
  lookedUp: () => {},
  accountsHit: () => {},
  accountsMissed: () => {},
  evicted: () => {},
};

/** A pod as clients see it. */
export type ServingPod = Pick<SimPod, 'process' | 'ledger' | 'holds' | 'onDeath'>;

/** An API process: the real session and the real ledger, over simulated stores. */
export class SimPod {
  readonly process: SimProcess;
  readonly redis: RedisClient;
  readonly session: PodSession;
  readonly ledger: Ledger;
  readonly holds: Holds;
  /** Whether the pod has stopped in an orderly way without reporting a failed hand-over. */
  stoppedWell = false;
  readonly #ports: PodPorts;
  #failed = false;
  readonly #onDeath = new Set<() => void>();

  constructor(deps: {
    process: SimProcess;
    redis: RedisClient;
    ports: PodPorts;
    logger: Logger;
    cachedAccountsMax: number;
    /** Whether holds that are due may be ended now. */
    mayExpire(): boolean;
  }) {
    const { process, redis, ports, logger } = deps;
    this.process = process;
    this.redis = redis;
    this.#ports = ports;
    let incarnation = 0;
    this.session = new PodSession({
      authority: ports.authority,
      handOverStore: ports.handOverStore,
      cache: ports.cache,
      retire: ports.retire,
      clock: process,
      logger: { ...logger, error: (...line) => this.#failing(logger, ...line) },
      processId: process.name,
      heartbeatMs: TIMES.heartbeatMs,
      closedAfterMs: TIMES.closedAfterMs,
      renewIdAfterMs: TIMES.renewIdAfterMs,
      newPodId: () => `${process.name}.${++incarnation}`,
      redis: { ready: () => redis.ready, probe: () => redis.probe(), cut: () => ports.cut() },
      onAuthority: () => {},
    });
    const ledger = new PodLedger({
      cache: ports.cache,
      database: ports.database,
      direct: ports.direct,
      session: ports.session(this.session),
      clock: process,
      events: SILENT_EVENTS,
      limits: { ...LEDGER_LIMITS, cachedAccountsMax: deps.cachedAccountsMax },
    });
    this.ledger = ports.ledger(ledger);
    this.holds = ports.holds(ledger.holds);
    this.session.start();
    void this.#expire(logger, deps.mayExpire);
  }

  /** Ends holds that are due, like app/roles/hold-expiry.ts. */
  async #expire(logger: Logger, mayExpire: () => boolean): Promise<void> {
    const { process, session } = this;
    const decides = () => session.view() !== null || session.direct() !== null;
    const expiry = new HoldExpiry({
      lease: this.#ports.expiryLease,
      holds: this.#ports.dueHolds,
      ledger: this.holds,
      ready: () => mayExpire() && session.format() === 2 && decides(),
      ledgerNow: () => process.now(),
      clock: process,
      holder: process.name,
      onExpired: () => {},
      leaseMs: TIMES.expiryLeaseMs,
    });
    for (;;) {
      await process.sleep(TIMES.expiryMs);
      await expiry.round().catch((error: unknown) => logger.warn({ reason: String(error) }, 'expiries were postponed'));
    }
  }

  /** Stops in an orderly way: requests that clients have sent so far are answered, or lost with their connection. */
  async stop(): Promise<void> {
    await this.leave();
    this.kill();
  }
  /** Hands over, and leaves the epoch. */
  async leave(): Promise<void> {
    await this.#ports.stop(this.session);
    this.stoppedWell = !this.#failed;
  }
  #failing(logger: Logger, ...[fields, message]: Parameters<Logger['error']>): void {
    if (message === NOT_HANDED_OVER) this.#failed = true;
    logger.error(fields, message);
  }

  kill(): void {
    this.process.kill();
    const listeners = [...this.#onDeath];
    this.#onDeath.clear();
    for (const listener of listeners) listener();
  }
  /** Called when the process dies. @returns a function that unsubscribes */
  onDeath(listener: () => void): () => void {
    this.#onDeath.add(listener);
    return () => this.#onDeath.delete(listener);
  }
}
