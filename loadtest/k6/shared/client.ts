import { check, sleep } from 'k6';
import exec from 'k6/execution';
import http, { type RefinedResponse } from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { accountId, newId, type Order } from './bank.ts';
import { accounts, key, opensAccounts, urls } from './settings.ts';

type Response = RefinedResponse<'text'>;
export type Fields = Readonly<Record<string, unknown>>;

const posted = new Counter('transfers_posted');
/** 503 and 429 responses, by code: quick refusals by the service. */
const refusals = new Counter('refusals');
const refusalMs = new Trend('refusal_duration', true);
const servedMs = new Trend('served_duration', true);

const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
/** The timeout is longer than the service can hold a request, so that the service's own response arrives first. */
const timeout = '15s';
const named = (name: string) => ({ headers, timeout, tags: { name } });
const READ = named('balance');
const TRANSFER = named('transfer');
const BATCH = named('batch');
const GROUP = named('group');
const PLACE = named('place');
const CAPTURE = named('capture');
const LOOK_UP = named('look-up');
/** Whatever its status, a response is not a failed request here, because nothing is measured yet. */
const START = { ...named('start'), responseCallback: http.expectedStatuses({ min: 0, max: 599 }) };

/** The pod that this virtual user calls. Its connection stays open. */
const home = (): string => urls[exec.vu.idInTest % urls.length] as string;

export function fieldsOf(response: Response): Fields {
  try {
    const value: unknown = JSON.parse(response.body);
    return typeof value === 'object' && value !== null ? (value as Fields) : {};
  } catch {
    return {};
  }
}

/** How long the setup waits for the service. k6's own limit for the setup is 60 s. */
const START_MS_MAX = 45_000;
const START_WAIT_SECONDS_MAX = 5;

/**
 * A cluster may refuse the connections of a new pod until its network policy is in force, and the service may still be
 * starting.
 */
function firstAnswer(send: () => Response): Response {
  const giveUpAt = Date.now() + START_MS_MAX;
  for (let waitSeconds = 0.2; ; waitSeconds = Math.min(2 * waitSeconds, START_WAIT_SECONDS_MAX)) {
    const response = send();
    const { status, error } = response;
    if ((status !== 0 && !isRefusal(status)) || Date.now() > giveUpAt) return response;
    console.warn(`waiting for ${urls[0]}: ${status} ${error}`);
    sleep(waitSeconds * (0.5 + Math.random()));
  }
}

const ACCOUNTS_PER_REQUEST = 1000;
/** High enough that no transfer is rejected for insufficient funds. */
const OVERDRAFT = '10000000.00';

/**
 * Opens the accounts if OPEN_ACCOUNTS is set, for scripts that run alone in a cluster. The key also needs
 * accounts:write.
 */
function openAccounts(): void {
  for (let from = 0; from < accounts; from += ACCOUNTS_PER_REQUEST) {
    const ids = Array.from({ length: Math.min(ACCOUNTS_PER_REQUEST, accounts - from) }, (_, i) => accountId(from + i));
    const list = ids.map((id) => ({ accountId: id, currency: 'EUR', overdraftLimit: OVERDRAFT }));
    const body = JSON.stringify({ accounts: list });
    const opened = firstAnswer(() => http.post(`${urls[0]}/v1/accounts/batch`, body, START));
    if (opened.status !== 200) exec.test.abort(`accounts could not be opened: ${opened.status} ${opened.body}`);
  }
}

/** Checks, before anything is measured, that the key is valid, and that the first and the last account are open. */
export function setup(): void {
  if (key === '')
    exec.test.abort('HOLDFAST_KEY is missing. It must be an API key with balances:read and transfers:write');
  if (opensAccounts) openAccounts();
  for (const id of [accountId(0), accountId(accounts - 1)]) {
    const { status, body, error } = firstAnswer(() => http.get(`${urls[0]}/v1/accounts/${id}/balance`, START));
    if (status !== 200) exec.test.abort(`account ${id} cannot be read: ${status} ${body ?? error}`);
  }
}

const MONEY = /^-?\d+\.\d\d$/;

export function readBalance(id: string): void {
  const response = http.get(`${home()}/v1/accounts/${id}/balance`, READ);
  check(response, {
    'balance of the requested account': () => {
      const { accountId: found, balance, source } = fieldsOf(response);
      return response.status === 200 && found === id && MONEY.test(String(balance)) && source !== undefined;
    },
  });
}

/** Sends a single transfer. A refusal fails the check unless `tolerant` is set. */
export function transfer(order: Order, tolerant = false): void {
  const response = sendTransfer(order);
  if (tolerant && isRefusal(response.status)) {
    noteRefusal(response);
    return;
  }
  servedMs.add(response.timings.duration);
  const good = check(response, {
    'transfer posted as ordered': () => response.status === 201 && isPosted(fieldsOf(response), order),
  });
  if (good) posted.add(1);
}

export const sendTransfer = (order: Order): Response =>
  http.post(`${home()}/v1/transfers`, JSON.stringify(order), TRANSFER);

export const lookUp = (id: string): Response => http.get(`${home()}/v1/transfers/${id}`, LOOK_UP);

export function isPosted(fields: Fields, order: Order): boolean {
  const { status, transactionId, sourceAccount, destinationAccount, amount } = fields;
  return (
    (status === 'POSTED' || status === 200 || status === 201) &&
    transactionId === order.transactionId &&
    sourceAccount === order.sourceAccount &&
    destinationAccount === order.destinationAccount &&
    amount === order.amount
  );
}

/**
 * Sends up to a few hundred transfers in one request. The service may refuse the whole request, or some of its items.
 */
export function batch(orders: readonly Order[], tolerant = false): void {
  const response = http.post(`${home()}/v1/transfers/batch`, JSON.stringify({ transfers: orders }), BATCH);
  if (tolerant && isRefusal(response.status)) {
    noteRefusal(response);
    return;
  }
  const results = (fieldsOf(response)['results'] ?? []) as readonly Fields[];
  const done = results.filter((result, index) => isPosted(result, orders[index] as Order)).length;
  const refused = tolerant ? results.filter(({ status }) => isRefusal(Number(status))).length : 0;
  if (done > 0) servedMs.add(response.timings.duration);
  if (refused > 0) refusals.add(refused, { code: 'in a batch' });
  posted.add(done);
  check(response, { 'batch posted as ordered': () => response.status === 200 && done + refused === orders.length });
}

/** Sends transfers that are made all together, or not at all. */
export function group(orders: readonly Order[]): void {
  const body = JSON.stringify({ groupId: newId(), transfers: orders });
  const response = http.post(`${home()}/v1/transfers/group`, body, GROUP);
  servedMs.add(response.timings.duration);
  const transfers = (fieldsOf(response)['transfers'] ?? []) as readonly Fields[];
  const isWhole =
    transfers.length === orders.length && transfers.every((one, index) => isPosted(one, orders[index] as Order));
  if (check(response, { 'group posted as ordered': () => response.status === 201 && isWhole }))
    posted.add(orders.length);
}

/** Holds the amount of an order, and captures all of it: two requests. */
export function authorizeAndCapture(order: Order): void {
  const { transactionId, sourceAccount: account, destinationAccount, amount, currency } = order;
  const holdId = newId();
  const hold = JSON.stringify({ holdId, account, destinationAccount, amount, currency });
  const placing = http.post(`${home()}/v1/holds`, hold, PLACE);
  servedMs.add(placing.timings.duration);
  const { status, ...placed } = fieldsOf(placing);
  const isPlaced =
    placing.status === 201 &&
    status === 'OPEN' &&
    placed['holdId'] === holdId &&
    placed['account'] === account &&
    placed['destinationAccount'] === destinationAccount &&
    placed['amount'] === amount &&
    placed['remaining'] === amount;
  if (!check(placing, { 'hold placed as ordered': () => isPlaced })) return;
  const capturing = http.post(`${home()}/v1/holds/${holdId}/capture`, JSON.stringify({ transactionId }), CAPTURE);
  servedMs.add(capturing.timings.duration);
  const fields = fieldsOf(capturing);
  const after = (fields['hold'] ?? {}) as Fields;
  const isEnded =
    after['holdId'] === holdId &&
    after['status'] === 'CAPTURED' &&
    after['captured'] === amount &&
    Number(after['remaining']) === 0;
  const good = check(capturing, {
    'hold captured as ordered': () => capturing.status === 201 && isPosted(fields, order) && isEnded,
  });
  if (good) posted.add(1);
}

export const isRefusal = (status: number): boolean => status === 503 || status === 429;

/** Checks a refusal: it must arrive quickly, contain its reason, and state when to retry. */
export function noteRefusal(response: Response): void {
  const code = String(fieldsOf(response)['code']);
  refusals.add(1, { code });
  refusalMs.add(response.timings.duration);
  check(response, {
    'refusal states why, and when to retry': () =>
      code !== 'undefined' && /^\d+$/.test(response.headers['Retry-After'] ?? ''),
  });
}

/** Refusals are not failed requests in a script that provokes them. Call this in the init stage. */
export function expectRefusals(...others: number[]): void {
  http.setResponseCallback(http.expectedStatuses(200, 201, 429, 503, ...others));
}
