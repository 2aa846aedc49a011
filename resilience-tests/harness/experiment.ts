import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { check, type Verdict } from '../checker/check.ts';
import { fateOf, type History } from '../checker/history.ts';
import { fieldsOf, majorUnits } from './answers.ts';
import { readFinalState } from './books.ts';
import { Client, silence } from './client.ts';
import type { Ground, Hypothesis } from './hypothesis.ts';
import { Load, STEADY_LOAD } from './load.ts';
import { type Population, smallTown } from './population.ts';
import { Recorder } from './recorder.ts';
import { now, sleep, until } from './time.ts';

export interface Result extends Verdict {
  name: string;
  expectation: string;
  short: boolean;
  requests: number;
  readsFailed: number;
  /** The longest time without a posted transfer while the load ran, and what was expected at most, ms. */
  pauseMs: number;
  pauseMsMax: number;
  /** What the service's own reconciliation found. */
  reconciled: boolean;
  notes: string[];
  seconds: number;
  /** All of it: valid, reconciled, and no longer away than expected. */
  passed: boolean;
}

const RESOLVE_MS_MAX = 60_000;
const RETRIES_AT_ONCE = 16;
const UNRESOLVED_TOLD_MAX = 5;
const RECONCILIATION_MS_MAX = 300_000;
const FLUSH_MS_MAX = 60_000;
const ACCOUNTS_PER_REQUEST = 1000;
const REQUESTS_AT_ONCE = 4;

/** Steady state, fault, recovery, verdict. */
export async function experiment<G extends Ground>(
  hypothesis: Hypothesis<G>,
  ground: G,
  short: boolean,
): Promise<Result> {
  const { name, expectation, pauseMsMax } = hypothesis;
  const since = now();
  const { api, apiKey } = ground.stack.file;
  using client = new Client(() => api, apiKey);
  const prefix = `${name}-${randomBytes(3).toString('hex')}:`;
  const population = hypothesis.population?.(prefix, short) ?? smallTown(prefix);
  const recorder = new Recorder();
  const load = new Load(client, recorder, population);
  const notes: string[] = [];
  await openAccounts(client, population);
  await load.openings();

  const { before, after } = hypothesis.seconds[short ? 'short' : 'full'];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every worker waits for it
  const began = now();
  const running = load.run({ ...STEADY_LOAD, ...hypothesis.load }, stop.signal);
  const retrying = retryUnknown(load, recorder, stop.signal);
  try {
    await sleep(before * 1000);
    await hypothesis.fault({ ground, short, note: (text) => notes.push(text) });
    await sleep(after * 1000);
  } finally {
    stop.abort();
  }
  const ended = now();
  await Promise.all([running, retrying]);
  await resolveAll(load, recorder);
  await flushed(client, ground);
  const final = await readFinalState(ground.stack.file.mysql, client, prefix, population.accounts);
  const history = recorder.history(population.accounts);
  const verdict = check(history, final);
  const reconciled = await reconcile(api, apiKey, notes);
  notes.push(`failed: ${refusalsIn(history)}`);
  for (const { transactionId, attempts } of recorder.unresolved().slice(0, UNRESOLVED_TOLD_MAX)) {
    notes.push(`unknown: ${transactionId} ${JSON.stringify(attempts.slice(-3))}`);
  }
  const pauseMs = recorder.longestPauseMs(began, ended);
  const passed = verdict.verdict === 'valid' && reconciled && pauseMs <= pauseMsMax;
  if (!passed) ground.stack.keep = true;
  const { requests, readsFailed } = recorder;
  const counted = { requests, readsFailed, pauseMs, pauseMsMax, reconciled, notes, seconds: (now() - since) / 1000 };
  return { name, expectation, short, ...verdict, ...counted, passed };
}

/** Why ids failed, by the answer to their last attempt. */
function refusalsIn({ transfers }: History): string {
  const counts = new Map<string, number>();
  for (const transfer of transfers) {
    const answer = transfer.attempts.at(-1)?.answer;
    if (answer?.kind !== 'refused' || fateOf(transfer) !== 'failed') continue;
    counts.set(answer.code, (counts.get(answer.code) ?? 0) + 1);
  }
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
}

async function openAccounts(client: Client, { accounts }: Population): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < accounts.length) {
      const from = next;
      next += ACCOUNTS_PER_REQUEST;
      const some = accounts.slice(from, next);
      const bodies = some.map(({ accountId, currency, overdraftLimit, external }) => ({
        accountId,
        currency,
        external,
        overdraftLimit: majorUnits(overdraftLimit, currency),
      }));
      const { status, body } = await client.post('/v1/accounts/batch', { accounts: bodies });
      const results = fieldsOf(body)['results'];
      const opened = Array.isArray(results) && results.every((result) => Number(fieldsOf(result)['status']) < 300);
      if (status !== 200 || !opened)
        throw new Error(`accounts could not be opened: ${status} ${JSON.stringify(body).slice(0, 500)}`);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
}

/** While the load runs: what nobody knows the outcome of is asked for again, as a client would. */
async function retryUnknown(load: Load, recorder: Recorder, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await sleep(500, undefined, { signal: stop }).catch(() => {});
    await retrySome(load, recorder, stop);
  }
}

async function retrySome(load: Load, recorder: Recorder, stop?: AbortSignal): Promise<void> {
  // Those under way have an attempt without an end.
  const open = recorder
    .unresolved()
    .filter(({ attempts }) => attempts.every(({ endedAt }) => Number.isFinite(endedAt)));
  const work = async () => {
    for (let next = open.pop(); next && !stop?.aborted; next = open.pop()) await load.again(next);
  };
  await Promise.all(Array.from({ length: RETRIES_AT_ONCE }, work));
}

/**
 * What is still open at the end stays open: the verdict says so. An id that is refused each time it is sent (its account
 * does not exist, say) is looked for instead of sent again.
 */
async function resolveAll(load: Load, recorder: Recorder): Promise<void> {
  const deadline = now() + RESOLVE_MS_MAX;
  while (recorder.unresolved().length > 0 && now() < deadline) {
    const refused = recorder.unresolved().filter(({ attempts }) => attempts.at(-1)?.answer.kind === 'refused');
    for (const transfer of refused) await load.lookFor(transfer);
    await retrySome(load, recorder);
    await sleep(200);
  }
}

async function flushed(client: Client, { stack }: Ground): Promise<void> {
  let last: unknown;
  const isFlushed = async () => {
    if (stack.ended) throw new Error(`npm start was ended by somebody else:\n${stack.output.slice(-1000)}`);
    last = (await client.get('/v1/ops/status').catch(silence)).body;
    const { mode, journal } = fieldsOf(last);
    return mode === 'CACHE' && fieldsOf(journal)['length'] === 0;
  };
  await until('everything is in MySQL', FLUSH_MS_MAX, isFlushed).catch((error: unknown) => {
    throw new Error(`the status is ${JSON.stringify(last)}`, { cause: error });
  });
}

/** The service's own proof, which reads all there is. */
async function reconcile(api: readonly string[], apiKey: string, notes: string[]): Promise<boolean> {
  using client = new Client(() => api, apiKey, { timeoutMs: RECONCILIATION_MS_MAX });
  const { status, body } = await client.post('/v1/ops/reconciliations', {}).catch(silence);
  if (status < 300 && fieldsOf(body)['clean'] === true) return true;
  notes.push(`reconciliation: ${status} ${JSON.stringify(body).slice(0, 500)}`);
  return false;
}
