import { randomBytes } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { latestSlot } from '../kernel/schedule.ts';

/** How long the lease of a crashed run blocks others, ms; an active run renews its own every third of this time. */
const LEASE_MS = 60_000;
/** A slot that no keeper has started within this time, ms, is skipped: the keepers were down. */
const START_WITHIN_MS = 60 * 60_000;
const POLL_MS = 500;

/** State of a job, by the clock of MySQL. */
export interface JobState {
  nowMs: number;
  /** Whether a process is running the job, or was running it a moment ago. */
  held: boolean;
  begunSlot: string;
  doneSlot: string;
}

/** The lease on a job, kept where all processes see it. */
export interface Lease {
  state(): Promise<JobState>;
  take(holder: string, leaseMs: number, slot: string | null): Promise<boolean>;
  renew(holder: string, leaseMs: number): Promise<boolean>;
  finish(holder: string, slot: string | null): Promise<void>;
}

interface SingleRunDependencies {
  lease: Lease;
  clock: Clock;
  logger: Logger;
  leaseMs?: number;
}

/** Runs a job in one process at a time, and once per scheduled time. */
export class SingleRun {
  readonly #deps: SingleRunDependencies;
  readonly #leaseMs: number;

  constructor(deps: SingleRunDependencies) {
    this.#deps = deps;
    this.#leaseMs = deps.leaseMs ?? LEASE_MS;
  }

  /**
   * Runs the job if it is due and no process has run it. A failed run keeps its lease until it expires, so the job is
   * retried, but not immediately. @returns whether it ran here @throws whatever `work` throws; Problem
   * database_unavailable
   */
  async whenDue(schedule: { cron: string; timeZone: string }, work: () => Promise<unknown>): Promise<boolean> {
    const { nowMs, held, begunSlot, doneSlot } = await this.#deps.lease.state();
    const { name, ageMs } = latestSlot(schedule.cron, schedule.timeZone, nowMs);
    if (held || name <= doneSlot || (ageMs > START_WITHIN_MS && begunSlot !== name)) return false;
    return (await this.#run(name, work)) !== null;
  }

  /**
   * Runs the job now, unless another process is running it. @returns its result, or null if another process was running
   * it
   */
  async now<T extends object>(work: () => Promise<T>): Promise<T | null> {
    const done = await this.#run(null, work);
    return done?.result ?? null;
  }

  /**
   * Waits until no process runs the job. @returns false if a run is still in progress at `deadlineMs` of the monotonic
   * clock
   */
  async idle(deadlineMs: number): Promise<boolean> {
    const { lease, clock } = this.#deps;
    while ((await lease.state()).held) {
      if (clock.monotonic() >= deadlineMs) return false;
      await clock.sleep(POLL_MS);
    }
    return true;
  }

  async #run<T>(slot: string | null, work: () => Promise<T>): Promise<{ result: T } | null> {
    const { lease, clock, logger } = this.#deps;
    const holder = randomBytes(16).toString('hex');
    if (!(await lease.take(holder, this.#leaseMs, slot))) return null;
    const ended = new AbortController();
    const renewing = (async () => {
      while (!ended.signal.aborted) {
        await clock.sleep(this.#leaseMs / 3, ended.signal);
        if (ended.signal.aborted) return;
        await lease.renew(holder, this.#leaseMs).catch((error: unknown) => {
          logger.warn({ err: error }, 'could not renew the lease of a job');
        });
      }
    })();
    try {
      const result = await work();
      ended.abort();
      await renewing;
      await lease.finish(holder, slot);
      return { result };
    } catch (error) {
      // A run on demand may be requested again immediately.
      if (slot === null) await lease.finish(holder, null).catch(() => {});
      throw error;
    } finally {
      ended.abort();
      await renewing;
    }
  }
}
