import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Books } from '../../verification/checker/books.ts';
import { check, type Verdict } from '../../verification/checker/check.ts';
import { withoutGivenUp } from '../../verification/checker/given-up.ts';
import {
  fateOf,
  type History,
  isOutcome,
  type LookUp,
  type TransferHistory,
} from '../../verification/checker/history.ts';
import { Client } from '../../verification/harness/client.ts';
import type { System } from '../../verification/harness/system.ts';
import { now, sleep } from '../../verification/harness/time.ts';
import { CpuPressure } from '../../verification/harness/usage.ts';
import { FeedConsumer } from '../../verification/load/feed-consumer.ts';
import { type Frozen, readGivenUp } from '../../verification/load/given-up.ts';
import { openAccounts, RECONCILIATION_MS_MAX, reconcile } from '../../verification/load/ledger.ts';
import { Load, STEADY_LOAD } from '../../verification/load/load.ts';
import { smallTown } from '../../verification/load/population.ts';
import { Recorder } from '../../verification/load/recorder.ts';
import { resolveAll, retryUntil } from '../../verification/load/retries.ts';
import { booksOf, heldMsMaxOf, untilAtRest } from './at-rest.ts';
import { eventFaults } from './event-faults.ts';
import type { Ground, Hypothesis, Scene } from './hypothesis.ts';
import { codeIn, listOf, OUTLASTED, type Seen, seen, sumOf } from './seen.ts';
import { linesOf, type Moment, switchMs, transitions } from './timeline.ts';

export interface Result extends Verdict, Pick<Seen, 'steadyRate' | 'waitMsMax'> {
  name: string;
  expectation: string;
  short: boolean;
  requests: number;
  /** Attempts without an outcome, apart from errors that the client caused itself. */
  errors: number;
  /** The longest time without a success under load, and the expected maximum, ms. */
  pauseMs: number;
  pauseMsMax: number;
  /** The time from the fault to the next mode in which balances may be changed; null if the authority did not move. */
  switchMs: number | null;
  /** Whether the service's own reconciliation found no drift. */
  reconciled: boolean;
  notes: string[];
  /** Other expectations that were not met. */
  wrongs: string[];
  /** What took longer than expected. */
  late: string[];
  seconds: number;
  /** True if the result is valid and reconciled, no outage was longer than expected, and nothing was wrong or late. */
  passed: boolean;
}

/** Few enough workers that the load decreases when the machine is busy, and does not pile up in front of the pods. */
const SHORT_WORKERS_MAX = 100;
/** Tasks wait for a CPU for this share of the time if the machine is far too busy for the load. */
const BUSY_SHARE = 0.9;
/** How long the service holds a request. */
const REQUEST_MS_MAX = 10_000;
const UNRESOLVED_TOLD_MAX = 5;
const CONNECTIONS_MAX = 512;

/** Steady state, fault, recovery, verdict. */
export async function experiment<G extends Ground<System>>(
  hypothesis: Hypothesis<G>,
  ground: G,
  short: boolean,
): Promise<Result> {
  const { name, expectation, pauseMsMax } = hypothesis;
  const since = now();
  const { stack } = ground;
  const { apiKey } = stack.file;
  using client = new Client(() => stack.addresses, apiKey, { connectionsMax: CONNECTIONS_MAX });
  const prefix = `${name}-${randomBytes(3).toString('hex')}:`;
  const population = hypothesis.population?.(prefix, short) ?? smallTown(prefix);
  const recorder = new Recorder(population.accounts, heldMsMaxOf(stack));
  const load = new Load(client, recorder, population);
  const notes: string[] = [];
  const wrongs: string[] = [];
  const late: string[] = [];
  const moments: Moment[] = [];
  const consumer = await FeedConsumer.start(() => stack.addresses, apiKey);
  await openAccounts(client, population.accounts);
  await load.openings();

  const { before, after } = hypothesis.seconds[short ? 'short' : 'full'];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every worker adds a listener
  const began = now();
  const pressure = new CpuPressure();
  const options = { ...STEADY_LOAD, ...hypothesis.load };
  const running = load.run(
    short ? { ...options, workers: Math.min(options.workers, SHORT_WORKERS_MAX) } : options,
    stop.signal,
  );
  const retrying = retryUntil(stop.signal, load, recorder);
  let frozen: Frozen | null = null;
  const scene: Scene<G> = {
    ...{ ground, short, population, recorder },
    note: (text) => notes.push(text),
    wrong: (text) => wrongs.push(text),
    late: (text) => late.push(text),
    send: (mix) => load.alter(mix),
    givesUp: (waiting) => {
      frozen = waiting;
    },
    mark(what) {
      const at = now();
      moments.push({ at, what });
      return at;
    },
    firstPostedAfter: (at) => recorder.firstPostedAfter(at),
  };
  let fault = began;
  try {
    await sleep(before * 1000);
    fault = now();
    await hypothesis.fault(scene);
    await sleep(after * 1000);
  } finally {
    stop.abort();
    await Promise.all([running, retrying]);
  }
  const ended = now();
  await resolveAll(load, recorder);
  await untilAtRest(client, stack, prefix);
  const books = await booksOf(client, stack, prefix, population.accounts);
  const verdict = check(await historyToHold(hypothesis, recorder, { stack, frozen }, notes), books);
  if (consumer) wrongs.push(...(await eventFaults(consumer, books, { prefix, notes })));
  using auditor = new Client(() => stack.addresses, apiKey, { timeoutMs: RECONCILIATION_MS_MAX });
  const { clean: reconciled, report } = await reconcile(auditor);
  if (!reconciled) notes.push(`reconciliation: ${JSON.stringify(report).slice(0, 500)}`);
  const moves = await transitions(stack.file, began);
  const faultAt = moments[0]?.at ?? fault;
  const { broken } = client;
  const span = { began, fault: faultAt, ended };
  const found = seen(recorder, span, { broken, otherErrors: recorder.otherErrors, moves });
  const pauseMs = recorder.longestPauseMs(began, ended);
  // A short run shares the machine with other tests, so durations and their consequences are not checked.
  const isTooBusy = pressure.share() >= BUSY_SHARE || Math.max(pauseMs, found.waitMsMax) >= REQUEST_MS_MAX;
  const facts = { ...found, excused: short && isTooBusy ? OUTLASTED : null };
  hypothesis.afterwards?.(scene, facts);
  wrongs.push(...errorsNotAllowed(facts, hypothesis.errorsAllowed ?? null));
  const { transfersPerSecondMin = 0 } = hypothesis.load ?? {};
  if (!short && facts.steadyRate < transfersPerSecondMin) {
    late.push(
      `${Math.round(facts.steadyRate)} transfers/s before the fault, at least ${transfersPerSecondMin} expected`,
    );
  }
  if (pauseMs > pauseMsMax) late.push(`${Math.round(pauseMs)} ms without a success, at most ${pauseMsMax} ms expected`);
  notes.push(`timeline: ${linesOf([...moments, ...moves], faultAt).join('; ') || 'the authority did not move'}`);
  notes.push(`responses without an outcome: ${listOf(facts.errors)}`, `ids that failed: ${refusalsIn(recorder)}`);
  notes.push(`reads: ${listOf(recorder.readsBySource)}`, `holds: ${holdsIn(books)}`);
  for (const { transactionId, attempts } of recorder.unresolved().slice(0, UNRESOLVED_TOLD_MAX)) {
    notes.push(`unknown: ${transactionId} ${JSON.stringify(attempts.slice(-3))}`);
  }
  const passed = verdict.verdict === 'valid' && reconciled && wrongs.length + late.length === 0;
  if (!passed) stack.keep = true;
  return {
    ...{ name, expectation, short, ...verdict, passed, reconciled, notes, wrongs, late, pauseMs, pauseMsMax },
    ...{ steadyRate: facts.steadyRate, waitMsMax: facts.waitMsMax, errors: sumOf(facts.errors) },
    requests: recorder.requests,
    switchMs: switchMs(moves, faultAt),
    seconds: (now() - since) / 1000,
  };
}

async function historyToHold<G extends Ground<System>>(
  { withoutTimes: isWithoutTimes }: Hypothesis<G>,
  recorded: History,
  { stack, frozen }: { stack: G['stack']; frozen: Frozen | null },
  notes: string[],
): Promise<History> {
  const history = isWithoutTimes ? withoutTimes(recorded) : recorded;
  if (!frozen) return history;
  const givenUp = await readGivenUp(stack.file.mysql, frozen);
  const acknowledged = [...givenUp.transactionIds].filter((id) =>
    history.transfers.get(id)?.attempts.some(({ answer, sentAt }) => answer.kind === 'posted' && sentAt <= givenUp.at),
  );
  notes.push(
    `given up: ${givenUp.transactionIds.size} transfers, of which ${acknowledged.length} had been acknowledged; ${frozen.holds.size} holds belong to frozen accounts`,
  );
  return withoutGivenUp(history, givenUp);
}

function withoutTimes(history: History): History {
  const transfers = new Map<string, TransferHistory>();
  for (const [id, { transactionId, attempts, lookUps }] of history.transfers) {
    transfers.set(id, { transactionId, attempts: attempts.map(withoutTime), lookUps: lookUps.map(withoutTime) });
  }
  return { ...history, transfers };
}

function withoutTime<R extends LookUp>(request: R): R {
  const { answer } = request;
  if (!isOutcome(answer) || answer.acceptedAt === undefined) return request;
  const { acceptedAt: _, ...shown } = answer;
  return { ...request, answer: shown };
}

function errorsNotAllowed({ errors, excused }: Seen, allowed: RegExp | null): string[] {
  if (allowed === null) return [];
  return [...errors]
    .filter(([what]) => !allowed.test(codeIn(what)) && !excused?.test(codeIn(what)))
    .map(([what, count]) => `${count} answers were ${what}`);
}

/** How the holds in MySQL ended, and why others were refused. */
function holdsIn({ holds = [] }: Books): string {
  const counts = new Map<string, number>();
  for (const { hold, refusal } of holds) {
    const what = hold?.status ?? refusal ?? '';
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return listOf(counts);
}

/** Why ids failed, by the answer to their last attempt. */
function refusalsIn({ transfers, heldMsMax }: History): string {
  const counts = new Map<string, number>();
  for (const transfer of transfers.values()) {
    const answer = transfer.attempts.at(-1)?.answer;
    if (answer?.kind !== 'refused' || fateOf(transfer, heldMsMax) !== 'failed') continue;
    counts.set(answer.code, (counts.get(answer.code) ?? 0) + 1);
  }
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
}
