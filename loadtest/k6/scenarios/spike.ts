/**
 * Five times the usual rate for a fifth of the time, and back. During the spike, the service may refuse requests.
 * Before and after it, nothing may be refused; after it, everything must be as fast as before, because the backlog must
 * not slow down later requests.
 */
import { anyOrder } from '../shared/bank.ts';
import { expectRefusals, transfer } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const TIMES = 5;
const [rate, seconds] = [rateOr(200), secondsOr(30)];
const part = Math.max(1, Math.floor(seconds / 5));

expectRefusals();

export const options = optionsOf(
  {
    before: arrivals('pay', rate, 2 * part),
    spike: arrivals('payIfYouCan', rate * TIMES, part, 2 * part, 1000),
    after: arrivals('pay', rate, 2 * part, 3 * part),
  },
  {
    'http_req_duration{scenario:before}': [below('p(95)', 50), below('p(99)', 100)],
    'http_req_duration{scenario:spike}': [below('p(99)', 1000)],
    'http_req_duration{scenario:after}': [below('p(95)', 50), below('p(99)', 100)],
    refusal_duration: [below('p(99)', 20)],
  },
  rate * part * (4 + TIMES),
);

export const pay = (): void => transfer(anyOrder());
export const payIfYouCan = (): void => transfer(anyOrder(), true);
