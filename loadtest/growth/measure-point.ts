import { Redis } from 'ioredis';
import { Client } from '../../verification/harness/client.ts';
import type { StackFile } from '../../verification/harness/stack.ts';
import { accountId } from '../bank.ts';
import { round } from '../measure.ts';
import { single } from '../parts/transfers.ts';
import type { Point } from './points.ts';

const IDS_PER_REQUEST = 1000;
/**
 * The default maximum number of accounts in Redis. With more accounts, a transfer may have to load its accounts first.
 */
const CACHED_MAX = 1_000_000;
const WARM_UP_SECONDS = 3;
const SAMPLES = 1000;

export interface Measured extends Point {
  at: string;
  figures: Record<string, number>;
}

/** Loads as many accounts into Redis as fit, then posts single transfers between any of the accounts. */
export async function measurePoint(stack: StackFile, point: Point, seconds: number): Promise<Measured> {
  const broughtPerSecond = await bring(stack, Math.min(point.accounts, CACHED_MAX));
  const options = { stack, accounts: point.accounts, turnSeconds: 1 };
  await single.run({ ...options, seconds: WARM_UP_SECONDS });
  const { figures } = await single.run({ ...options, seconds });
  return {
    ...point,
    at: new Date().toISOString(),
    figures: { ...figures, 'accounts loaded into Redis, /s': broughtPerSecond, ...(await memory(stack)) },
  };
}

async function bring(stack: StackFile, accounts: number): Promise<number> {
  using client = new Client(() => stack.api, stack.apiKey, { timeoutMs: 60_000 });
  const began = performance.now();
  for (let from = 0; from < accounts; from += IDS_PER_REQUEST) {
    const count = Math.min(IDS_PER_REQUEST, accounts - from);
    const accountIds = Array.from({ length: count }, (_, index) => accountId(from + index));
    const { status, body } = await client.post('/v1/balances/query', { accountIds });
    if (status !== 200) throw new Error(`balances: ${JSON.stringify(body).slice(0, 300)}`);
  }
  return round(accounts / ((performance.now() - began) / 1000));
}

/** The memory of the hash with all accounts, and of the hashes with the ids that Redis remembers. */
async function memory({ redis: { host, port } }: StackFile): Promise<Record<string, number>> {
  const redis = new Redis({ host, port });
  const sums = { accounts: { bytes: 0, fields: 0 }, ids: { bytes: 0, fields: 0 } };
  for await (const keys of redis.scanStream({ type: 'hash' })) {
    for (const key of keys as string[]) {
      const sum = /:accounts$/.test(key) ? sums.accounts : /:ids?:/.test(key) ? sums.ids : null;
      if (sum === null) continue;
      sum.fields += await redis.hlen(key);
      sum.bytes += (await redis.memory('USAGE', key, 'SAMPLES', SAMPLES)) ?? 0;
    }
  }
  redis.disconnect();
  return {
    'accounts in Redis': sums.accounts.fields,
    'Redis memory per cached account, bytes': round(sums.accounts.bytes / sums.accounts.fields),
    'ids in the window': sums.ids.fields,
    'Redis memory per id, bytes': round(sums.ids.bytes / sums.ids.fields),
  };
}
