import type { Cluster } from '../../../../verification/harness/cluster.ts';
import { sleep } from '../../../../verification/harness/time.ts';
import { Holdfast } from '../../src/client.ts';
import type { TransferItem } from '../../src/resources/transfer-batches.ts';
import type { TransferOutcome } from '../../src/resources/transfers.ts';
import type { TransferRequest } from '../../src/types.ts';
import { type Comparison, compare, type Reported } from './books.ts';

export interface KillPlan {
  transfers: number;
  /** The time between one fault and the next, ms. */
  pauseMs: number;
  log?: (line: string) => void;
}

export interface Result {
  counts: Record<string, number>;
  /** Transfers that needed more than one attempt. */
  repeated: number;
  /** How many calls ended without a known outcome, so that the transfer was passed to the client again. */
  unknown: number;
  faults: string[];
  seconds: number;
  comparison: Comparison;
}

const ACCOUNTS = 200;
const FUNDS_CENTS = 100_000;
const SINGLE_WORKERS = 8;
/** One transfer in this many is sent on its own, the others in batches. */
const SINGLE_EVERY = 10;
const BATCHES_TOGETHER = 3;
const CENTS_MAX = 500;
const accountOf = (number: number): string => `k-${number}`;
const euros = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;

/** A client that reaches the cluster as if through a load balancer: attempts go to the pods in turn. */
function clientOf(cluster: Cluster): Holdfast {
  let next = 0;
  const balanced: typeof fetch = (input, init) => {
    const { pathname, search } = new URL(String(input));
    const address = cluster.addresses[next++ % cluster.addresses.length];
    return fetch(address + pathname + search, init);
  };
  return new Holdfast({
    url: 'http://ledger.invalid',
    apiKey: cluster.file.apiKey,
    fetch: balanced,
    deadlineMs: 120_000,
    // Short enough that the client abandons some attempts that are in fact carried out.
    attemptTimeoutMs: 3_000,
  });
}

/**
 * The `number`th transfer: reproducible, between varying accounts, and sometimes for more than the source has. Every
 * other transfer takes back the amount of the one before it, so that accounts do not run out of money.
 */
function transferOf(number: number): TransferRequest & { reference: string } {
  const pair = Math.floor(number / 2);
  const one = (pair * 7919) % ACCOUNTS;
  const other = (one + 1 + ((pair * 104_729) % (ACCOUNTS - 1))) % ACCOUNTS;
  const isBack = number % 2 === 1;
  const cents = number % 50 === 0 ? 100 * FUNDS_CENTS : 1 + ((pair * 31) % CENTS_MAX);
  return {
    sourceAccount: accountOf(isBack ? other : one),
    destinationAccount: accountOf(isBack ? one : other),
    amount: euros(cents),
    currency: 'EUR',
    reference: String(number),
  };
}

/** Makes transfers while pods and Redis are killed in turn, and compares every outcome with the books. */
export async function throughKills(cluster: Cluster, plan: KillPlan): Promise<Result> {
  const holdfast = clientOf(cluster);
  const reports = new Map<string, Reported>();
  const result = { counts: {} as Record<string, number>, repeated: 0, unknown: 0 };

  const report = async (one: TransferOutcome | Omit<TransferItem, 'index'>) => {
    let { outcome, request, attempts } = one;
    if (attempts > 1) result.repeated++;
    while (outcome === 'unknown' || outcome === 'pending') {
      result.unknown++;
      ({ outcome, request, attempts } = await holdfast.transfers.create(request));
    }
    result.counts[outcome] = (result.counts[outcome] ?? 0) + 1;
    const { sourceAccount: source, destinationAccount: destination, amount } = request;
    reports.set(request.transactionId, { outcome, source, destination, cents: Math.round(Number(amount) * 100) });
  };

  await openAccounts(holdfast);
  for await (const item of holdfast.transfers.createMany(funding())) await report(item);

  const since = performance.now();
  const done = new AbortController();
  const faults = injectFaults(cluster, plan, done.signal);
  const single = numbers(plan.transfers, (number) => number % SINGLE_EVERY === 0);
  const worker = async () => {
    for (const number of single) {
      const request = { ...transferOf(number), transactionId: holdfast.newId() };
      const failed = (error: Error) => ({ outcome: 'failed' as const, error, request, attempts: 1 });
      await report(await holdfast.transfers.create(request).catch(failed));
    }
  };
  const batches = async () => {
    const others = numbers(plan.transfers, (number) => number % SINGLE_EVERY !== 0);
    const requests = (function* () {
      for (const number of others) yield transferOf(number);
    })();
    for await (const item of holdfast.transfers.createMany(requests, { concurrency: BATCHES_TOGETHER }))
      await report(item);
  };
  let injected: string[];
  try {
    await Promise.all([batches(), ...Array.from({ length: SINGLE_WORKERS }, worker)]);
  } finally {
    done.abort();
    injected = await faults;
  }
  const seconds = (performance.now() - since) / 1000;
  await cluster.untilBack();
  return { ...result, faults: injected, seconds, comparison: await compare(cluster, holdfast, reports) };
}

function* numbers(count: number, isWanted: (number: number) => boolean): Generator<number> {
  for (let number = 1; number <= count; number++) if (isWanted(number)) yield number;
}

async function openAccounts(holdfast: Holdfast): Promise<void> {
  await holdfast.accounts.open({ accountId: 'world', currency: 'EUR', external: true });
  for (let number = 0; number < ACCOUNTS; number++)
    await holdfast.accounts.open({ accountId: accountOf(number), currency: 'EUR' });
}

function* funding(): Generator<TransferRequest> {
  for (let number = 0; number < ACCOUNTS; number++)
    yield {
      sourceAccount: 'world',
      destinationAccount: accountOf(number),
      amount: euros(FUNDS_CENTS),
      currency: 'EUR',
    };
}

/** Kills a pod, kills Redis, and freezes a pod, in turn, until it is aborted. */
async function injectFaults(cluster: Cluster, { pauseMs, log }: KillPlan, signal: AbortSignal): Promise<string[]> {
  const injected: string[] = [];
  const note = (fault: string) => {
    injected.push(fault);
    log?.(fault);
  };
  for (let turn = 0; !signal.aborted; turn++) {
    const pod = cluster.pod(turn % cluster.pods.length);
    switch (turn % 3) {
      case 0:
        note(`${pod.name} killed`);
        await pod.kill();
        await pod.start();
        break;
      case 1:
        note('Redis killed');
        await cluster.redis.kill();
        await sleep(pauseMs / 4);
        await cluster.redis.start();
        break;
      default:
        note(`${pod.name} frozen`);
        pod.freeze();
        await sleep(pauseMs);
        pod.wake();
    }
    await cluster.untilBack();
    for (let waitedMs = 0; waitedMs < pauseMs && !signal.aborted; waitedMs += 100) await sleep(100);
  }
  return injected;
}
