import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LIMITS, type LimitName, type LimitReached } from '../domain/limits.ts';
import { Problem, type ProblemCode, REFUSALS, type Refusal } from '../domain/problem.ts';
import type { Outcome } from '../domain/types.ts';
import type { BreakerState } from './breaker.ts';
import { SAMPLED, type Sampled } from './sampled.ts';

/** The answer to a transfer: posted, replayed, or the code of its problem. */
type TransferAnswer = 'posted' | 'replayed' | ProblemCode | Refusal;

export const AUTHORITY_MODES = ['CACHE', 'CLOSING', 'REBUILDING', 'DIRECT'] as const;
export type AuthorityMode = (typeof AUTHORITY_MODES)[number];

const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 } as const satisfies Record<BreakerState, number>;

// Below 5 ms there is a bucket for each millisecond, because the target is 10 ms for a balance and
// 50 ms for a transfer.
const HTTP_SECONDS = [
  0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const APPLY_SECONDS = [0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5];
const FLUSH_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const LAG_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];
const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/**
 * Values that are read only when Prometheus scrapes, at no cost between scrapes. A gauge exists once it has a source.
 */
/**
 * All metrics of Holdfast, one method per event. Labels have few values, which are all known to the code, and never
 * contain an id. Values that change per transfer are plain numbers until Prometheus scrapes (3 ns instead of 80); the
 * rest use prom-client.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #sources = new Map<Sampled, () => number>();
  readonly #httpChildren = new Map<string, { observe(seconds: number): void }>();

  readonly #transfers = this.#tally<'outcome', TransferAnswer>('transfers_total', 'Transfers answered', 'outcome', [
    'posted',
    'replayed',
    ...REFUSALS,
  ]);
  readonly #limitRefusals = this.#tally<'limit', LimitName>(
    'limit_refusals_total',
    'Transfers, groups and holds refused by a limit of an account',
    'limit',
    LIMITS,
  );
  readonly #limitsReached = this.#counter(
    'limits_reached_total',
    'How often the usage of a limit has reached 80 and 95 percent in a window',
    ['limit', 'percent'],
  );
  readonly #errors = this.#tally<'code', ProblemCode>('errors_total', 'Problems answered', 'code', []);
  readonly #accounts = this.#tally<'result', 'hit' | 'miss'>(
    'account_cache_total',
    'Accounts of transfers and reads that were in Redis (hit) or had to be loaded from MySQL (miss)',
    'result',
    ['hit', 'miss'],
  );
  readonly #http = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'Time from receiving the head of a request to the end of its response',
    labelNames: ['route', 'method', 'status_class'],
    buckets: HTTP_SECONDS,
    registers: [this.registry],
  });
  readonly #connectionsExpired = this.#counter(
    'connections_expired_total',
    'Client connections closed because of their age',
  );
  readonly #applySize = this.#histogram('apply_batch_size', 'Transfers in one script call', BATCH_SIZES);
  readonly #applySeconds = this.#histogram('apply_duration_seconds', 'Duration of one script call', APPLY_SECONDS);
  readonly #idLookups = this.#counter('id_lookups_total', 'Transaction ids that had to be looked up in MySQL');
  readonly #evictions = this.#counter('evictions_total', 'Accounts evicted from Redis');

  readonly #holdsOpen = this.#gauge('holds_open', 'Open holds', ['currency']);
  readonly #held = this.#gauge('held_minor_units', 'Total that open holds reserve, in minor units', ['currency']);
  readonly #holdsExpired = this.#counter(
    'holds_expired_total',
    'Holds that this process has ended because they were due',
  );

  readonly #flushSeconds = this.#histogram(
    'flush_duration_seconds',
    'Duration of one flush transaction',
    FLUSH_SECONDS,
  );
  readonly #flushSize = this.#histogram('flush_batch_size', 'Transfers in one flush transaction', BATCH_SIZES);
  readonly #flushLag = this.#histogram(
    'flush_lag_seconds',
    'Time from acceptance to commit, per transfer',
    LAG_SECONDS,
  );
  readonly #flushLagLatest = this.#gauge('flush_lag_latest', 'Longest lag in the latest flush, in seconds');
  readonly #flushFailures = this.#counter('flush_failures_total', 'Flushes that failed and are retried');
  readonly #flushAlert = this.#gauge('flush_alert', '1 while flushes keep failing or the lag exceeds its limit');

  readonly #breakers = this.#gauge('breaker_state', '0 closed, 1 half-open, 2 open: counts as down', ['name']);
  readonly #redisErrors = this.#counter('redis_errors_total', 'Redis connection errors and error replies');
  readonly #mysqlErrors = this.#counter('mysql_errors_total', 'MySQL connection errors and error replies');
  readonly #retries = this.#counter('retries_total', 'Attempts after the first', ['what']);
  readonly #logDropped = this.#counter(
    'log_lines_dropped_total',
    'Log lines dropped because their buffer was full or they could not be written',
  );

  readonly #limits = this.#gauge('limit', 'Configured limit of the gauge of this name', ['name']);
  readonly #epoch = this.#gauge('authority_epoch', 'Epoch of the authority, as known to this process');
  readonly #format = this.#gauge('rule_format', 'Rule format of the ledger, as known to this process');
  readonly #mode = this.#gauge('authority_mode', '1 for the current mode of the authority', ['mode']);
  readonly #redisForeign = this.#gauge(
    'redis_foreign',
    "1 while Redis belongs to another ledger, or holds keys that cannot be proven to be this ledger's",
  );
  readonly #driftAccounts = this.#gauge(
    'reconciliation_drift_accounts',
    'Accounts and holds that differ from their history, and groups that lack transfers',
  );
  readonly #driftUnits = this.#gauge(
    'reconciliation_drift_minor_units',
    'Difference found in the accounts of a currency, in minor units',
    ['currency'],
  );
  readonly #reconciledAt = this.#gauge(
    'reconciliation_last_success_timestamp_seconds',
    'When a reconciliation last completed, whatever its result',
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  readonly contentType = this.registry.contentType;

  /** The metrics page for Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Sets the sources of sampled gauges; a later source of the same gauge replaces the earlier one. */
  sample(sources: Readonly<Partial<Record<Sampled, () => number>>>): void {
    for (const key of Object.keys(sources) as Sampled[]) {
      const source = sources[key];
      if (source === undefined) continue;
      if (!this.#sources.has(key)) this.#sampledGauge(key);
      this.#sources.set(key, source);
    }
  }

  /** Exports the limits so that rules and dashboards can compare a gauge with its limit, whatever the settings are. */
  limits(limits: Readonly<Partial<Record<(typeof SAMPLED)[Sampled][0], number>>>): void {
    for (const [name, limit] of Object.entries(limits)) this.#limits.set({ name }, limit);
  }

  transferAnswered(answer: Outcome | Problem): void {
    this.#transfers.add(kindOf(answer), 1);
    if (answer instanceof Problem || answer.status === 'POSTED' || answer.replayed || !answer.limit) return;
    this.#limitRefusals.add(answer.limit.limit, 1);
  }

  /** For groups and holds; refused transfers are counted as they are answered. */
  limitRefused(limit: LimitName): void {
    this.#limitRefusals.add(limit, 1);
  }

  limitsReached(reached: readonly LimitReached[]): void {
    for (const { limit, percent } of reached) this.#limitsReached.inc({ limit, percent });
  }

  problemAnswered(code: ProblemCode): void {
    this.#errors.add(code, 1);
  }

  /** `route` is the pattern (`/v1/accounts/:id`), or a fixed word if no route matched, but never the path itself. */
  httpAnswered(route: string, method: string, status: number, seconds: number): void {
    const statusClass = Math.trunc(status / 100);
    const key = `${statusClass}${method} ${route}`;
    let child = this.#httpChildren.get(key);
    if (child === undefined) {
      child = this.#http.labels(route, method, `${statusClass}xx`);
      this.#httpChildren.set(key, child);
    }
    child.observe(seconds);
  }

  connectionExpired(): void {
    this.#connectionsExpired.inc();
  }

  applyCall(call: { transfers: number; seconds: number }): void {
    this.#applySize.observe(call.transfers);
    this.#applySeconds.observe(call.seconds);
  }

  accountsFound(found: { hits: number; misses: number }): void {
    this.#accounts.add('hit', found.hits);
    this.#accounts.add('miss', found.misses);
  }

  idsLookedUp(ids: number): void {
    this.#idLookups.inc(ids);
  }

  accountsEvicted(accounts: number): void {
    this.#evictions.inc(accounts);
  }

  /** All currencies in which holds are open. */
  holdsOpen(open: readonly { currency: string; holds: number; heldMinorUnits: number }[]): void {
    this.#holdsOpen.reset();
    this.#held.reset();
    for (const { currency, holds, heldMinorUnits } of open) {
      this.#holdsOpen.set({ currency }, holds);
      this.#held.set({ currency }, heldMinorUnits);
    }
  }

  holdsExpired(holds: number): void {
    this.#holdsExpired.inc(holds);
  }

  /** Call after the commit. `lagsMs` has one value per transfer, from its acceptance to the commit. */
  flushed(flush: { transfers: number; seconds: number; lagsMs: readonly number[] }): void {
    this.#flushSize.observe(flush.transfers);
    this.#flushSeconds.observe(flush.seconds);
    let latest = 0;
    for (const lagMs of flush.lagsMs) {
      this.#flushLag.observe(lagMs / 1000);
      if (lagMs > latest) latest = lagMs;
    }
    this.#flushLagLatest.set(latest / 1000);
  }

  flushFailed(): void {
    this.#flushFailures.inc();
  }

  flushAlert(on: boolean): void {
    this.#flushAlert.set(on ? 1 : 0);
  }

  /** A callback for `Detector`. It is an arrow function, so that it can be passed on without its object. */
  readonly breakerMoved = (name: string, state: BreakerState): void => {
    this.#breakers.set({ name }, BREAKER_LEVELS[state]);
  };

  redisFailed(): void {
    this.#redisErrors.inc();
  }

  mysqlFailed(): void {
    this.#mysqlErrors.inc();
  }

  /** `what` is a word from the code, such as `flush` or `direct-transaction`. */
  retried(what: string): void {
    this.#retries.inc({ what });
  }

  logLinesDropped(lines: number): void {
    this.#logDropped.inc(lines);
  }

  authority(now: { epoch: number; mode: AuthorityMode; format: number }): void {
    this.#epoch.set(now.epoch);
    this.#format.set(now.format);
    for (const mode of AUTHORITY_MODES) this.#mode.set({ mode }, mode === now.mode ? 1 : 0);
  }

  redisOwner(state: 'own' | 'free' | 'foreign' | 'unclaimed'): void {
    this.#redisForeign.set(state === 'foreign' || state === 'unclaimed' ? 1 : 0);
  }

  /** `driftMinorUnits` has the drift of each currency; absent currencies have no drift. */
  reconciled(run: {
    driftAccounts: number;
    driftMinorUnits: Readonly<Record<string, number>>;
    endedAtMs: number;
  }): void {
    this.#driftAccounts.set(run.driftAccounts);
    this.#driftUnits.reset();
    for (const [currency, units] of Object.entries(run.driftMinorUnits)) this.#driftUnits.set({ currency }, units);
    this.#reconciledAt.set(run.endedAtMs / 1000);
  }

  #counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `holdfast_${name}`, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: `holdfast_${name}`, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `holdfast_${name}`, help, buckets, registers: [this.registry] });
  }

  #sampledGauge(key: Sampled): void {
    const [name, help] = SAMPLED[key];
    const sources = this.#sources;
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(sources.get(key)?.() ?? 0);
      },
    });
  }

  /**
   * A counter with one label, kept in plain numbers between two scrapes; the values in `shown` are exported from the
   * start.
   */
  #tally<L extends string, V extends string>(name: string, help: string, label: L, shown: readonly V[]) {
    const counts = new Map<V, number>(shown.map((value) => [value, 0]));
    new Counter({
      name: `holdfast_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of counts) this.labels(value).inc(count);
      },
    });
    return { add: (value: V, by: number): void => void counts.set(value, (counts.get(value) ?? 0) + by) };
  }
}

function kindOf(answer: Outcome | Problem): TransferAnswer {
  if (answer instanceof Problem) return answer.code;
  if (answer.replayed) return 'replayed';
  return answer.status === 'POSTED' ? 'posted' : answer.refusal;
}
