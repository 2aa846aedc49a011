import { LIMITS, type LimitName, type LimitReached } from '../domain/limits.ts';
import { Problem, type ProblemCode, REFUSALS, type Refusal } from '../domain/problem.ts';
import { isStopped } from '../domain/stop.ts';
import type { Outcome } from '../domain/types.ts';
import type { BreakerState } from './breaker.ts';
import { MetricSet } from './metric-set.ts';

/** The answer to a transfer: posted, replayed, or the code of its problem. */
type TransferAnswer = 'posted' | 'replayed' | ProblemCode | Refusal;

export const AUTHORITY_MODES = ['CACHE', 'CLOSING', 'REBUILDING', 'DIRECT'] as const;
export type AuthorityMode = (typeof AUTHORITY_MODES)[number];

const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 } as const satisfies Record<BreakerState, number>;

const APPLY_SECONDS = [0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5];
const FLUSH_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const LAG_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];
const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/**
 * The metrics of one shard, one method per event. Labels have few values, which are all known to the code, and never
 * contain an id.
 */
export class LedgerMetrics extends MetricSet {
  readonly #transfers = this.tally<'outcome', TransferAnswer>('transfers_total', 'Transfers answered', 'outcome', [
    'posted',
    'replayed',
    ...REFUSALS,
  ]);
  readonly #limitRefusals = this.tally<'limit', LimitName>(
    'limit_refusals_total',
    'Transfers, groups and holds refused by a limit of an account',
    'limit',
    LIMITS,
  );
  readonly #limitsReached = this.counter(
    'limits_reached_total',
    'How often the usage of a limit has reached 80 and 95 percent in a window',
    ['limit', 'percent'],
  );
  readonly #accounts = this.tally<'result', 'hit' | 'miss'>(
    'account_cache_total',
    'Accounts of transfers and reads that were in Redis (hit) or had to be loaded from MySQL (miss)',
    'result',
    ['hit', 'miss'],
  );
  readonly #applySize = this.histogram('apply_batch_size', 'Transfers in one script call', BATCH_SIZES);
  readonly #applySeconds = this.histogram('apply_duration_seconds', 'Duration of one script call', APPLY_SECONDS);
  readonly #idLookups = this.counter('id_lookups_total', 'Transaction ids that had to be looked up in MySQL');
  readonly #evictions = this.counter('evictions_total', 'Accounts evicted from Redis');
  readonly #holdsOpen = this.gauge('holds_open', 'Open holds', ['currency']);
  readonly #held = this.gauge('held_minor_units', 'Total that open holds reserve, in minor units', ['currency']);
  readonly #returns = this.gauge(
    'returns_minor_units',
    'Money that the source accounts of returned transfers between shards could not take, in minor units',
    ['currency'],
  );
  readonly #holdsExpired = this.counter(
    'holds_expired_total',
    'Holds that this process has ended because they were due',
  );
  readonly #flushSeconds = this.histogram('flush_duration_seconds', 'Duration of one flush transaction', FLUSH_SECONDS);
  readonly #flushSize = this.histogram('flush_batch_size', 'Transfers in one flush transaction', BATCH_SIZES);
  readonly #flushLag = this.histogram('flush_lag_seconds', 'Time from acceptance to commit, per transfer', LAG_SECONDS);
  readonly #flushLagLatest = this.gauge('flush_lag_latest', 'Longest lag in the latest flush, in seconds');
  readonly #flushFailures = this.counter('flush_failures_total', 'Flushes that failed and are retried');
  readonly #flushAlert = this.gauge('flush_alert', '1 while flushes keep failing or the lag exceeds its limit');
  readonly #logPosition = this.gauge('log_position', 'Position of the last row of the sealed log');
  readonly #logWaiting = this.gauge(
    'log_waiting_seconds',
    'How long the oldest entry has been waiting to be sealed; 0 if none waits',
  );
  readonly #searchEntries = this.counter('search_entries_total', 'Entries of the sealed log added to the index');
  readonly #searchReady = this.gauge('search_ready', '1 once the search index is complete, 0 while it is built');
  readonly #breakers = this.gauge('breaker_state', '0 closed, 1 half-open, 2 open: counts as down', ['name']);
  readonly #redisErrors = this.counter('redis_errors_total', 'Redis connection errors and error replies');
  readonly #mysqlErrors = this.counter('mysql_errors_total', 'MySQL connection errors and error replies');
  readonly #retries = this.counter('retries_total', 'Attempts after the first', ['what']);
  readonly #epoch = this.gauge('authority_epoch', 'Epoch of the authority, as known to this process');
  readonly #format = this.gauge('rule_format', 'Rule format of the ledger, as known to this process');
  readonly #mode = this.gauge('authority_mode', '1 for the current mode of the authority', ['mode']);
  readonly #stopped = this.gauge(
    'ledger_stopped',
    '1 while an operator has stopped the ledger, as known to this process',
  );
  readonly #redisForeign = this.gauge(
    'redis_foreign',
    "1 while Redis belongs to another ledger, or holds keys that cannot be proven to be this ledger's",
  );
  readonly #driftAccounts = this.gauge(
    'reconciliation_drift_accounts',
    'Accounts and holds that differ from their history, and groups that lack transfers',
  );
  readonly #driftUnits = this.gauge(
    'reconciliation_drift_minor_units',
    'Difference found in the accounts of a currency, in minor units',
    ['currency'],
  );
  readonly #reconciledAt = this.gauge(
    'reconciliation_last_success_timestamp_seconds',
    'When a reconciliation last completed, whatever its result',
  );

  readonly #anchoredAt = this.gauge(
    'audit_last_anchor_timestamp_seconds',
    'When this keeper last signed the end of the sealed log and delivered the anchor; before the first one, when it started',
  );
  readonly #auditFaults = this.gauge('audit_faults', 'Faults that the latest self-check of the sealed log has found');
  readonly #auditedAt = this.gauge(
    'audit_last_success_timestamp_seconds',
    'When a self-check of the sealed log last completed without a fault; before the first one, when the log began',
  );
  readonly #anchorConflicts = this.counter(
    'audit_anchor_conflicts_total',
    'How often the sealed log no longer had the hash that this keeper had signed',
  );

  /** @param shard value of the label `shard` of all these metrics; null if there is only one shard, and no label */
  constructor(shard: number | null) {
    super();
    if (shard !== null) this.registry.setDefaultLabels({ shard: String(shard) });
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

  /** `open` has all currencies in which holds are open. */
  holdsOpen(open: readonly { currency: string; holds: number; heldMinorUnits: number }[]): void {
    this.#holdsOpen.reset();
    this.#held.reset();
    for (const { currency, holds, heldMinorUnits } of open) {
      this.#holdsOpen.set({ currency }, holds);
      this.#held.set({ currency }, heldMinorUnits);
    }
  }

  /** `owed` has all currencies in which money waits on an account `~returns`, in minor units owed to clients. */
  returned(owed: readonly { currency: string; minorUnits: number }[]): void {
    this.#returns.reset();
    for (const { currency, minorUnits } of owed) this.#returns.set({ currency }, minorUnits);
  }

  logState({ position, oldestWaitingMs }: { position: number; oldestWaitingMs: number | null }): void {
    this.#logPosition.set(position);
    this.#logWaiting.set((oldestWaitingMs ?? 0) / 1000);
  }

  /** @param entries added to the search index */
  searchMoved(state: string, entries: number): void {
    this.#searchReady.set(state === 'READY' ? 1 : 0);
    this.#searchEntries.inc(entries);
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

  /** @param now `stops`: how often the ledger was stopped or released */
  authority(now: { epoch: number; mode: AuthorityMode; format: number; stops: number }): void {
    this.#epoch.set(now.epoch);
    this.#format.set(now.format);
    this.#stopped.set(isStopped(now.stops) ? 1 : 0);
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

  anchored(atMs: number): void {
    this.#anchoredAt.set(atMs / 1000);
  }

  /** @param run `lastSuccessAtMs` is when the log began if no run has succeeded yet; null if there is no log */
  audited({ faults, lastSuccessAtMs }: { faults: number; lastSuccessAtMs: number | null }): void {
    this.#auditFaults.set(faults);
    this.#auditedAt.set((lastSuccessAtMs ?? 0) / 1000);
  }

  anchorConflict(): void {
    this.#anchorConflicts.inc();
  }
}

function kindOf(answer: Outcome | Problem): TransferAnswer {
  if (answer instanceof Problem) return answer.code;
  if (answer.replayed) return 'replayed';
  return answer.status === 'POSTED' ? 'posted' : answer.refusal;
}
