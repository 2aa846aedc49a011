/**
 * Compares the costs of different kinds of requests: CPU time of each part of a stack, and latencies, in alternating
 * turns.
 */

import { Client } from '../verification/harness/client.ts';
import { median } from '../verification/harness/command.ts';
import type { StackFile } from '../verification/harness/stack.ts';
import { mysqlsOf } from '../verification/harness/system.ts';
import { now, sleep } from '../verification/harness/time.ts';
import * as ledger from '../verification/load/ledger.ts';
import { untilClosed } from '../verification/load/shard-books.ts';
import { commit, cpuByPart, machine, quantile, round } from './measure.ts';
import { closedLoop, latencies, type Plan, paced } from './paced.ts';

const CONNECTIONS = 512;
/** More connections would only wait, or be refused. */
const SATURATING_CONNECTIONS = 200;
const OVERDRAFT = 1_000_000_000;
const WARM_UP_SECONDS = 5;
const IDLE_SECONDS = 10;

export interface Kind {
  name: string;
  /** The bytes of the next request, which must be answered with `status`. */
  request(): Buffer;
  status: number;
}

export interface Turns {
  /** The kinds of a group run in this order; the order of the groups alternates. */
  groups: readonly (readonly Kind[])[];
  /** Null: as many as possible. */
  perSecond: number | null;
  seconds: number;
  rounds: number;
}

/** Figures by name. */
export type Turn = Record<string, number>;

/** Opens accounts that can always pay. */
export async function openPayers(stack: StackFile, accountIds: readonly string[]): Promise<void> {
  using client = new Client(() => stack.api, stack.apiKey);
  const accounts = accountIds.map((accountId) => ({
    ...{ accountId, currency: 'EUR', overdraftLimit: OVERDRAFT, external: false },
  }));
  await ledger.openAccounts(client, accounts);
  await ledger.balancesOf(client, accounts);
}

/** @returns the bytes of a POST request */
export function post({ api, apiKey }: StackFile, path: string, content: object): Buffer {
  const { host } = new URL(api[0] ?? '');
  const body = JSON.stringify(content);
  const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: application/json`;
  return Buffer.from(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1');
}

/** Runs all turns. @returns the medians of each kind, by its name. @throws Error if a response is unexpected */
export async function medianTurns(stack: StackFile, turns: Turns): Promise<Map<string, Turn>> {
  const { groups, seconds, rounds } = turns;
  const found = new Map<string, Turn[]>(groups.flat().map(({ name }) => [name, []]));
  for (const kind of groups.flat()) await turn(stack, kind, { ...turns, seconds: WARM_UP_SECONDS, idle: {} });
  const idle = await idleCost(stack);
  for (let number = 0; number < rounds; number++) {
    const order = number % 2 === 0 ? groups : groups.toReversed();
    for (const kind of order.flat()) {
      const figures = await turn(stack, kind, { ...turns, seconds, idle });
      found.get(kind.name)?.push(figures);
      console.log(`round ${number + 1}, ${kind.name}: ${JSON.stringify(figures)}`);
    }
  }
  return new Map([...found].map(([name, all]) => [name, medians(all)]));
}

/** Prints a table with a column per kind. */
export function printTurns(found: ReadonlyMap<string, Turn>, { perSecond, seconds, rounds }: Turns): void {
  console.log(
    `\n${machine()}, commit ${commit()}, ${perSecond === null ? 'saturated' : `${perSecond}/s`}, medians of ${rounds} turns of ${seconds} s\n`,
  );
  const columns = [...found];
  const names = Object.keys(columns[0]?.[1] ?? {});
  const rows = names.map((name) => [name, ...columns.map(([, figures]) => round(figures[name] ?? Number.NaN, 1))]);
  const head = ['', ...columns.map(([name]) => name)];
  for (const cells of [head, head.map(() => '---'), ...rows]) console.log(`| ${cells.join(' | ')} |`);
}

/** CPU time of each part per second without requests, ms. */
async function idleCost(stack: StackFile): Promise<Record<string, number>> {
  const before = await untilIdle(stack);
  const since = now();
  await sleep(IDLE_SECONDS * 1000);
  const after = await untilIdle(stack);
  const passed = (now() - since) / 1000;
  return Object.fromEntries(Object.entries(after).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / passed]));
}

/** Waits until everything is in MySQL and every transfer between shards has ended. @returns CPU times so far, ms */
async function untilIdle(stack: StackFile): Promise<Record<string, number>> {
  using client = new Client(() => stack.api, stack.apiKey);
  await untilClosed(mysqlsOf(stack));
  await ledger.untilFlushed(client);
  return cpuByPart(stack);
}

interface TurnOptions {
  perSecond: number | null;
  seconds: number;
  /** CPU time of each part per second without requests, ms; it is subtracted. */
  idle: Readonly<Record<string, number>>;
}

async function turn(stack: StackFile, kind: Kind, { perSecond, seconds, idle }: TurnOptions): Promise<Turn> {
  const before = await untilIdle(stack);
  const since = now();
  const load = { url: stack.api[0] ?? '', seconds, request: () => kind.request() };
  const { answered, figures } =
    perSecond === null ? await saturated(kind, load) : await steady(kind, { ...load, perSecond });
  const after = await untilIdle(stack);
  const passed = (now() - since) / 1000;
  const cpu = Object.entries(after).map(([part, ms]) => {
    const own = ms - (before[part] ?? 0) - passed * (idle[part] ?? 0);
    return [`${part}, µs per request`, (1000 * own) / answered] as const;
  });
  return { ...Object.fromEntries(cpu), ...figures };
}

type Load = Omit<Plan, 'perSecond' | 'connections'>;

async function steady({ name, status }: Kind, load: Load & Pick<Plan, 'perSecond'>) {
  const answers = await paced({ ...load, connections: CONNECTIONS });
  const { answered, figures } = latencies(answers, (answer) => answer === status);
  const sent = load.perSecond * load.seconds;
  if (answered !== sent) throw new Error(`${name}: ${answered} of ${sent} requests were answered with ${status}`);
  const { 'p50, ms': p50 = Number.NaN, 'p99, ms': p99 = Number.NaN } = figures;
  return { answered, figures: { 'p50, ms': p50, 'p99, ms': p99 } };
}

async function saturated({ name, status }: Kind, load: Load) {
  const { statuses, latencyMs, ms } = await closedLoop({ ...load, connections: SATURATING_CONNECTIONS });
  const others = statuses.filter((answer) => answer !== status);
  if (others.length > 0)
    throw new Error(`${name}: ${others.length} were answered with ${[...new Set(others)].join(', ')}`);
  const at = (share: number) => round(quantile(latencyMs, share), 1);
  const perSecond = round((1000 * statuses.length) / ms);
  return { answered: statuses.length, figures: { 'per second': perSecond, 'p50, ms': at(0.5), 'p99, ms': at(0.99) } };
}

function medians(all: readonly Turn[]): Turn {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(all.map((one) => one[name] ?? Number.NaN))]));
}
