import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { startRedis } from '../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { Mysql } from '../../verification/harness/mysql.ts';
import { cpuMs } from '../../verification/harness/usage.ts';
import { ApplyScript } from '../ceiling/apply-script.ts';
import { BulkInsert } from '../ceiling/bulk-insert.ts';
import { ServerProcess } from '../ceiling/server-process.ts';
import { inTurns, type Runner, ratioFigures } from '../ceiling/turns.ts';
import { wrk } from '../wrk.ts';
import { batch100 } from './batches.ts';
import { apiOf, type Bench, CONNECTIONS, type Found, type Part } from './part.ts';

const ROUNDS = 3;

/** Measures Holdfast and the bare servers in alternating turns, with the same generator. */
export const bare: Part = {
  name: 'bare',
  title: 'single transfers against bare Koa with one EVALSHA, alternating',
  run: (bench) =>
    withRedis(async (url) => {
      await using single = await ServerProcess.start(bench.stack, 'bare-koa.ts', [url, 'single']);
      await using pipelined = await ServerProcess.start(bench.stack, 'bare-koa.ts', [url, 'pipelined']);
      const found = await compared(bench, [
        overHttp('Holdfast', bench, ours(bench)),
        overHttp('bare Koa and EVALSHA', bench, single),
        overHttp('bare Koa and EVALSHA, pipelined per event loop turn', bench, pipelined),
      ]);
      await requireMoved(url);
      return found;
    }),
};

/** Checks that the server has moved money and created none: a ceiling without real work would be meaningless. */
async function requireMoved(url: string): Promise<void> {
  const redis = new Redis(url);
  const [, ids] = await redis.scan(0, 'MATCH', 'load-*', 'COUNT', 100_000);
  const balances = (await redis.mget(ids)).map(Number);
  redis.disconnect();
  if (!balances.some((balance) => balance !== 0) || balances.reduce((sum, balance) => sum + balance, 0) !== 0)
    throw new Error('the bare server has not moved money');
}

/** Transfers per call: from a lone transfer up to the large calls that a pod sends for batches. */
const CALL_SIZES = [1, 10, 30, 100, 500];
const SCRIPT_TRANSFERS_PER_SECOND = 15_000;

export const script: Part = {
  name: 'script',
  title: 'the apply script alone on Redis, by transfers per call',
  run: ({ accounts, turnSeconds }) =>
    withRedis(async (url) => {
      const redis = new Redis(url);
      redis.on('error', () => {});
      const applied = await ApplyScript.prepare(redis, accounts);
      const runners = CALL_SIZES.map((size) => ({
        name: `${size} in a call`,
        // The transfers are packed in advance, at a few hundred bytes each, so memory limits the duration.
        run: async (s: number) => ({
          rate: await applied.run(Math.min(s, 5) * SCRIPT_TRANSFERS_PER_SECOND * Math.min(size, 3), size),
        }),
      }));
      const rates = await inTurns(runners, turnSeconds, ROUNDS);
      redis.disconnect();
      return { figures: Object.fromEntries([...rates].map(([name, rate]) => [`${name}, /s`, rate.rate])) };
    }),
};

const BULK_ROWS_PER_SECOND = 20_000;
const BULK_ROWS_PER_COMMIT = 2000;

export const bulk: Part = {
  name: 'bulk',
  title: 'persisted batches of 100 against a bulk insert of the same rows, alternating',
  async run(bench) {
    await using insert = await BulkInsert.prepare(bench.stack.mysql);
    return await compared(bench, [
      {
        name: 'persisted',
        run: async (seconds) => {
          const { figures } = await batch100.run({ ...bench, seconds });
          return { rate: figures['persisted including catch-up, /s'] ?? Number.NaN };
        },
      },
      {
        name: `bulk insert, ${BULK_ROWS_PER_COMMIT} rows per commit`,
        run: async (seconds) => ({
          rate: await insert.run(Math.min(seconds, 10) * BULK_ROWS_PER_SECOND, BULK_ROWS_PER_COMMIT),
        }),
      },
    ]);
  },
};

export const typeorm: Part = rival('typeorm', 'uniform', 'uniform accounts');
export const typeormHot: Part = rival('typeormhot', 'hot', 'one hot account');

/** The server that a user would write instead of using Holdfast. */
function rival(name: string, where: 'uniform' | 'hot', accountsTitle: string): Part {
  return {
    name,
    title: `single transfers against a TypeORM transaction on MySQL, ${accountsTitle}, alternating`,
    async run(bench) {
      const found = await besideRivals(bench, where);
      await requireRightBooks(bench);
      return found;
    },
  };
}

async function besideRivals(bench: Bench, where: 'uniform' | 'hot'): Promise<Found> {
  const { user, password, host, port, database } = bench.stack.mysql;
  const args = (how: string) => [
    `mysql://${user}:${password}@${host}:${port}/${database}`,
    how,
    String(bench.accounts),
  ];
  await using optimistic = await ServerProcess.start(bench.stack, 'typeorm-koa.ts', args('optimistic'));
  await using locks = await ServerProcess.start(bench.stack, 'typeorm-koa.ts', args('locks'));
  return await compared(bench, [
    overHttp('Holdfast', bench, ours(bench), where),
    overHttp('TypeORM, optimistic', bench, optimistic, where),
    overHttp('TypeORM, row locks', bench, locks, where),
  ]);
}

/**
 * A competitor that loses money does not count. Both variants have used the same tables, which are dropped afterwards.
 */
async function requireRightBooks({ stack }: Bench): Promise<void> {
  using mysql = await Mysql.open(stack.mysql);
  const [row] = await mysql.rows(
    `SELECT SUM(balance) AS sum, SUM(version) AS versions, (SELECT COUNT(*) FROM rival_transfers) AS transfers
     FROM rival_accounts`,
  );
  const [sum, versions, transfers] = ['sum', 'versions', 'transfers'].map((name) => Number(row?.[name]));
  if (sum !== 0 || !transfers || versions !== 2 * transfers)
    throw new Error(`the books of the TypeORM variant are wrong: ${JSON.stringify(row)}`);
  for (const table of ['rival_transfers', 'rival_accounts']) await mysql.rows(`DROP TABLE ${table}`);
}

interface Server {
  url: string;
  pid: number;
}

export function ours({ stack }: Bench): Server {
  const pid = stack.pods.find(({ role }) => role === 'api')?.pid;
  return { url: apiOf(stack), pid: pid ?? Number.NaN };
}

export function overHttp(
  name: string,
  { stack, accounts }: Bench,
  { url, pid }: Server,
  where: 'uniform' | 'hot' = 'uniform',
): Runner {
  return {
    name,
    async run(seconds) {
      const args = [stack.apiKey, String(accounts), randomBytes(3).toString('hex'), where];
      const before = cpuMs(pid);
      const result = await wrk({ script: 'transfers', url, connections: CONNECTIONS, seconds, args });
      const done = result.requests - result.refused;
      return {
        rate: (result.perSecond * done) / result.requests,
        cpuMicros: ((cpuMs(pid) - before) * 1000) / done,
      };
    },
  };
}

async function compared({ turnSeconds }: Bench, runners: readonly Runner[]): Promise<Found> {
  const rates = await inTurns(runners, turnSeconds, ROUNDS);
  return { figures: { '/s': [...rates.values()][0]?.rate ?? Number.NaN, ...ratioFigures(rates) } };
}

/** A separate Redis, as durable as the stack's. */
async function withRedis(work: (url: string) => Promise<Found>): Promise<Found> {
  const dir = temporaryFolder();
  const server = await startRedis({ dir });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
