/** Panels for clients and the ledger. */
import { gauge, LEDGER, quantiles, rate } from './promql.mjs';

/** @typedef {import('./panels.mjs').Panel} Panel */

const TRANSFERS = 'route="/v1/transfers",method="POST"';
const BALANCES = 'route="/v1/accounts/{id}/balance",method="GET"';
const V1 = 'route=~"/v1/.*"';

/** @type {Panel} */
const SHARE_OF_LIMITS = {
  title: 'Usage of limits',
  about: 'Each gauge as a share of its configured maximum; at 100 % requests are refused.',
  unit: 'percentunit',
  thresholds: [0.5, 0.8],
  queries: ['requests_in_flight', 'event_listeners', 'queue_transfers', 'tail_bytes', 'journal_entries'].map((name) => [
    `max(${gauge(`holdfast_${name}`)} / ignoring (name) ${gauge('holdfast_limit', `name="${name}"`)})`,
    name,
  ]),
};

/** @type {readonly import('./panels.mjs').Row[]} */
export const LEDGER_ROWS = [
  {
    title: 'Traffic and outcomes',
    panels: [
      {
        title: 'Transfers per second',
        about: 'Answered transfers by outcome: posted, replayed, or the code of the refusal or problem.',
        unit: 'ops',
        stack: true,
        queries: [[`sum by (outcome) (${rate('holdfast_transfers_total')})`, '{{outcome}}']],
      },
      {
        title: 'Transfers per second, by pod',
        about: 'The metric that the autoscaler uses.',
        unit: 'ops',
        queries: [[gauge('holdfast:transfers:rate1m'), '{{pod}}']],
      },
      {
        title: 'Limits',
        about:
          'Transfers, groups and holds refused by a limit of an account, and how often the usage of a limit reached 80 or 95 percent.',
        unit: 'ops',
        queries: [
          [`sum by (limit) (${rate('holdfast_limit_refusals_total')})`, 'refused: {{limit}}'],
          [`sum by (limit, percent) (${rate('holdfast_limits_reached_total')})`, '{{percent}} % of {{limit}}'],
        ],
      },
      {
        title: 'Problems per second',
        about: 'Error responses (problems), by code.',
        unit: 'ops',
        queries: [[`sum by (code) (${rate('holdfast_errors_total')})`, '{{code}}']],
      },
      {
        title: '5xx responses',
        about: 'Share of all requests to /v1. More than 1 % for 5 minutes triggers an alert.',
        unit: 'percentunit',
        thresholds: [0.001, 0.01],
        queries: [
          [
            `(sum(${rate('holdfast_http_request_duration_seconds_count', `${V1},status_class="5xx"`)}) or vector(0)) / sum(${rate('holdfast_http_request_duration_seconds_count', V1)})`,
            '5xx',
          ],
        ],
      },
      {
        title: 'Requests per second',
        about: 'By route, with any response.',
        unit: 'reqps',
        queries: [
          [
            `sum by (method, route) (${rate('holdfast_http_request_duration_seconds_count', V1)})`,
            '{{method}} {{route}}',
          ],
        ],
      },
      SHARE_OF_LIMITS,
      {
        title: 'Client connections, by pod',
        about:
          'Open connections, and how many per second are closed because of their age. After a scale-up, connections should be evenly spread over the pods within CONNECTION_AGE_MAX_MS.',
        queries: [
          [gauge('holdfast_client_connections'), '{{pod}}'],
          [`sum(${rate('holdfast_connections_expired_total')})`, 'closed by age per second'],
        ],
      },
    ],
  },
  {
    title: 'Events',
    panels: [
      {
        title: 'Listeners, by pod',
        about: 'Open streams of GET /v1/events.',
        queries: [[gauge('holdfast_event_listeners'), '{{pod}}']],
      },
      {
        title: 'Ended streams per second',
        about:
          'By reason. Streams of slow clients are closed (too_slow); when a pod stops, its clients reconnect to another one.',
        unit: 'ops',
        queries: [[`sum by (reason) (${rate('holdfast_event_listeners_ended_total')})`, '{{reason}}']],
      },
      {
        title: 'Listeners that fell behind per second',
        about: 'These listeners did not read new events in time. They get them from the log when they read again.',
        unit: 'ops',
        queries: [[`sum by (pod) (${rate('holdfast_event_listeners_behind_total')})`, '{{pod}}']],
      },
      {
        title: 'Feed behind the log',
        about: 'Time since each pod last reached the end of the sealed log. Over 30 s triggers an alert.',
        unit: 's',
        thresholds: [5, 30],
        queries: [[gauge('holdfast_event_feed_behind_seconds'), '{{pod}}']],
      },
    ],
  },
  {
    title: 'Webhooks',
    panels: [
      {
        title: 'Webhooks, by state',
        about:
          'All webhooks of the ledger, those of each process, and failing ones. A stopped webhook triggers an alert.',
        queries: [
          ['max(holdfast_webhooks_active)', 'active'],
          ['max(holdfast_webhooks_stopped)', 'stopped'],
          [gauge('holdfast_webhooks_held'), 'held by {{pod}}'],
          ['sum(holdfast_webhooks_failing)', 'failing'],
        ],
      },
      {
        title: 'Requests to webhooks per second',
        about: 'By kind and result, and the events that were accepted.',
        unit: 'ops',
        queries: [
          [`sum by (kind, result) (${rate('holdfast_webhook_attempts_total')})`, '{{kind}} {{result}}'],
          [`sum(${rate('holdfast_webhook_events_total')})`, 'accepted events'],
        ],
      },
      {
        title: 'Duration of requests to webhooks',
        about: 'Half of the requests take no longer than p50. A slow receiver delays only its own events.',
        unit: 's',
        queries: [
          [`histogram_quantile(0.5, sum by (le) (${rate('holdfast_webhook_request_seconds_bucket')}))`, 'p50'],
          [`histogram_quantile(0.99, sum by (le) (${rate('holdfast_webhook_request_seconds_bucket')}))`, 'p99'],
        ],
      },
      {
        title: 'Webhook furthest behind',
        about: 'How long this webhook has had events to deliver. Over 15 minutes triggers an alert.',
        unit: 's',
        thresholds: [60, 900],
        queries: [[gauge('holdfast_webhook_behind_seconds'), '{{pod}}']],
      },
    ],
  },
  {
    title: 'Latency',
    panels: [
      {
        title: 'Transfer latency (target: p95 within 50 ms)',
        about: 'POST /v1/transfers, from the headers of the request to the end of the response.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: quantiles('holdfast_http_request_duration_seconds', [0.5, 0.95, 0.99], TRANSFERS),
      },
      {
        title: 'Balance latency (target: p95 within 10 ms)',
        about: 'GET of one balance.',
        unit: 's',
        thresholds: [0.005, 0.01],
        queries: quantiles('holdfast_http_request_duration_seconds', [0.5, 0.95, 0.99], BALANCES),
      },
      {
        title: 'Duration of script calls to Redis',
        about: 'Including the round trip. A p99 above 50 ms for 5 minutes triggers an alert.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: quantiles('holdfast_apply_duration_seconds', [0.5, 0.99]),
      },
      {
        title: 'Transfers per script call',
        about: 'The mean grows with the load, so one Redis can keep up.',
        queries: [
          [`sum(${rate('holdfast_apply_batch_size_sum')}) / sum(${rate('holdfast_apply_batch_size_count')})`, 'mean'],
        ],
      },
    ],
  },
  {
    title: 'Holds',
    panels: [
      {
        title: 'Open holds',
        about: 'Open holds by currency, counted by a keeper in MySQL about once per minute.',
        stack: true,
        queries: [[`max by (currency) (${gauge('holdfast_holds_open')})`, '{{currency}}']],
      },
      {
        title: 'Held amounts',
        about: 'The total that open holds reserve, in minor units of each currency.',
        queries: [[`max by (currency) (${gauge('holdfast_held_minor_units')})`, '{{currency}}']],
      },
      {
        title: 'Expired holds per second',
        about: 'Holds that were ended because they were due. One pod at a time does this.',
        unit: 'ops',
        queries: [[`sum by (pod) (${rate('holdfast_holds_expired_total')})`, '{{pod}}']],
      },
      {
        title: 'Delay of expiries',
        about: 'How late the oldest expiry is. More than 30 s for a minute triggers an alert.',
        unit: 's',
        thresholds: [5, 30],
        queries: [[`max(${gauge('holdfast_hold_expiry_delay_seconds')})`, 'delay']],
      },
      {
        title: 'Holds in Redis',
        about: 'At CACHED_HOLDS_MAX, holds that are in MySQL are evicted, beginning with those that have ended.',
        queries: [[`max(${gauge('holdfast_holds_cached')})`, 'holds']],
      },
    ],
  },
  {
    title: 'Ledger',
    panels: [
      {
        title: 'Mode',
        about:
          'Number of processes that report each mode. CACHE is the normal mode; in CLOSING, writes wait or are refused.',
        stack: true,
        queries: [[`sum by (mode) (${gauge('holdfast_authority_mode')})`, '{{mode}}']],
      },
      {
        title: 'Emergency stop',
        about: '1 while an operator has stopped the ledger: every change is refused until it is released.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_ledger_stopped')})`, 'stopped']],
      },
      {
        title: 'Epoch',
        about: 'The current epoch as seen by each process. The fence rejects calls of a process with an old epoch.',
        queries: [[gauge('holdfast_authority_epoch'), '{{pod}}']],
      },
      {
        title: 'Rule format',
        about:
          'Version of the rules of the ledger. An operator raises it after an upgrade; until then, new features are not active.',
        stat: true,
        queries: [[`max(${gauge('holdfast_rule_format')})`, 'format']],
      },
      {
        title: 'Clock offset',
        about:
          "How far each process's clock is ahead of the ledger's. A single wrong clock has no effect; if all deviate, a store's clock is wrong.",
        unit: 's',
        queries: [[gauge('holdfast_clock_offset_seconds'), '{{pod}}']],
      },
      {
        title: 'Frozen accounts',
        about: 'Accounts that wait for the journal of a lost Redis.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_frozen_accounts')})`, 'accounts']],
      },
      {
        title: 'Queue',
        about: 'Transfers in a pod that wait for their script call.',
        queries: [[gauge('holdfast_queue_transfers'), '{{pod}}']],
      },
      {
        title: 'Requests in flight',
        about: 'Requests that a pod is handling.',
        queries: [[gauge('holdfast_requests_in_flight'), '{{pod}}']],
      },
      {
        title: 'Journal',
        about: 'Journal entries that are not in MySQL yet, as last seen by each keeper.',
        queries: [[gauge('holdfast_journal_entries'), '{{pod}}']],
      },
      {
        title: 'Age of the oldest journal entry',
        about: 'The target is 30 s. If there is no line, no keeper is running.',
        unit: 's',
        thresholds: [5, 30],
        queries: [[`holdfast:journal_age_seconds:min{${LEDGER}}`, 'age']],
      },
      {
        title: 'Tail',
        about: 'Entries in the memory of a pod that may not be in MySQL yet.',
        queries: [[gauge('holdfast_tail_entries'), '{{pod}}']],
      },
      {
        title: 'Memory of the tail',
        about: 'At TAIL_BYTES_MAX, the pod refuses writes.',
        unit: 'bytes',
        queries: [[gauge('holdfast_tail_bytes'), '{{pod}}']],
      },
    ],
  },
  {
    title: 'Transfers between shards',
    panels: [
      {
        title: 'Ended per second',
        about: 'By how they ended, and by whether a request or a courier ended them.',
        unit: 'ops',
        queries: [[`sum by (end, by) (${rate('holdfast_crossings_total')})`, '{{end}} by {{by}}']],
      },
      {
        title: 'Open transfers',
        about: 'By source and destination shard. They hold money in transit; couriers complete them.',
        queries: [[`max by (from, to) (${gauge('holdfast_crossings_open')})`, '{{from}} to {{to}}']],
      },
      {
        title: 'Oldest open transfer',
        about: 'By source and destination shard.',
        unit: 's',
        queries: [[`max by (from, to) (${gauge('holdfast_crossings_oldest_age_seconds')})`, '{{from}} to {{to}}']],
      },
      {
        title: 'Problems of legs and couriers',
        about: 'Legs that left a transfer open, and failed attempts of couriers; both are repeated.',
        unit: 'ops',
        queries: [
          [
            `sum by (leg, unexpected) (${rate('holdfast_crossing_leg_problems_total')})`,
            '{{leg}}, unexpected: {{unexpected}}',
          ],
          [`sum(${rate('holdfast_courier_failures_total')})`, 'courier'],
        ],
      },
      {
        title: 'Mismatched transfers between shards',
        about: 'Differences that the latest comparison found; the report of the reconciliation lists them.',
        queries: [
          [
            `max(${gauge('holdfast_crossing_differences')} and ${gauge('holdfast_crossings_compared_timestamp_seconds')} > 0)`,
            'differences',
          ],
        ],
      },
      {
        title: 'Returned money without an account',
        about: 'Money on ~returns accounts, in minor units. An operator has to pay it out.',
        queries: [[`max by (shard, currency) (${gauge('holdfast_returns_minor_units')})`, '{{currency}} {{shard}}']],
      },
    ],
  },
];
