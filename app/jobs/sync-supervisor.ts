import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '../kernel/log.ts';

const QUEUE = 'sync';
const SCHEDULER = 'flush-supervision';

export interface SupervisorOptions {
  /** Waits for Redis indefinitely, which nothing on the money path may do. The supervisor closes it. */
  connection: Redis;
  /** Prefix of the keys of the queue; its hash tag keeps them in one slot. */
  prefix: string;
  everyMs: number;
  /** Checks whether the flush is making progress, and triggers it; throws to have the job recorded as failed. */
  supervise(): Promise<void>;
  logger: Logger;
}

/**
 * The BullMQ schedule that supervises the flush: a job every few seconds, on whichever keeper picks it up. No transfer
 * depends on it: the flush runs on its own, even while the queue is unavailable.
 */
export class SyncSupervisor implements AsyncDisposable {
  readonly #connection: Redis;
  readonly #queue: Queue;
  readonly #worker: Worker;

  constructor({ connection, prefix, everyMs, supervise, logger }: SupervisorOptions) {
    this.#connection = connection;
    const shared = { connection, prefix };
    this.#queue = new Queue(QUEUE, shared);
    this.#worker = new Worker(QUEUE, supervise, {
      ...shared,
      concurrency: 1,
      lockDuration: 10_000,
      stalledInterval: 5_000,
    });
    let failing = false;
    const failed = (error: Error) => {
      if (!failing)
        logger.warn(
          { err: error },
          'the schedule that supervises the flush is unavailable; flushing continues without it',
        );
      failing = true;
    };
    this.#queue.on('error', failed);
    this.#worker.on('error', failed);
    this.#worker.on('failed', (_job, error) => logger.error({ err: error }, 'flushing is falling behind'));
    this.#worker.on('completed', () => {
      failing = false;
    });
    // The schedule is created on every connection, because a different Redis, or one that lost its disk, does not have
    // it.
    this.#connection.on('ready', () => {
      this.#queue
        .upsertJobScheduler(
          SCHEDULER,
          { every: everyMs },
          { name: SCHEDULER, opts: { removeOnComplete: 10, removeOnFail: 100 } },
        )
        .catch(failed);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Closes by force, because a worker that waits for an unavailable Redis would keep the process alive.
    await this.#worker.close(true).catch(() => {});
    await this.#queue.close().catch(() => {});
    this.#connection.disconnect();
  }
}
