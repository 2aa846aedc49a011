import type { Transfer, TransferRequest } from '../types.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What can happen to a request in the model. */
export const FATES = [
  'answered',
  'lost on the way there',
  'lost on the way back',
  'lost and late',
  'answered too late',
  'no connection',
  'overloaded',
  'outcome unknown, done',
  'outcome unknown, not done',
  'outcome unknown, done later',
  'page of a proxy',
  'portal',
  'half an answer',
  'internal error',
  'key refused',
  'day off',
] as const;
export type Fate = (typeof FATES)[number];

const LATE_MS = 30_000;
/** Every transfer of this amount is refused by the business rules. */
export const REFUSED_AMOUNT = '13.00';

interface Stored {
  readonly body: string;
  readonly status: 'POSTED' | 'REJECTED';
}

/** A service that treats each request according to the fate chosen for it, and a `fetch` that reaches the service. */
export class ModelService {
  readonly outcomes = new Map<string, Stored>();
  readonly received: { method: string; path: string; body: string; at: number }[] = [];
  readonly #clock: VirtualClock;
  readonly #fateOf: (request: number) => Fate;

  constructor(clock: VirtualClock, fateOf: (request: number) => Fate) {
    this.#clock = clock;
    this.#fateOf = fateOf;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input));
    const request = { method: init?.method ?? 'GET', path: pathname + search, body: String(init?.body ?? '') };
    const fate = this.#fateOf(this.received.length);
    this.received.push({ ...request, at: this.#clock.elapsedMs });
    const handle = () => this.#handle(request);
    switch (fate) {
      case 'answered':
        return handle();
      case 'lost on the way there':
        throw new TypeError('fetch failed', { cause: new Error('socket hang up') });
      case 'lost on the way back':
        handle();
        throw new TypeError('fetch failed', { cause: new Error('socket hang up') });
      case 'lost and late':
        void this.#clock.sleep(LATE_MS).then(handle);
        throw new TypeError('fetch failed', { cause: new Error('socket hang up') });
      case 'answered too late':
        handle();
        await new Promise((resolve) => init?.signal?.addEventListener('abort', resolve, { once: true }));
        throw init?.signal?.reason;
      case 'no connection':
        throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
      case 'overloaded':
        return problem(503, 'overloaded', { 'Retry-After': '1' });
      case 'day off':
        return problem(503, 'ledger_closed', { 'Retry-After': '86400' });
      case 'outcome unknown, done':
        handle();
        return problem(504, 'outcome_unknown', { 'Retry-After': '1' });
      case 'outcome unknown, not done':
        return problem(504, 'outcome_unknown', { 'Retry-After': '1' });
      case 'outcome unknown, done later':
        void this.#clock.sleep(LATE_MS).then(handle);
        return problem(504, 'outcome_unknown', { 'Retry-After': '1' });
      case 'page of a proxy':
        handle();
        return new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } });
      case 'portal':
        return new Response('<h1>Welcome</h1>', { status: 200, headers: { 'Content-Type': 'text/html' } });
      case 'half an answer':
        return new Response((await handle().text()).slice(0, 40), { status: 201, headers: JSON_HEADERS });
      case 'internal error':
        handle();
        return problem(500, 'internal_error');
      case 'key refused':
        return problem(401, 'unauthenticated');
    }
  };

  #handle({ method, path, body }: { method: string; path: string; body: string }): Response {
    if (path === '/v1/transfers/batch') {
      const { transfers } = JSON.parse(body) as { transfers: TransferRequest[] };
      return json(200, { results: transfers.map((one) => this.#transfer(JSON.stringify(one))) });
    }
    if (method === 'POST') {
      const answer = this.#transfer(body);
      const isPosted = answer.status < 300;
      return isPosted ? json(answer.status, { ...answer, status: 'POSTED' }) : json(answer.status, answer);
    }
    const [, id = ''] = /\/v1\/transfers\/([^?]+)/.exec(path) ?? [];
    const stored = this.outcomes.get(id);
    if (!stored) return problem(404, 'transfer_not_found');
    const { status } = stored;
    const refusal = status === 'REJECTED' ? { refusal: 'insufficient_funds' } : {};
    return json(200, { ...(JSON.parse(stored.body) as Transfer), status, ...refusal });
  }

  #transfer(body: string): { status: number } & object {
    const request = JSON.parse(body) as TransferRequest & { transactionId: string };
    const { transactionId: id } = request;
    const known = this.outcomes.get(id);
    if (known && known.body !== body) return problemBody(409, 'transaction_id_reused');
    const status = known?.status ?? (request.amount === REFUSED_AMOUNT ? 'REJECTED' : 'POSTED');
    this.outcomes.set(id, { body, status });
    if (status === 'REJECTED') return problemBody(422, 'insufficient_funds');
    return { ...request, status: known ? 200 : 201 };
  }
}

const JSON_HEADERS = { 'Content-Type': 'application/json' };
const json = (status: number, body: object) => new Response(JSON.stringify(body), { status, headers: JSON_HEADERS });

const problemBody = (status: number, code: string) => ({ code, status, detail: code, correlationId: 'c' });
const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(problemBody(status, code)), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
