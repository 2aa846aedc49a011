import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from '../kernel/log.ts';

const QUEUE = 'sync';
const SCHEDULER = 'flush-supervision';

export interface SupervisorOptions {
  redisUrl: string;
  keyPrefix: string;
  everyMs: number;
  /** Looks whether the flush goes on, and nudges it; throws to have the job recorded as failed. */
  supervise(): Promise<void>;
  logger: Logger;
}

/**
 * The BullMQ schedule that supervises the flush: a job every few seconds, on whichever keeper takes it. It carries no
 * money: the flush runs by itself, also while the queue is away. Its connections wait for Redis without an end, which
 * nothing on the money path may do.
 */
export class SyncSupervisor implements AsyncDisposable {
  readonly #connection: Redis;
  readonly #queue: Queue;
  readonly #worker: Worker;

  constructor({ redisUrl, keyPrefix, everyMs, supervise, logger }: SupervisorOptions) {
    this.#connection = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 1_000 });
    this.#connection.on('error', () => {});
    const prefix = `${keyPrefix}:bull`;
    const shared = { connection: this.#connection, prefix };
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
        logger.warn({ err: error }, 'the schedule that supervises the flush is away; the flush goes on without it');
      failing = true;
    };
    this.#queue.on('error', failed);
    this.#worker.on('error', failed);
    this.#worker.on('failed', (_job, error) => logger.error({ err: error }, 'the flush does not keep up'));
    this.#worker.on('completed', () => {
      failing = false;
    });
    // With every connection, as another Redis, or one that lost its disk, knows nothing of the schedule.
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
    // Forced: a worker that waits for a Redis which is away would keep the process.
    await this.#worker.close(true).catch(() => {});
    await this.#queue.close().catch(() => {});
    this.#connection.disconnect();
  }
}
