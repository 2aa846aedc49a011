/** Panels for the flush, the stores, the processes and the reconciliation. */
import { gauge, LEDGER, quantiles, rate } from './promql.mjs';

/** @type {readonly import('./panels.mjs').Row[]} */
export const MACHINERY_ROWS = [
  {
    title: 'Flush',
    panels: [
      {
        title: 'Lag',
        about:
          'Time from acceptance to commit in MySQL, per transfer. The target is 30 s; a p99 above 5 s triggers an alert.',
        unit: 's',
        thresholds: [5, 30],
        queries: [
          ...quantiles('holdfast_flush_lag_seconds', [0.5, 0.99]),
          [`max(${gauge('holdfast_flush_lag_latest')})`, 'longest in the latest flush'],
        ],
      },
      {
        title: 'Flush duration',
        about: 'Duration of one MySQL transaction.',
        unit: 's',
        queries: quantiles('holdfast_flush_duration_seconds', [0.5, 0.99]),
      },
      {
        title: 'Transfers flushed per second',
        about: 'If fewer transfers are flushed than posted, the journal grows.',
        unit: 'ops',
        queries: [
          [`sum(${rate('holdfast_flush_batch_size_sum')})`, 'flushed'],
          [`sum(${rate('holdfast_transfers_total', 'outcome="posted"')})`, 'posted'],
        ],
      },
      {
        title: 'Flush failures and alert',
        about: 'Failed flushes per second. The alert is 1 after several consecutive failures.',
        thresholds: [0.5, 1],
        queries: [
          [`sum(${rate('holdfast_flush_failures_total')})`, 'failures per second'],
          [`max(${gauge('holdfast_flush_alert')})`, 'alert'],
        ],
      },
      {
        title: 'Age of the oldest unsealed entry',
        about: 'How long the oldest committed entry has been waiting to be appended to the sealed log.',
        unit: 's',
        thresholds: [1, 60],
        queries: [[`max(${gauge('holdfast_log_waiting_seconds')})`, 'oldest']],
      },
      {
        title: 'Rows of the sealed log per second',
        about: 'About one for each flush; up to four per second while MySQL has the authority.',
        queries: [[`sum(deriv(${gauge('holdfast_log_position')}[1m]))`, 'rows per second']],
      },
      {
        title: 'Search index: delay',
        about:
          'Time since the search index last contained everything that was in the sealed log, and whether it is complete (1). Empty if no process has the role search.',
        unit: 's',
        thresholds: [2, 30],
        queries: [
          [`max(${gauge('holdfast_search_behind_seconds')})`, 'behind'],
          [`min(${gauge('holdfast_search_ready')})`, 'complete'],
        ],
      },
      {
        title: 'Search index: entries per second',
        about: 'Entries of the sealed log that were added to the index.',
        unit: 'ops',
        queries: [[`sum(${rate('holdfast_search_entries_total')})`, 'entries per second']],
      },
      {
        title: 'Faults found by the self-check',
        about: 'Differences between the sealed log and the books in the latest run. Any difference triggers a page.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_audit_faults')})`, 'faults']],
      },
      {
        title: 'Time since a self-check without a fault',
        about: 'More than three days triggers an alert. Empty if no self-check has been completed yet.',
        unit: 's',
        stat: true,
        thresholds: [100_000, 259_200],
        queries: [[`time() - (max(${gauge('holdfast_audit_last_success_timestamp_seconds')}) > 0)`, 'ago']],
      },
      {
        title: 'Time since the latest anchor',
        about: 'More than 10 minutes triggers an alert. Empty if keepers have no key to sign the sealed log with.',
        unit: 's',
        thresholds: [120, 600],
        queries: [[`time() - (max(${gauge('holdfast_audit_last_anchor_timestamp_seconds')}) > 0)`, 'ago']],
      },
      {
        title: 'Changes of the sealed log',
        about: 'How often the log no longer had the hash that a keeper had signed. Each occurrence triggers a page.',
        thresholds: [0.5, 1],
        queries: [[`sum(increase(${gauge('holdfast_audit_anchor_conflicts_total')}[1h]))`, 'conflicts']],
      },
    ],
  },
  {
    title: 'Stores',
    panels: [
      {
        title: 'Circuit breakers',
        about: '0: closed (the store is available), 1: half-open, 2: open (the process counts the store as down).',
        thresholds: [1, 2],
        max: 2,
        queries: [[`max by (pod, name) (${gauge('holdfast_breaker_state')})`, '{{pod}} {{name}}']],
      },
      {
        title: 'Errors per second',
        about: 'Connection errors and error replies.',
        unit: 'ops',
        queries: [
          [`sum by (pod) (${rate('holdfast_redis_errors_total')})`, '{{pod}} Redis'],
          [`sum by (pod) (${rate('holdfast_mysql_errors_total')})`, '{{pod}} MySQL'],
        ],
      },
      {
        title: 'Retries per second',
        about: 'Repeated attempts, by operation.',
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
          'Share of the accounts of transfers and reads that do not have to be loaded from MySQL. Less than 90 % triggers an alert.',
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
        about: 'At CACHED_ACCOUNTS_MAX, the least recently used accounts are evicted.',
        queries: [[`max(${gauge('holdfast_accounts_cached')})`, 'accounts']],
      },
      {
        title: 'Evicted accounts per second',
        about: 'If there are many evictions and many misses, CACHED_ACCOUNTS_MAX is too small.',
        unit: 'ops',
        queries: [[`sum(${rate('holdfast_evictions_total')})`, 'evictions']],
      },
      {
        title: 'Ids looked up in MySQL',
        about: 'Per transfer. These ids are not UUIDv7, or are older than the ids that Redis keeps.',
        unit: 'percentunit',
        thresholds: [0.05, 0.1],
        queries: [[`sum(${rate('holdfast_id_lookups_total')}) / sum(${rate('holdfast_transfers_total')})`, 'lookups']],
      },
    ],
  },
  {
    title: 'Processes',
    panels: [
      {
        title: 'CPU',
        about: 'In cores. A process uses at most slightly more than one core.',
        unit: 'none',
        queries: [[rate('process_cpu_seconds_total'), '{{pod}}']],
      },
      {
        title: 'Memory',
        about: 'Resident memory.',
        unit: 'bytes',
        queries: [[gauge('process_resident_memory_bytes'), '{{pod}}']],
      },
      {
        title: 'Event-loop lag, p99',
        about: 'Includes the 10 ms of the timer that measures the lag.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: [[gauge('nodejs_eventloop_lag_p99_seconds'), '{{pod}}']],
      },
      {
        title: 'Time in garbage collection',
        about: 'Share of the time.',
        unit: 'percentunit',
        queries: [[`sum by (pod, kind) (${rate('nodejs_gc_duration_seconds_sum')})`, '{{pod}} {{kind}}']],
      },
      {
        title: 'Uptime',
        about: 'Time since each process started.',
        unit: 's',
        queries: [[`time() - ${gauge('process_start_time_seconds')}`, '{{pod}}']],
      },
      {
        title: 'Log lines lost per second',
        about: 'The reader of the log is too slow or gone. Postings are not lost: they are in MySQL.',
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
        title: 'Accounts with drift',
        about: 'Found by the latest run. Even a single account with drift triggers a page.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(last_over_time(holdfast:reconciliation_drift_accounts:latest{${LEDGER}}[26h]))`, 'accounts']],
      },
      {
        title: 'Redis of another ledger',
        about: '1: Redis belongs to another installation, so the ledger runs on MySQL.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_redis_foreign')})`, 'foreign']],
      },
      {
        title: 'Drift by currency',
        about: 'In minor units, as last found by each process. Empty if no currency has drift.',
        queries: [[`max by (currency) (${gauge('holdfast_reconciliation_drift_minor_units')})`, '{{currency}}']],
      },
      {
        title: 'Time since the latest run',
        about: 'More than 26 hours triggers an alert. Empty if there was no run within 26 hours.',
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
