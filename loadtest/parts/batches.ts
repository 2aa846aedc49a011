import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mysql } from '../../verification/harness/mysql.ts';
import { accountId, flushCursor } from '../bank.ts';
import { flushLag, round } from '../measure.ts';
import { Watch } from '../watch.ts';
import { BatchBody } from './batch-bodies.ts';
import { BatchSender } from './batch-sender.ts';
import type { Bench, Found, Part } from './part.ts';
import { caughtUp } from './transfers.ts';

const CONNECTIONS = 8;
const BODIES_PER_CONNECTION = 8;
const TRIES_MAX = 600;
const TRY_AGAIN_MS = 100;

export const batch100 = batches('batch100', 100);
export const batch500 = batches('batch500', 500);

/** Sends batches as fast as they are accepted, over a few connections. */
function batches(name: string, size: number): Part {
  return { name, title: `batches of ${size}, uniform accounts`, run: (bench) => run(bench, size) };
}

async function run({ stack, accounts, seconds }: Bench, size: number): Promise<Found> {
  using mysql = await Mysql.open(stack.mysql);
  const before = await flushCursor(mysql);
  const sender = new BatchSender(stack, CONNECTIONS);
  const run = randomBytes(3).toString('hex');
  const makeBodies = () =>
    Array.from({ length: BODIES_PER_CONNECTION }, () => new BatchBody(size, run, pickOf(accounts)));
  const lanes = Array.from({ length: CONNECTIONS }, makeBodies);
  const times: number[] = [];
  let [number, posted, sentAgain] = [0, 0, 0];

  const watch = await Watch.begin(stack);
  const began = performance.now();
  const until = began + seconds * 1000;
  const work = async (bodies: readonly BatchBody[]) => {
    while (performance.now() < until) {
      number += 1;
      const body = bodies[number % bodies.length]?.renew(Date.now(), number);
      if (!body) return;
      const sentAt = performance.now();
      for (let attempt = 1; (await sender.send(body)) < size; attempt++) {
        if (attempt === TRIES_MAX) throw new Error(`a batch was not accepted: ${sender.lastAnswer}`);
        sentAgain += 1;
        await sleep(TRY_AGAIN_MS);
      }
      times.push(performance.now() - sentAt);
      posted += size;
    }
  };
  await Promise.all(lanes.map(work));
  const runS = (performance.now() - began) / 1000;
  sender.close();
  await caughtUp(mysql, before, posted);
  const catchUpS = (performance.now() - began) / 1000 - runS;
  const seen = await watch.end(posted);
  const lag = await flushLag(mysql, before);

  times.sort((a, b) => a - b);
  const timeAt = (share: number) => round(times[Math.floor(times.length * share)] ?? Number.NaN, 1);
  return {
    figures: {
      '/s': round(posted / runS),
      'persisted including catch-up, /s': round(posted / (runS + catchUpS)),
      'catch-up, s': round(catchUpS, 2),
      'p50, ms': timeAt(0.5),
      'p95, ms': timeAt(0.95),
      'p99, ms': timeAt(0.99),
      'sent again': sentAgain,
      'flush lag p50, ms': lag.p50Ms,
      'flush lag p99, ms': lag.p99Ms,
      'flush lag max, ms': lag.maxMs,
      ...seen.figures,
    },
    seconds: seen.seconds,
  };
}

const pickOf = (accounts: number) => (): [string, string] => {
  const source = Math.floor(Math.random() * accounts);
  const other = (source + 1 + Math.floor(Math.random() * (accounts - 1))) % accounts;
  return [accountId(source), accountId(other)];
};
