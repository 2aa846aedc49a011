/**
 * k6 as the generator: an open loop in each virtual user, so that a request without an answer does not hold up any
 * other. The recorder in the same pod sets the rate, and gets a line for each attempt.
 */
import exec from 'k6/execution';
import http, { type RefinedResponse } from 'k6/http';
import { setTimeout } from 'k6/timers';
import { majorUnits } from '../../../verification/load/answers.ts';
import { oneOf, smallTown } from '../../../verification/load/population.ts';
import { keptOf, type Line, type TransferLine } from './lines.ts';
import { ATTEMPT_MS_MAX, FRESH_SHARE, READS_SHARE, RECORDER_PORT, RETRY_MS } from './settings.ts';

const USERS = Number(__ENV['USERS'] || 16);
const MINUTES_MAX = 120;
const UNTIL_KNOWN_MS_MAX = 180_000;
const SEND_MS = 500;

const { URL: url = '', KEY: key = '' } = __ENV;
const population = smallTown(__ENV['PREFIX'] ?? '');
const recorder = `http://127.0.0.1:${RECORDER_PORT}`;
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
const HEADERS = { kept: headers, fresh: { ...headers, connection: 'close' } };

export const options = {
  scenarios: {
    load: { executor: 'per-vu-iterations', vus: USERS, iterations: 1, maxDuration: `${MINUTES_MAX}m` },
  },
  systemTags: ['status', 'name', 'error_code'],
  summaryTrendStats: ['med', 'p(99)', 'max'],
};

type Via = Line['via'];
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** No connection could be made, so nothing was sent: https://grafana.com/docs/k6/latest/javascript-api/error-codes/ */
const notDelivered = (code: number): boolean => (code >= 1100 && code < 1200) || (code >= 1210 && code < 1220);

function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}

async function timed(method: string, path: string, via: Via, body: object | null, correlationId = '') {
  const sentAt = Date.now();
  const params = {
    headers: { ...HEADERS[via], ...(correlationId !== '' && { 'x-correlation-id': correlationId }) },
    timeout: ATTEMPT_MS_MAX,
    tags: { name: path.replace(/accounts\/.*/, 'balance') },
  };
  const response = await http.asyncRequest(method, url + path, body && JSON.stringify(body), params);
  const endedAt = Date.now();
  if (response.status !== 0) return { sentAt, endedAt, status: response.status, body: keptOf(parsed(response)) };
  const { error, error_code: code } = response;
  return { sentAt, endedAt, status: 0, error: `k6 ${code} ${error}`.slice(0, 80), delivered: !notDelivered(code) };
}

function parsed({ body }: RefinedResponse<'text' | 'binary' | 'none' | undefined>): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return null;
  }
}

export default async function load(): Promise<void> {
  let lines: Line[] = [];
  let control = { rate: 0, stop: false };
  let underWay = 0;
  let requests = 0;
  const exchange = async () => {
    const sent = lines;
    lines = [];
    const response = await http.asyncRequest('POST', `${recorder}/lines`, JSON.stringify(sent), { timeout: 10_000 });
    if (response.status === 200) control = JSON.parse(String(response.body));
  };
  const transfer = async (
    order: Pick<TransferLine, 'id' | 'source' | 'destination' | 'amount' | 'currency'>,
    via: Via,
  ) => {
    const { id, source, destination, currency } = order;
    const amount = majorUnits(order.amount, currency);
    const body = { transactionId: id, sourceAccount: source, destinationAccount: destination, amount, currency };
    requests += 1;
    const correlationId = `k6-${exec.vu.idInTest}-${requests}`;
    const result = await timed('POST', '/v1/transfers', via, body, correlationId);
    lines.push({ kind: 'transfer', ...order, correlationId, via, ...result });
    return [200, 201, 422].includes(result.status);
  };
  const any = async () => {
    const via: Via = Math.random() < FRESH_SHARE ? 'fresh' : 'kept';
    if (Math.random() < READS_SHARE) {
      const { accountId, currency } = oneOf(population.accounts);
      lines.push({
        kind: 'read',
        accountId,
        currency,
        via,
        ...(await timed('GET', `/v1/accounts/${accountId}/balance`, via, null)),
      });
      return;
    }
    const order = { id: newId(), ...population.pick() };
    const until = Date.now() + UNTIL_KNOWN_MS_MAX;
    let known = await transfer(order, via);
    while (!known && Date.now() < until) {
      await sleep(RETRY_MS * (0.5 + Math.random()));
      known = await transfer(order, 'kept');
    }
  };
  let next = Date.now();
  let sendAt = 0;
  while (!control.stop || underWay > 0) {
    const now = Date.now();
    if (now >= sendAt) {
      await exchange();
      sendAt = Date.now() + SEND_MS;
    }
    if (control.stop || control.rate === 0) {
      await sleep(50);
      next = Date.now();
      continue;
    }
    if (next > now) await sleep(Math.min(next - now, SEND_MS));
    if (next > Date.now()) continue;
    next += (1000 * USERS) / control.rate;
    underWay += 1;
    any().finally(() => {
      underWay -= 1;
    });
  }
  await exchange();
}

export function teardown(): void {
  http.post(`${recorder}/end`, '');
}
