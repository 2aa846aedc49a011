import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackFile } from '../resilience-tests/harness/stack.ts';
import { accountId, Books } from './bank.ts';
import { BatchBody, PostedCounter } from './batch-bodies.ts';
import { cpuByPart, cpuPerUnit, flushLag, type Lag, lagBuckets, quantileBound, RedisMemory, round } from './measure.ts';

export interface BatchOptions {
  transfers: number;
  accounts: number;
  batchSize: number;
  connections: number;
}

export interface BatchResult extends BatchOptions {
  acceptedPerSecond: number;
  /** From the first request to the last commit in MySQL. */
  persistedPerSecond: number;
  requestP50Ms: number;
  requestP99Ms: number;
  /** Batches that had to be sent again, as not all of them was taken. */
  sentAgain: number;
  lag: Lag;
  /** By the keeper's own histogram, after the commit: the upper bounds of the buckets. */
  keeperLagMs: { p50: number; p99: number };
  redisMemoryMiB: { before: number; after: number; peak: number };
  cpuMicrosPerTransfer: Record<string, number>;
}

const TRIES_MAX = 100;
/** Each look costs the generator as much as some transfers. */
const COMMIT_POLL_MS = 100;
const COMMIT_MS_MAX = 600_000;
const BODIES_PER_CONNECTION = 8;
const MIB = 2 ** 20;

/** Many transfers as fast as they are taken, over a few connections, in batches. */
export async function batchRun(stack: StackFile, options: BatchOptions): Promise<BatchResult> {
  const { transfers, accounts, batchSize, connections } = options;
  await using books = await Books.open(stack.mysql);
  await using memory = new RedisMemory(stack.redis);
  const before = { cursor: await books.cursor(), memory: await memory.used(), lag: await lagBuckets(stack) };
  const run = randomBytes(3).toString('hex');
  const sender = new Sender(stack, connections);
  const requests = Math.ceil(transfers / batchSize);
  const times: number[] = [];
  let next = 0;
  let sentAgain = 0;

  const pick = (): [string, string] => {
    const source = Math.floor(Math.random() * accounts);
    const other = (source + 1 + Math.floor(Math.random() * (accounts - 1))) % accounts;
    return [accountId(source), accountId(other)];
  };
  const work = async (bodies: readonly BatchBody[]) => {
    while (next < requests) {
      const number = next++;
      const body = bodies[number % bodies.length]?.renew(Date.now(), number);
      if (!body) return;
      const sentAt = performance.now();
      for (let attempt = 1; (await sender.send(body)) < batchSize; attempt++) {
        if (attempt === TRIES_MAX) throw new Error(`a batch was not taken: ${sender.lastAnswer}`);
        sentAgain += 1;
        await sleep(100);
      }
      times.push(performance.now() - sentAt);
    }
  };
  const makeBodies = () => Array.from({ length: BODIES_PER_CONNECTION }, () => new BatchBody(batchSize, run, pick));
  const bodies = Array.from({ length: connections }, makeBodies);
  const cpuBefore = cpuByPart(stack);
  const began = performance.now();
  await Promise.all(bodies.map(work));
  const accepted = performance.now();
  const last = before.cursor.seq + requests * batchSize;
  await committed(books, last);
  const persisted = performance.now();
  const cpuAfter = cpuByPart(stack);
  sender.close();

  const count = requests * batchSize;
  times.sort((a, b) => a - b);
  const timeAt = (share: number) => round(times[Math.floor(times.length * share)] ?? Number.NaN, 1);
  const after = { memory: await memory.used(), lag: await lagBuckets(stack) };
  return {
    ...options,
    acceptedPerSecond: round((count / (accepted - began)) * 1000),
    persistedPerSecond: round((count / (persisted - began)) * 1000),
    requestP50Ms: timeAt(0.5),
    requestP99Ms: timeAt(0.99),
    sentAgain,
    lag: await flushLag(books, before.cursor),
    keeperLagMs: {
      p50: 1000 * quantileBound(before.lag, after.lag, 0.5),
      p99: 1000 * quantileBound(before.lag, after.lag, 0.99),
    },
    redisMemoryMiB: {
      before: round(before.memory / MIB),
      after: round(after.memory / MIB),
      peak: round(memory.peak / MIB),
    },
    cpuMicrosPerTransfer: cpuPerUnit(cpuBefore, cpuAfter, count),
  };
}

async function committed(books: Books, seq: number): Promise<void> {
  const deadline = performance.now() + COMMIT_MS_MAX;
  while ((await books.cursor()).seq < seq) {
    if (performance.now() > deadline) throw new Error(`not all was in MySQL after ${COMMIT_MS_MAX / 1000} s`);
    await sleep(COMMIT_POLL_MS);
  }
}

/** Sends bodies over kept-alive connections, and looks at answers no closer than needed. */
class Sender {
  readonly #agent: Agent;
  readonly #urls: URL[];
  readonly #headers: Record<string, string>;
  #turn = 0;
  lastAnswer = '';

  constructor({ api, apiKey }: StackFile, connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#urls = api.map((url) => new URL('/v1/transfers/batch', url));
    this.#headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  }

  /** @returns how many of its transfers are posted by now */
  send(body: Buffer): Promise<number> {
    const url = this.#urls[this.#turn++ % this.#urls.length];
    if (!url) throw new Error('the stack has no API');
    const headers = { ...this.#headers, 'content-length': String(body.length) };
    return new Promise((resolve, reject) => {
      const asked = request(url, { method: 'POST', headers, agent: this.#agent }, (response) => {
        const counter = new PostedCounter();
        const good = response.statusCode === 200;
        response.on('data', (piece: Buffer) => {
          if (good) counter.take(piece);
          else this.lastAnswer = piece.toString('utf8', 0, 500);
        });
        response.on('error', reject);
        response.on('end', () => resolve(counter.posted));
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
