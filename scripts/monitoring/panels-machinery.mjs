/** What works behind the ledger. */
import { gauge, LEDGER, quantiles, rate } from './promql.mjs';

/** @type {readonly import('./panels.mjs').Row[]} */
export const MACHINERY_ROWS = [
  {
    title: 'Flush',
    panels: [
      {
        title: 'Lag',
        about: 'From acceptance to commit in MySQL, per transfer. 30 s are promised, p99 over 5 s is an alert.',
        unit: 's',
        thresholds: [5, 30],
        queries: [
          ...quantiles('holdfast_flush_lag_seconds', [0.5, 0.99]),
          [`max(${gauge('holdfast_flush_lag_latest')})`, 'longest of the latest flush'],
        ],
      },
      {
        title: 'Duration of a flush',
        about: 'One transaction in MySQL.',
        unit: 's',
        queries: quantiles('holdfast_flush_duration_seconds', [0.5, 0.99]),
      },
      {
        title: 'Transfers flushed per second',
        about: 'Below the transfers that are posted, the journal grows.',
        unit: 'ops',
        queries: [
          [`sum(${rate('holdfast_flush_batch_size_sum')})`, 'flushed'],
          [`sum(${rate('holdfast_transfers_total', 'outcome="posted"')})`, 'posted'],
        ],
      },
      {
        title: 'Failures and alert',
        about:
          'Flushes that failed per second; the alert is 1 after several in a row, or when the lag is over its limit.',
        thresholds: [0.5, 1],
        queries: [
          [`sum(${rate('holdfast_flush_failures_total')})`, 'failures per second'],
          [`max(${gauge('holdfast_flush_alert')})`, 'alert'],
        ],
      },
    ],
  },
  {
    title: 'Stores',
    panels: [
      {
        title: 'Breakers',
        about: '0 closed (fine), 1 half-open, 2 open: the process counts that store as down.',
        thresholds: [1, 2],
        max: 2,
        queries: [[`max by (pod, name) (${gauge('holdfast_breaker_state')})`, '{{pod}} {{name}}']],
      },
      {
        title: 'Errors per second',
        about: 'Of the connections and of the replies.',
        unit: 'ops',
        queries: [
          [`sum by (pod) (${rate('holdfast_redis_errors_total')})`, '{{pod}} Redis'],
          [`sum by (pod) (${rate('holdfast_mysql_errors_total')})`, '{{pod}} MySQL'],
        ],
      },
      {
        title: 'Retries per second',
        about: 'Attempts beyond the first, by what is tried again.',
        unit: 'ops',
        queries: [[`sum by (what) (${rate('holdfast_retries_total')})`, '{{what}}']],
      },
    ],
  },
  {
    title: 'Accounts and ids',
    panels: [
      {
        title: 'Accounts found in Redis',
        about:
          'Share of the accounts of transfers and reads that need not be loaded from MySQL. Under 90 % is an alert.',
        unit: 'percentunit',
        max: 1,
        queries: [
          [
            `sum(${rate('holdfast_account_cache_total', 'result="hit"')}) / sum(${rate('holdfast_account_cache_total')})`,
            'hits',
          ],
        ],
      },
      {
        title: 'Accounts in Redis',
        about: 'At CACHED_ACCOUNTS_MAX the coldest are let go.',
        queries: [[`max(${gauge('holdfast_accounts_cached')})`, 'accounts']],
      },
      {
        title: 'Accounts let go per second',
        about: 'Many, with many misses: CACHED_ACCOUNTS_MAX is too small.',
        unit: 'ops',
        queries: [[`sum(${rate('holdfast_evictions_total')})`, 'evictions']],
      },
      {
        title: 'Ids looked up in MySQL',
        about: 'Per transfer: ids that are no UUIDv7, or older than the window.',
        unit: 'percentunit',
        thresholds: [0.05, 0.1],
        queries: [[`sum(${rate('holdfast_id_lookups_total')}) / sum(${rate('holdfast_transfers_total')})`, 'look-ups']],
      },
    ],
  },
  {
    title: 'Processes',
    panels: [
      {
        title: 'CPU',
        about: 'Cores. One process uses little more than one.',
        unit: 'none',
        queries: [[rate('process_cpu_seconds_total'), '{{pod}}']],
      },
      {
        title: 'Memory',
        about: 'Resident.',
        unit: 'bytes',
        queries: [[gauge('process_resident_memory_bytes'), '{{pod}}']],
      },
      {
        title: 'Event-loop lag, p99',
        about: 'Includes the 10 ms of the timer that measures it.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: [[gauge('nodejs_eventloop_lag_p99_seconds'), '{{pod}}']],
      },
      {
        title: 'Time in garbage collection',
        about: 'Share of a second.',
        unit: 'percentunit',
        queries: [[`sum by (pod, kind) (${rate('nodejs_gc_duration_seconds_sum')})`, '{{pod}} {{kind}}']],
      },
      {
        title: 'Uptime',
        about: 'Since the start of each process.',
        unit: 's',
        queries: [[`time() - ${gauge('process_start_time_seconds')}`, '{{pod}}']],
      },
      {
        title: 'Log lines lost per second',
        about: 'Their reader is too slow or gone. Postings are not lost: they are in MySQL.',
        unit: 'ops',
        thresholds: [0.001, 1],
        queries: [[`sum by (pod) (${rate('holdfast_log_lines_dropped_total')})`, '{{pod}}']],
      },
    ],
  },
  {
    title: 'Reconciliation',
    panels: [
      {
        title: 'Accounts that differ',
        about: 'As the latest run found them. Any is a reason to wake somebody up.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(last_over_time(holdfast:reconciliation_drift_accounts:latest{${LEDGER}}[26h]))`, 'accounts']],
      },
      {
        title: 'Redis of another ledger',
        about: '1: Redis belongs to another installation, and the ledger runs without it.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_redis_foreign')})`, 'foreign']],
      },
      {
        title: 'Drift by currency',
        about: 'In minor units, as each process found it last. Empty: none.',
        queries: [[`max by (currency) (${gauge('holdfast_reconciliation_drift_minor_units')})`, '{{currency}}']],
      },
      {
        title: 'Since the latest run',
        about: 'Over 26 hours is an alert. Empty: none within 26 hours.',
        unit: 's',
        stat: true,
        thresholds: [90_000, 93_600],
        queries: [
          [
            `time() - (max(max_over_time(${gauge('holdfast_reconciliation_last_success_timestamp_seconds')}[26h])) > 0)`,
            'ago',
          ],
        ],
      },
    ],
  },
];
