/** What clients and the ledger see. */
import { gauge, LEDGER, quantiles, rate } from './promql.mjs';

/** @typedef {import('./panels.mjs').Panel} Panel */

const TRANSFERS = 'route="/v1/transfers",method="POST"';
const BALANCES = 'route="/v1/accounts/{id}/balance",method="GET"';
const V1 = 'route=~"/v1/.*"';

/** @type {Panel} */
const SHARE_OF_LIMITS = {
  title: 'How near to the limits',
  about: 'Each gauge against what it may rise to; at 100 % requests are refused.',
  unit: 'percentunit',
  thresholds: [0.5, 0.8],
  queries: ['requests_in_flight', 'queue_transfers', 'tail_bytes', 'journal_entries'].map((name) => [
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
        title: 'Transfers per second and pod',
        about: 'What the autoscaler scales on.',
        unit: 'ops',
        queries: [[gauge('holdfast:transfers:rate1m'), '{{pod}}']],
      },
      {
        title: 'Problems per second',
        about: 'Requests answered by a problem, by its code.',
        unit: 'ops',
        queries: [[`sum by (code) (${rate('holdfast_errors_total')})`, '{{code}}']],
      },
      {
        title: 'Requests answered 5xx',
        about: 'Share of all requests to /v1. Over 1 % for 5 minutes is an alert.',
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
        about: 'By route, whatever they were answered.',
        unit: 'reqps',
        queries: [
          [
            `sum by (method, route) (${rate('holdfast_http_request_duration_seconds_count', V1)})`,
            '{{method}} {{route}}',
          ],
        ],
      },
      SHARE_OF_LIMITS,
    ],
  },
  {
    title: 'Latency',
    panels: [
      {
        title: 'Transfers: p95 within 50 ms',
        about:
          'POST /v1/transfers, from the head of the request to the end of the answer. p95 is promised within 50 ms.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: quantiles('holdfast_http_request_duration_seconds', [0.5, 0.95, 0.99], TRANSFERS),
      },
      {
        title: 'Balances: p95 within 10 ms',
        about: 'GET of one balance. p95 is promised within 10 ms.',
        unit: 's',
        thresholds: [0.005, 0.01],
        queries: quantiles('holdfast_http_request_duration_seconds', [0.5, 0.95, 0.99], BALANCES),
      },
      {
        title: 'Script calls to Redis',
        about: 'Round trip included. p99 over 50 ms for 5 minutes is an alert.',
        unit: 's',
        thresholds: [0.025, 0.05],
        queries: quantiles('holdfast_apply_duration_seconds', [0.5, 0.99]),
      },
      {
        title: 'Transfers per script call',
        about: 'The mean grows with the load: that is how one Redis keeps up.',
        queries: [
          [`sum(${rate('holdfast_apply_batch_size_sum')}) / sum(${rate('holdfast_apply_batch_size_count')})`, 'mean'],
        ],
      },
    ],
  },
  {
    title: 'Ledger',
    panels: [
      {
        title: 'Mode',
        about:
          'Processes that know the ledger in this mode. CACHE is the usual one; in CLOSING nothing can be written.',
        stack: true,
        queries: [[`sum by (mode) (${gauge('holdfast_authority_mode')})`, '{{mode}}']],
      },
      {
        title: 'Epoch',
        about: 'As each process knows it. A process that stays behind is refused by the fence.',
        queries: [[gauge('holdfast_authority_epoch'), '{{pod}}']],
      },
      {
        title: 'Clock offset',
        about:
          "How far each process's clock is ahead of the ledger's. A single deviating clock affects nothing; if all deviate, a store's clock is wrong.",
        unit: 's',
        queries: [[gauge('holdfast_clock_offset_seconds'), '{{pod}}']],
      },
      {
        title: 'Frozen accounts',
        about: 'They wait for the journal of a Redis that has gone.',
        stat: true,
        thresholds: [0.5, 1],
        queries: [[`max(${gauge('holdfast_frozen_accounts')})`, 'accounts']],
      },
      {
        title: 'Queue',
        about: 'Transfers that wait in a pod for their script call.',
        queries: [[gauge('holdfast_queue_transfers'), '{{pod}}']],
      },
      {
        title: 'Requests in flight',
        about: 'Requests that a pod is handling.',
        queries: [[gauge('holdfast_requests_in_flight'), '{{pod}}']],
      },
      {
        title: 'Journal',
        about: 'Entries that are not in MySQL yet, as each keeper saw them last.',
        queries: [[gauge('holdfast_journal_entries'), '{{pod}}']],
      },
      {
        title: 'Age of the oldest entry',
        about: 'Over 30 s breaks the promise. No line: no keeper.',
        unit: 's',
        thresholds: [5, 30],
        queries: [[`holdfast:journal_age_seconds:min{${LEDGER}}`, 'age']],
      },
      {
        title: 'Tail',
        about: 'Entries in the memory of a pod that it does not know to be in MySQL.',
        queries: [[gauge('holdfast_tail_entries'), '{{pod}}']],
      },
      {
        title: 'Memory of the tail',
        about: 'Against TAIL_BYTES_MAX, at which the pod refuses writes.',
        unit: 'bytes',
        queries: [[gauge('holdfast_tail_bytes'), '{{pod}}']],
      },
    ],
  },
];
