import type { StackFile } from '../verification/harness/stack.ts';
import { memoryBytes } from '../verification/harness/usage.ts';
import { cpuByPart, cpuPerUnit, RedisMemory, round } from './measure.ts';
import { gained, type Look, look, quantileGained } from './scrape.ts';

/** One second of a run, as seen by the pods and the keeper. */
export interface Second {
  /** Seconds since the start of the watch. */
  atS: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  lagP50Ms: number;
  lagP99Ms: number;
}

export interface Seen {
  figures: Record<string, number>;
  seconds: Second[];
}

const EVERY_MS = 1000;
const MIB = 2 ** 20;
const HTTP = 'holdfast_http_request_duration_seconds';
const LAG = 'holdfast_flush_lag_seconds';
const LOOP = 'nodejs_eventloop_lag_p99_seconds';

/** Samples a stack once a second during a run. A sample reads two pages of text and costs a few milliseconds of CPU. */
export class Watch {
  readonly #stack: StackFile;
  readonly #memory: RedisMemory;
  readonly #cpu: Record<string, number>;
  readonly #seconds: Second[] = [];
  readonly #loopP99Ms: number[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #first: Looks;
  readonly #rssBefore: number;
  #rssMost: number;
  #before: number;
  #last: Looks;
  #looking: Promise<void> = Promise.resolve();

  private constructor(stack: StackFile, memory: RedisMemory, before: number, first: Looks) {
    this.#stack = stack;
    this.#memory = memory;
    this.#before = before;
    this.#first = first;
    this.#last = first;
    this.#rssBefore = apiRss(stack);
    this.#rssMost = this.#rssBefore;
    this.#cpu = cpuByPart(stack);
    this.#timer = setInterval(() => {
      this.#looking = this.#look().catch(() => {});
    }, EVERY_MS);
  }

  static async begin(stack: StackFile): Promise<Watch> {
    const memory = new RedisMemory(stack.redis);
    return new Watch(stack, memory, await memory.used(), await looks(stack));
  }

  async #look(): Promise<void> {
    const [before, now] = [this.#last, await looks(this.#stack)];
    this.#last = now;
    this.#rssMost = Math.max(this.#rssMost, apiRss(this.#stack));
    this.#loopP99Ms.push(1000 * (now.api.get(LOOP) ?? 0));
    const ms = (role: 'api' | 'keeper', histogram: string, share: number) =>
      round(1000 * quantileGained(before[role], now[role], histogram, share), 2);
    this.#seconds.push({
      atS: round((now.atMs - this.#first.atMs) / 1000, 1),
      perSecond: round((gained(before.api, now.api, `${HTTP}_count`) / (now.atMs - before.atMs)) * 1000),
      p50Ms: ms('api', HTTP, 0.5),
      p99Ms: ms('api', HTTP, 0.99),
      lagP50Ms: ms('keeper', LAG, 0.5),
      lagP99Ms: ms('keeper', LAG, 0.99),
    });
  }

  /** @param units of work by which the CPU time is divided */
  async end(units: number): Promise<Seen> {
    clearInterval(this.#timer);
    const cpu = cpuPerUnit(this.#cpu, cpuByPart(this.#stack), units);
    await this.#looking;
    const last = await looks(this.#stack);
    const after = await this.#memory.used();
    await this.#memory[Symbol.asyncDispose]();
    const spanS = (last.atMs - this.#first.atMs) / 1000;
    const gcS = (role: 'api' | 'keeper') => gained(this.#first[role], last[role], 'nodejs_gc_duration_seconds_sum');
    const calls = gained(this.#first.api, last.api, 'holdfast_apply_batch_size_count');
    const inCalls = gained(this.#first.api, last.api, 'holdfast_apply_batch_size_sum');
    const loop = this.#loopP99Ms.sort((a, b) => a - b);
    return {
      figures: {
        ...Object.fromEntries(Object.entries(cpu).map(([part, micros]) => [`cpu ${part}, µs`, micros])),
        'transfers in a script call': round(inCalls / Math.max(calls, 1), 1),
        'event loop delay p99, median of all seconds, ms': round(loop[loop.length >> 1] ?? Number.NaN, 1),
        'event loop delay p99, worst second, ms': round(loop.at(-1) ?? Number.NaN, 1),
        'GC of the API pods, %': round((100 * gcS('api')) / spanS, 1),
        'GC of the keeper, %': round((100 * gcS('keeper')) / spanS, 1),
        'API pods before, MiB': round(this.#rssBefore / MIB),
        'API pods maximum, MiB': round(this.#rssMost / MIB),
        'API pods after, MiB': round(apiRss(this.#stack) / MIB),
        'Redis before, MiB': round(this.#before / MIB),
        'Redis maximum, MiB': round(this.#memory.peak / MIB),
        'Redis after, MiB': round(after / MIB),
      },
      seconds: this.#seconds,
    };
  }
}

interface Looks {
  atMs: number;
  api: Look;
  keeper: Look;
}

async function looks(stack: StackFile): Promise<Looks> {
  const [api, keeper] = await Promise.all([look(stack, 'api'), look(stack, 'keeper')]);
  return { atMs: performance.now(), api, keeper };
}

/** Memory of the API pods as counted by the kernel, bytes. */
function apiRss({ pods }: StackFile): number {
  let sum = 0;
  for (const { role, pid } of pods) {
    if (role !== 'api' || pid === null) continue;
    sum += memoryBytes(pid);
  }
  return sum;
}
