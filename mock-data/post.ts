/**
 * Posts accounts and transfers in batches over HTTP, many concurrently, but in order where the order matters (`Lanes`).
 *
 * Nothing is posted twice and nothing is omitted: anything without an outcome (connection lost, 429, 503, 504, for a
 * whole batch or for one of its items) is retried with the same ids, for which the service returns the existing
 * outcome. A slot is one request in flight; it starts at its own base URL and moves to the next if that one fails.
 */
import { type ApiClient, ConnectionLost, describe, isRetryable, member, Refused } from './client.ts';
import { type Entry, Lanes } from './lanes.ts';
import { Retry } from './retry.ts';

export interface PostOptions {
  /** Items per request; the service takes up to 1000. */
  batch: number;
  /** Requests in flight at the same time. */
  concurrency: number;
  /** Called for each failure that is retried, with the reason. */
  onRetry?: (reason: string) => void;
}

/** Defines how one kind of item is posted. */
export interface BatchJob<T> {
  path: string;
  /** The member of the request's body that holds the list. */
  listName: string;
  /** Other members of the request's body. */
  more?: Readonly<Record<string, unknown>>;
  /** Why the whole request has to be sent again although it was answered; null if it need not be. */
  incomplete?(body: unknown): string | null;
  bodyOf(item: T): unknown;
  /**
   * Returns a function that sends an item that cannot be part of a batch, until it has an outcome; null for other
   * items.
   */
  alone?(item: T): (() => Promise<ItemResult>) | null;
  /** The lanes of the item: the accounts whose transfers must keep their order. */
  lanesOf(item: T): readonly string[];
  /** Called when the item's outcome is known, in order per lane. `slot` is the number of the sender. */
  settled(item: T, result: ItemResult, slot: number): void;
}

export interface ItemResult {
  status: number;
  /** The problem's code; "" for a success. */
  code: string;
  body: unknown;
}

/** Number of batches read ahead per slot, to find enough ready items. */
const WINDOW_BATCHES = 4;

/** @throws GaveUp, Refused, whatever `items` throws, or the signal's reason; requests in flight are finished first */
export async function postInBatches<T>(
  client: ApiClient,
  job: BatchJob<T>,
  items: Iterable<T> | AsyncIterable<T>,
  options: PostOptions,
): Promise<void> {
  const feed = new Feed(items, job, options);
  const slots = Array.from({ length: options.concurrency }, async (_, slot) => {
    try {
      for (let ready = await feed.next(); ready !== null; ready = await feed.next()) {
        const batch: Entry<T>[] = [];
        for (const entry of ready) {
          const send = job.alone?.(entry.item);
          if (!send) batch.push(entry);
          else {
            job.settled(entry.item, await send(), slot);
            feed.done(entry);
          }
        }
        await sendUntilDecided(client, job, batch, slot, options, (entry) => feed.done(entry));
      }
    } catch (error) {
      feed.stop();
      throw error;
    }
  });
  const ended = await Promise.allSettled(slots);
  const failed = ended.find((slot) => slot.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function sendUntilDecided<T>(
  client: ApiClient,
  job: BatchJob<T>,
  batch: readonly Entry<T>[],
  slot: number,
  options: PostOptions,
  done: (entry: Entry<T>) => void,
): Promise<void> {
  const retry = new Retry(client.retryPolicy, client.clock);
  const pause = (reason: string, retryAfterMs: number | null) => {
    options.onRetry?.(reason);
    return retry.pause(reason, retryAfterMs, client.signal);
  };
  let open = batch;
  for (let turn = slot; open.length > 0; turn++) {
    const body = { ...job.more, [job.listName]: open.map((entry) => job.bodyOf(entry.item)) };
    const answer = await client.attempt('POST', job.path, body, turn);
    if (answer instanceof ConnectionLost) {
      await pause(answer.message, null);
      continue;
    }
    if (isRetryable(answer.status)) {
      await pause(describe(answer), answer.retryAfterMs);
      continue;
    }
    if (answer.status !== 200) throw new Refused(`POST ${job.path} of ${open.length}`, answer);
    const missing = job.incomplete?.(answer.body) ?? null;
    if (missing !== null) {
      await pause(missing, answer.retryAfterMs);
      continue;
    }
    const results = resultsOf(answer.body, open.length, job.path);
    const again: Entry<T>[] = [];
    let reason = '';
    for (const [index, entry] of open.entries()) {
      const result = itemResult(results[index]);
      if (isRetryable(result.status)) {
        again.push(entry);
        reason = describe(result);
        continue;
      }
      job.settled(entry.item, result, slot);
      done(entry);
    }
    if (again.length > 0) {
      if (again.length < open.length) retry.succeeded();
      await pause(reason, answer.retryAfterMs);
    }
    open = again;
  }
}

function resultsOf(body: unknown, count: number, path: string): unknown[] {
  const results = member(body, 'results');
  if (!Array.isArray(results) || results.length !== count) {
    throw new Error(
      `POST ${path} returned the wrong number of results for ${count} items: ${JSON.stringify(body)?.slice(0, 300)}`,
    );
  }
  return results;
}

function itemResult(body: unknown): ItemResult {
  const status = member(body, 'status');
  const code = member(body, 'code');
  if (typeof status !== 'number') throw new Error(`A result without a status: ${JSON.stringify(body)?.slice(0, 300)}`);
  return { status, code: typeof code === 'string' ? code : '', body };
}

/** Reads items only as far ahead as the window allows, and returns batches of ready ones. */
class Feed<T> {
  private readonly iterator: Iterator<T> | AsyncIterator<T>;
  private readonly lanes: Lanes<T>;
  private readonly batchMax: number;
  private readonly windowMax: number;
  private ended = false;
  private stopped = false;
  private filling: Promise<void> | null = null;
  private waiting: (() => void)[] = [];

  constructor(items: Iterable<T> | AsyncIterable<T>, job: BatchJob<T>, options: PostOptions) {
    this.iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.lanes = new Lanes((item) => job.lanesOf(item));
    this.batchMax = options.batch;
    this.windowMax = options.batch * options.concurrency * WINDOW_BATCHES;
  }

  /** The next batch, or null when all items are done (or another slot has failed). */
  async next(): Promise<Entry<T>[] | null> {
    for (;;) {
      // Only one reader reads at a time, because two readers of one iterator would mix up the order within a lane.
      this.filling ??= this.fill().finally(() => {
        this.filling = null;
      });
      await this.filling;
      if (this.stopped) return null;
      const batch = this.lanes.take(this.batchMax);
      if (batch.length > 0) return batch;
      if (this.ended && this.lanes.size === 0) return null;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  done(entry: Entry<T>): void {
    this.lanes.done(entry);
    this.wake();
  }

  stop(): void {
    this.stopped = true;
    this.wake();
  }

  private async fill(): Promise<void> {
    while (!this.ended && !this.stopped && this.lanes.readyCount < this.batchMax && this.lanes.size < this.windowMax) {
      const step = await this.iterator.next();
      if (step.done === true) this.ended = true;
      else this.lanes.add(step.value);
    }
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
