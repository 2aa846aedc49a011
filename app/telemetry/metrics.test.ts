import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../domain/problem.ts';
import { orderOf } from '../domain/testing/orders.ts';
import type { Posted, Rejected } from '../domain/types.ts';
import { AUTHORITY_MODES, type LedgerMetrics } from './ledger-metrics.ts';
import { Metrics } from './metrics.ts';
import { SAMPLED, type Sampled } from './sampled.ts';

let metrics: Metrics;
let ledger: LedgerMetrics;
beforeEach(() => {
  metrics = new Metrics();
  ledger = metrics.ofShard(null);
});

/** The sample with the given name and labels, in Prometheus notation; undefined if there is none. */
async function sample(series: string): Promise<number | undefined> {
  const line = (await metrics.text()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

const common = { order: orderOf(), acceptedAt: 1, takenAt: 1, epoch: 1, seq: 1, replayed: false, persisted: false };
const side = { balance: 1, version: 1, settingsVersion: 1 };
const posted: Posted = { ...common, status: 'POSTED', source: side, destination: side };
const rejected: Rejected = { ...common, status: 'REJECTED', refusal: 'insufficient_funds' };

describe('Metrics', () => {
  it('counts transfers and problems by answer, and keeps counting after a scrape', async () => {
    expect(await sample('holdfast_transfers_total{outcome="posted"}')).toBe(0);
    ledger.transferAnswered(posted);
    ledger.transferAnswered(posted);
    ledger.transferAnswered(new Problem('outcome_unknown', 'not known yet'));
    ledger.transferAnswered(rejected);
    ledger.transferAnswered({ ...posted, replayed: true });
    ledger.transferAnswered({ ...rejected, replayed: true });
    metrics.problemAnswered('overloaded');
    expect(await sample('holdfast_transfers_total{outcome="posted"}')).toBe(2);
    ledger.transferAnswered(posted);
    expect(await sample('holdfast_transfers_total{outcome="posted"}')).toBe(3);
    expect(await sample('holdfast_transfers_total{outcome="outcome_unknown"}')).toBe(1);
    expect(await sample('holdfast_transfers_total{outcome="insufficient_funds"}')).toBe(1);
    expect(await sample('holdfast_transfers_total{outcome="replayed"}')).toBe(2);
    expect(await sample('holdfast_transfers_total{outcome="account_frozen"}')).toBe(0);
    expect(await sample('holdfast_errors_total{code="overloaded"}')).toBe(1);
  });

  it('shows the open holds of each currency that has any, and counts the holds that have ended', async () => {
    ledger.holdsOpen([
      { currency: 'EUR', holds: 3, heldMinorUnits: 1250 },
      { currency: 'JPY', holds: 1, heldMinorUnits: 7 },
    ]);
    expect(await sample('holdfast_holds_open{currency="EUR"}')).toBe(3);
    expect(await sample('holdfast_held_minor_units{currency="JPY"}')).toBe(7);
    ledger.holdsOpen([{ currency: 'EUR', holds: 2, heldMinorUnits: 100 }]);
    expect(await sample('holdfast_holds_open{currency="JPY"}')).toBeUndefined();
    ledger.holdsExpired(2);
    ledger.holdsExpired(1);
    expect(await sample('holdfast_holds_expired_total')).toBe(3);
  });

  it('uses request buckets that are fine enough to distinguish milliseconds', async () => {
    metrics.httpAnswered('/v1/accounts/:id/balance', 'GET', 200, 0.0018);
    metrics.httpAnswered('/v1/accounts/:id/balance', 'GET', 200, 0.0042);
    metrics.httpAnswered('/v1/accounts/:id/balance', 'GET', 404, 0.001);
    const labels = (le: string) => `{le="${le}",route="/v1/accounts/:id/balance",method="GET",status_class="2xx"}`;
    expect(await sample(`holdfast_http_request_duration_seconds_bucket${labels('0.001')}`)).toBe(0);
    expect(await sample(`holdfast_http_request_duration_seconds_bucket${labels('0.002')}`)).toBe(1);
    expect(await sample(`holdfast_http_request_duration_seconds_bucket${labels('0.005')}`)).toBe(2);
    const missing = '{route="/v1/accounts/:id/balance",method="GET",status_class="4xx"}';
    expect(await sample(`holdfast_http_request_duration_seconds_count${missing}`)).toBe(1);
  });

  it('measures script calls, and the lookups in MySQL that they needed', async () => {
    ledger.applyCall({ transfers: 7, seconds: 0.0021 });
    ledger.accountsFound({ hits: 13, misses: 1 });
    ledger.idsLookedUp(3);
    ledger.accountsEvicted(100);
    expect(await sample('holdfast_apply_batch_size_sum')).toBe(7);
    expect(await sample('holdfast_apply_duration_seconds_bucket{le="0.003"}')).toBe(1);
    expect(await sample('holdfast_account_cache_total{result="hit"}')).toBe(13);
    expect(await sample('holdfast_account_cache_total{result="miss"}')).toBe(1);
    expect(await sample('holdfast_id_lookups_total')).toBe(3);
    expect(await sample('holdfast_evictions_total')).toBe(100);
  });

  it('measures flushes, and the lag of every transfer', async () => {
    ledger.flushed({ transfers: 3, seconds: 0.02, lagsMs: [40, 90, 20] });
    expect(await sample('holdfast_flush_batch_size_sum')).toBe(3);
    expect(await sample('holdfast_flush_duration_seconds_count')).toBe(1);
    expect(await sample('holdfast_flush_lag_seconds_bucket{le="0.05"}')).toBe(2);
    expect(await sample('holdfast_flush_lag_seconds_count')).toBe(3);
    expect(await sample('holdfast_flush_lag_latest')).toBe(0.09);
    ledger.flushFailed();
    ledger.flushAlert(true);
    expect(await sample('holdfast_flush_failures_total')).toBe(1);
    expect(await sample('holdfast_flush_alert')).toBe(1);
    ledger.flushAlert(false);
    expect(await sample('holdfast_flush_alert')).toBe(0);
  });

  it('counts errors and retries, and shows breaker states as numbers', async () => {
    ledger.redisFailed();
    ledger.mysqlFailed();
    ledger.retried('flush');
    metrics.logLinesDropped(5);
    for (const [state, level] of [
      ['closed', 0],
      ['half-open', 1],
      ['open', 2],
    ] as const) {
      ledger.breakerMoved('redis', state);
      expect(await sample('holdfast_breaker_state{name="redis"}')).toBe(level);
    }
    expect(await sample('holdfast_redis_errors_total')).toBe(1);
    expect(await sample('holdfast_mysql_errors_total')).toBe(1);
    expect(await sample('holdfast_retries_total{what="flush"}')).toBe(1);
    expect(await sample('holdfast_log_lines_dropped_total')).toBe(5);
  });

  it('shows one mode of the authority at a time', async () => {
    ledger.authority({ epoch: 7, mode: 'CACHE', format: 1, stops: 0 });
    ledger.authority({ epoch: 8, mode: 'CLOSING', format: 2, stops: 0 });
    expect(await sample('holdfast_authority_epoch')).toBe(8);
    expect(await sample('holdfast_rule_format')).toBe(2);
    const levels = await Promise.all(AUTHORITY_MODES.map((mode) => sample(`holdfast_authority_mode{mode="${mode}"}`)));
    expect(levels).toEqual([0, 1, 0, 0]);
  });

  it('shows whether an operator has stopped the ledger', async () => {
    const now = { epoch: 7, mode: 'CACHE', format: 2 } as const;
    for (const stops of [0, 1, 2, 3]) {
      ledger.authority({ ...now, stops });
      expect(await sample('holdfast_ledger_stopped')).toBe(stops % 2);
    }
  });

  it('removes the drift of a currency that no longer has any', async () => {
    ledger.reconciled({ driftAccounts: 2, driftMinorUnits: { EUR: 5, USD: 1 }, endedAtMs: 1_700_000_000_000 });
    expect(await sample('holdfast_reconciliation_drift_minor_units{currency="EUR"}')).toBe(5);
    ledger.reconciled({ driftAccounts: 1, driftMinorUnits: { USD: 1 }, endedAtMs: 1_700_000_060_000 });
    expect(await sample('holdfast_reconciliation_drift_minor_units{currency="EUR"}')).toBeUndefined();
    expect(await sample('holdfast_reconciliation_drift_minor_units{currency="USD"}')).toBe(1);
    expect(await sample('holdfast_reconciliation_drift_accounts')).toBe(1);
    expect(await sample('holdfast_reconciliation_last_success_timestamp_seconds')).toBe(1_700_000_060);
  });

  it('counts transfers between shards, and shows how many are open for each pair of shards that has ever had one', async () => {
    expect(await metrics.text()).not.toContain('crossings');
    const crossings = metrics.ofCrossings();
    crossings.ended({}, 'done', 'request');
    crossings.ended({}, 'returned', 'courier');
    crossings.legFailed({}, 'in', 'ledger_switching', false);
    crossings.courierFailed();
    crossings.compared(3, 1_700_000_000_000);
    expect(await sample('holdfast_crossings_compared_timestamp_seconds')).toBe(1_700_000_000);
    expect(await sample('holdfast_crossing_differences')).toBe(3);
    crossings.open(0, 1, { open: 2, oldestAgeMs: 1500 });
    crossings.open(1, 0, { open: 0, oldestAgeMs: 0 });
    expect(await sample('holdfast_crossings_total{end="done",by="request"}')).toBe(1);
    expect(await sample('holdfast_crossings_total{end="returned",by="courier"}')).toBe(1);
    expect(await sample('holdfast_crossing_leg_problems_total{leg="in",unexpected="false"}')).toBe(1);
    expect(await sample('holdfast_courier_failures_total')).toBe(1);
    expect(await sample('holdfast_crossings_open{from="0",to="1"}')).toBe(2);
    expect(await sample('holdfast_crossings_oldest_age_seconds{from="0",to="1"}')).toBe(1.5);
    expect(await sample('holdfast_crossings_open{from="1",to="0"}')).toBeUndefined();
    crossings.open(0, 1, { open: 0, oldestAgeMs: 900 });
    expect(await sample('holdfast_crossings_open{from="0",to="1"}')).toBe(0);
    expect(await sample('holdfast_crossings_oldest_age_seconds{from="0",to="1"}')).toBe(0);
    ledger.returned([{ currency: 'EUR', minorUnits: 250 }]);
    expect(await sample('holdfast_returns_minor_units{currency="EUR"}')).toBe(250);
  });

  it('samples a gauge from its latest source, and omits it without a source', async () => {
    expect(await sample('holdfast_tail_bytes')).toBeUndefined();
    let bytes = 1;
    ledger.sample({ tailBytes: () => bytes });
    expect(await sample('holdfast_tail_bytes')).toBe(1);
    bytes = 2;
    expect(await sample('holdfast_tail_bytes')).toBe(2);
    ledger.sample({ tailBytes: () => 3, queueTransfers: () => 4 });
    expect(await sample('holdfast_tail_bytes')).toBe(3);
    expect(await sample('holdfast_queue_transfers')).toBe(4);
  });

  it('shows the configured limits of gauges', async () => {
    ledger.limits({ tail_bytes: 7 });
    expect(await sample('holdfast_limit{name="tail_bytes"}')).toBe(7);
  });

  it('shows process and event-loop metrics in the Prometheus format', async () => {
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await sample('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(await metrics.text()).toContain('nodejs_eventloop_lag_p99_seconds');
  });
});

describe('The metrics of several shards', () => {
  it('are distinguished by the label shard, which the metrics of the process do not have', async () => {
    const several = new Metrics();
    const [zero, one] = [several.ofShard(0), several.ofShard(1)];
    several.sample({ requestsInFlight: () => 3 });
    several.limits({ requests_in_flight: 10 });
    for (const [index, shard] of [zero, one].entries()) {
      shard.limits({ queue_transfers: 7 });
      shard.sample({ queueTransfers: () => 40 + index, journalEntries: () => Number.NaN });
      shard.authority({ epoch: 5 + index, mode: 'CACHE', format: 2, stops: 0 });
      shard.applyCall({ transfers: 10 * (index + 1), seconds: 0.001 });
      shard.breakerMoved('redis', index === 0 ? 'closed' : 'open');
    }
    one.transferAnswered(posted);
    several.problemAnswered('overloaded');
    const lines = (await several.text()).split('\n');
    for (const line of [
      'holdfast_requests_in_flight 3',
      'holdfast_limit{name="requests_in_flight"} 10',
      'holdfast_limit{name="queue_transfers",shard="0"} 7',
      'holdfast_queue_transfers{shard="0"} 40',
      'holdfast_queue_transfers{shard="1"} 41',
      'holdfast_journal_entries{shard="1"} Nan',
      'holdfast_authority_epoch{shard="0"} 5',
      'holdfast_authority_epoch{shard="1"} 6',
      'holdfast_apply_batch_size_sum{shard="1"} 20',
      'holdfast_apply_batch_size_bucket{le="10",shard="0"} 1',
      'holdfast_transfers_total{outcome="posted",shard="0"} 0',
      'holdfast_transfers_total{outcome="posted",shard="1"} 1',
      'holdfast_breaker_state{name="redis",shard="1"} 2',
      'holdfast_errors_total{code="overloaded"} 1',
    ]) {
      expect.soft(lines).toContain(line);
    }
    const types = lines.filter((line) => line.startsWith('# TYPE'));
    expect(new Set(types).size).toBe(types.length);
  });
});

describe('docs/observability.md', () => {
  const page = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');

  it('documents every metric with its labels, and no other metrics', async () => {
    const names = Object.keys(SAMPLED) as Sampled[];
    metrics.sample(Object.fromEntries(names.map((name) => [name, () => 0])));
    metrics.ofCrossings();
    metrics.ofWebhooks();
    const there = (await metrics.text()).matchAll(/^# TYPE (holdfast_\w+) /gm);
    const explained = page.matchAll(/^\| `(holdfast_\w+)(?:\{[\w,]+\})?` \|/gm);
    expect([...explained].map(([, name]) => name).sort()).toEqual([...there].map(([, name]) => name).sort());
  });
});
