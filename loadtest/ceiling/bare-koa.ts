/**
 * The bare ceiling: Koa and one EVALSHA that moves money between two numbers. No validation, ids, journal, flush, fence
 * or overdraft; what remains is HTTP, JSON, Redis and its fsync.
 *
 *   node bare-koa.ts <redis url> <single | pipelined>
 */
import { Redis } from 'ioredis';
import { serve } from './server.ts';

const MOVE = "return { redis.call('DECRBY', KEYS[1], ARGV[1]), redis.call('INCRBY', KEYS[2], ARGV[1]) }";

const [, , url = '', how] = process.argv;
const redis = new Redis(url, { enableAutoPipelining: how === 'pipelined' });
const sha = String(await redis.script('LOAD', MOVE));

serve(async ({ sourceAccount, destinationAccount, amount }) => {
  const minor = Math.round(Number(amount) * 100);
  const [sourceBalance, destinationBalance] = (await redis.evalsha(
    sha,
    2,
    sourceAccount,
    destinationAccount,
    minor,
  )) as [number, number];
  return { status: 'POSTED', sourceBalance, destinationBalance };
});
