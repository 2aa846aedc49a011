import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mysql } from '../../verification/harness/mysql.ts';
import { flushCursor } from '../bank.ts';
import { flushLag, round } from '../measure.ts';
import { Watch } from '../watch.ts';
import { type WrkResult, wrk } from '../wrk.ts';
import { apiOf, type Bench, CONNECTIONS, type Found, type Part } from './part.ts';

const LOOK_EVERY_MS = 20;
const DRAIN_MS_MAX = 300_000;

/** `hot`: one account is a side of every transfer, alternately the source and the destination. */
function singles(name: string, title: string, where: 'uniform' | 'hot'): Part {
  return { name, title, run: (bench) => run(bench, where) };
}

export const single = singles('single', 'single transfers, uniform accounts', 'uniform');
export const hot = singles('hot', 'single transfers, all on one hot account', 'hot');

async function run({ stack, accounts, seconds }: Bench, where: string): Promise<Found> {
  using mysql = await Mysql.open(stack.mysql);
  const before = await flushCursor(mysql);
  const watch = await Watch.begin(stack);
  const began = performance.now();
  const args = [stack.apiKey, String(accounts), randomBytes(3).toString('hex'), where];
  const result = await wrk({ script: 'transfers', url: apiOf(stack), connections: CONNECTIONS, seconds, args });
  const posted = result.requests - result.refused;
  const runS = (performance.now() - began) / 1000;
  await caughtUp(mysql, before, posted);
  const catchUpS = (performance.now() - began) / 1000 - runS;
  const { figures, seconds: timeline } = await watch.end(posted);
  const lag = await flushLag(mysql, before);
  return {
    figures: {
      ...wrkFigures(result),
      'persisted including catch-up, /s': round(posted / (runS + catchUpS)),
      'catch-up, s': round(catchUpS, 2),
      'flush lag p50, ms': lag.p50Ms,
      'flush lag p99, ms': lag.p99Ms,
      'flush lag max, ms': lag.maxMs,
      ...figures,
    },
    seconds: timeline,
  };
}

export function wrkFigures(result: WrkResult): Record<string, number> {
  const { perSecond, p50Ms, p95Ms, p99Ms, maxMs, requests, refused, broken, timeouts } = result;
  return {
    '/s': perSecond,
    'p50, ms': p50Ms,
    'p95, ms': p95Ms,
    'p99, ms': p99Ms,
    'max, ms': maxMs,
    requests,
    refused,
    'failed or timed out': broken + timeouts,
  };
}

interface Cursor {
  epoch: number;
  seq: number;
}

/**
 * Waits until MySQL has `posted` more outcomes than at the given cursor. If a new epoch has begun since then, all its
 * outcomes count.
 */
export async function caughtUp(mysql: Mysql, { epoch, seq }: Cursor, posted: number): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX;
  for (;;) {
    const now = await flushCursor(mysql);
    if (now.seq >= posted + (now.epoch === epoch ? seq : 0)) return;
    if (performance.now() > deadline) throw new Error(`not everything was in MySQL after ${DRAIN_MS_MAX / 1000} s`);
    await sleep(LOOK_EVERY_MS);
  }
}
