import { newUuidV7 } from '../../app/domain/ids.ts';
import { Client } from '../../verification/harness/client.ts';
import type { StackFile } from '../../verification/harness/stack.ts';
import { mysqlsOf } from '../../verification/harness/system.ts';
import { now } from '../../verification/harness/time.ts';
import * as ledger from '../../verification/load/ledger.ts';
import { untilClosed } from '../../verification/load/shard-books.ts';
import { nameInShard } from '../../verification/load/shard-population.ts';
import { cpuByPart } from '../measure.ts';
import { latencies, paced } from '../paced.ts';

const ACCOUNTS_PER_SHARD = 300;
const OVERDRAFT = 1_000_000_000;
const CONNECTIONS = 512;

export type Path = 'inside a shard' | 'between two shards';
/** Figures by name. */
export type Turn = Record<string, number>;

/** Opens accounts in each shard. @returns their ids, by shard */
export async function openShardAccounts(stack: StackFile, shards: number): Promise<string[][]> {
  using client = new Client(() => stack.api, stack.apiKey);
  const towns = Array.from({ length: shards }, (_, shard) =>
    Array.from({ length: ACCOUNTS_PER_SHARD }, (_, index) => `load-${index}@${nameInShard(shard, shards)}`),
  );
  const accounts = towns
    .flat()
    .map((accountId) => ({ accountId, currency: 'EUR', overdraftLimit: OVERDRAFT, external: false }));
  await ledger.openAccounts(client, accounts);
  await ledger.balancesOf(client, accounts);
  return towns;
}

/** Waits until everything is in MySQL and every transfer between shards has ended. @returns CPU times so far, ms */
export async function untilIdle(stack: StackFile): Promise<{ cpu: Record<string, number> }> {
  using client = new Client(() => stack.api, stack.apiKey);
  await untilClosed(mysqlsOf(stack));
  await ledger.untilFlushed(client);
  return { cpu: cpuByPart(stack) };
}

interface TurnOptions {
  stack: StackFile;
  towns: readonly (readonly string[])[];
  path: Path;
  perSecond: number;
  seconds: number;
  /** CPU time of each part per second without requests, ms, which is subtracted. */
  idle: Readonly<Record<string, number>>;
}

/** Sends transfers of one kind at a fixed rate. @throws Error if one of them is not posted */
export async function turn({ stack, towns, path, perSecond, seconds, idle }: TurnOptions): Promise<Turn> {
  const [url = ''] = stack.api;
  const before = await untilIdle(stack);
  const since = now();
  const answers = await paced({
    url,
    perSecond,
    seconds,
    connections: CONNECTIONS,
    request: requests(stack, towns, path),
  });
  const { answered, figures } = latencies(answers, (status) => status === 201);
  if (answered !== perSecond * seconds) throw new Error(`${answered} of ${perSecond * seconds} transfers were posted`);
  const after = await untilIdle(stack);
  const passed = (now() - since) / 1000;
  const cpu = Object.entries(after.cpu).map(([part, ms]) => {
    const own = ms - (before.cpu[part] ?? 0) - passed * (idle[part] ?? 0);
    return [`${part}, µs per transfer`, (1000 * own) / answered] as const;
  });
  const { 'p50, ms': p50 = Number.NaN, 'p99, ms': p99 = Number.NaN } = figures;
  return { ...Object.fromEntries(cpu), 'p50, ms': p50, 'p99, ms': p99 };
}

function requests(stack: StackFile, towns: TurnOptions['towns'], path: Path): () => Buffer {
  const { host } = new URL(stack.api[0] ?? '');
  const head = `POST /v1/transfers HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${stack.apiKey}\r\nContent-Type: application/json\r\nContent-Length: `;
  const random = (below: number): number => Math.floor(Math.random() * below);
  return () => {
    const from = random(towns.length);
    const to = path === 'inside a shard' ? from : (from + 1 + random(towns.length - 1)) % towns.length;
    const source = random(ACCOUNTS_PER_SHARD);
    const destination = (source + 1 + random(ACCOUNTS_PER_SHARD - 1)) % ACCOUNTS_PER_SHARD;
    const body = JSON.stringify({
      transactionId: newUuidV7(Date.now()),
      sourceAccount: towns[from]?.[source],
      destinationAccount: towns[to]?.[destination],
      amount: '0.01',
      currency: 'EUR',
    });
    return Buffer.from(`${head}${body.length}\r\n\r\n${body}`, 'latin1');
  };
}
