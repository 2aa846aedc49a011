/**
 * Failure under load. A fault is injected during the run (`npm run k6 -- failure` kills a pod, then Redis). Each
 * transfer is sent, always under the same id, until its outcome is known, and then once more: the last request must
 * return the same transfer as a replay, and the lookup must return it, too. Errors along the way are allowed; an
 * unknown outcome at the end is not.
 */
import { check, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { anyOrder, type Order } from '../shared/bank.ts';
import { expectRefusals, type Fields, fieldsOf, isPosted, lookUp, sendTransfer } from '../shared/client.ts';
import { arrivals, optionsOf, rateOr, recoverySeconds, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(50), secondsOr(30)];
const RETRY_AFTER_MS_MAX = 2000;
const PAUSE_MS = 200;

const known = new Counter('ids_known');
const unknown = new Counter('ids_unknown');
const retried = new Counter('ids_retried');
const replayedFirst = new Counter('ids_answered_by_an_earlier_attempt');
const knownAfter = new Trend('ids_known_after', true);

/**
 * After no answer (0) or a 504, the outcome is in doubt; 503 and 429 are refusals. A retry with the same id follows in
 * all cases.
 */
const AGAIN = new Set([0, 429, 500, 502, 503, 504]);
expectRefusals(0, 500, 502, 504);

/**
 * A virtual user keeps its id until the outcome is known, so there must be enough users for all transfers that may wait
 * at the same time.
 */
const waiting = arrivals('payUntilKnown', rate, seconds, 0, recoverySeconds * 1000);

export const options = optionsOf(
  { failure: { ...waiting, gracefulStop: `${recoverySeconds * 2}s` } },
  { ids_unknown: ['count==0'], ids_known: [`count>=${Math.floor(rate * seconds * 0.99)}`] },
  rate * seconds,
);

/** Sends until there is an outcome; null if none arrived in time. */
function untilAnswered(send: () => ReturnType<typeof sendTransfer>, until: number) {
  for (let attempts = 1; ; attempts++) {
    const response = send();
    if (!AGAIN.has(response.status)) return { response, attempts };
    if (Date.now() >= until) return null;
    const asked = Number(response.headers['Retry-After'] ?? 0) * 1000;
    // Jitter keeps requests that were refused together from being retried together.
    sleep((Math.min(RETRY_AFTER_MS_MAX, Math.max(PAUSE_MS, asked)) * (0.5 + Math.random())) / 1000);
  }
}

const SAME = ['sourceVersion', 'destinationVersion', 'sourceBalance', 'destinationBalance', 'acceptedAt'];
const agree = (one: Fields, other: Fields): boolean => SAME.every((field) => one[field] === other[field]);

export function payUntilKnown(): void {
  const order: Order = anyOrder();
  const since = Date.now();
  const until = since + recoverySeconds * 1000;
  const first = untilAnswered(() => sendTransfer(order), until);
  const again = first && untilAnswered(() => sendTransfer(order), until);
  const found = again && untilAnswered(() => lookUp(order.transactionId), until);
  if (!first || !again || !found) {
    unknown.add(1);
    console.error(`the outcome of ${order.transactionId} is unknown`);
    return;
  }
  known.add(1);
  knownAfter.add(Date.now() - since);
  if (first.attempts > 1) retried.add(1);
  const [outcome, replay, record] = [first, again, found].map(({ response }) => fieldsOf(response)) as [
    Fields,
    Fields,
    Fields,
  ];
  if (outcome['replayed'] === true) replayedFirst.add(1);
  check(null, {
    'posted as ordered': () => [200, 201].includes(first.response.status) && isPosted(outcome, order),
    'sent again: the same transfer, replayed': () =>
      again.response.status === 200 && replay['replayed'] === true && isPosted(replay, order) && agree(outcome, replay),
    'looked up: the same transfer': () => found.response.status === 200 && isPosted(record, order),
  });
}
