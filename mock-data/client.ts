import { Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as AgentTls, request as requestHttps } from 'node:https';
import { type Clock, systemClock } from '../app/kernel/clock.ts';
import { DEFAULT_RETRY, parseRetryAfter, Retry, type RetryPolicy } from './retry.ts';

export interface ClientOptions {
  /** Base URLs of the API: pods or an ingress. If one fails, the next one is used. */
  urls: readonly string[];
  apiKey: string;
  /** An answer after this time counts as a lost connection. The limit is longer than the service can hold a request. */
  timeoutMs?: number;
  retry?: RetryPolicy;
  clock?: Clock;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  /** Parsed JSON, or undefined if there is none. */
  body: unknown;
  etag: string | undefined;
  retryAfterMs: number | null;
}

/**
 * Thrown when no answer has arrived: the request may or may not have been carried out. Repeating it with the same ids
 * returns its outcome.
 */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Thrown when the service has answered with an error that a retry would not fix. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(what: string, answer: Answer) {
    super(`${what} was answered with ${describe(answer)}`);
    this.status = answer.status;
  }
}

/** Statuses after which the same request may be retried; 502 comes from a gateway that lost its pod. */
export function isRetryable(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/** A member of a JSON object, or undefined if the value is not an object. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Describes an answer in messages, such as "503 backlog_full: Too many transfers are waiting to be persisted". */
export function describe(answer: { status: number; body: unknown }): string {
  const code = member(answer.body, 'code');
  const detail = member(answer.body, 'detail');
  const errors = member(answer.body, 'errors');
  return [
    String(answer.status),
    typeof code === 'string' ? ` ${code}` : '',
    typeof detail === 'string' ? `: ${detail}` : '',
    errors === undefined ? '' : ` ${JSON.stringify(errors)}`,
  ].join('');
}

/** Sends JSON over kept-alive connections to one or more pods. */
export class ApiClient implements Disposable {
  readonly clock: Clock;
  readonly retryPolicy: RetryPolicy;
  readonly signal: AbortSignal | undefined;
  private readonly bases: readonly URL[];
  private readonly headers: Record<string, string>;
  private readonly timeoutMs: number;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly agentTls = new AgentTls({ keepAlive: true });

  constructor(options: ClientOptions) {
    if (options.urls.length === 0) throw new Error('No URL to post to');
    this.bases = options.urls.map((url) => new URL(url.endsWith('/') ? url : `${url}/`));
    this.headers = { authorization: `Bearer ${options.apiKey}`, accept: 'application/json' };
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.retryPolicy = options.retry ?? DEFAULT_RETRY;
    this.clock = options.clock ?? systemClock;
    this.signal = options.signal;
  }

  /**
   * Sends until there is a definite answer: lost connections and retryable statuses are retried, each time with the
   * next base URL.
   * @throws GaveUp
   */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const retry = new Retry(this.retryPolicy, this.clock);
    for (let attempt = 0; ; attempt++) {
      const answer = await this.attempt(method, path, body, attempt, headers);
      if (answer instanceof ConnectionLost) await retry.pause(answer.message, null, this.signal);
      else if (isRetryable(answer.status)) await retry.pause(describe(answer), answer.retryAfterMs, this.signal);
      else return answer;
    }
  }

  /** Like `send`, for requests that must succeed. @throws Refused on any status from 300 on */
  async json(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.send(method, path, body, headers);
    if (answer.status >= 300) throw new Refused(`${method} ${path}`, answer);
    return answer;
  }

  /** Makes one attempt with base URL number `turn` (modulo their count). @throws only the signal's reason */
  async attempt(
    method: string,
    path: string,
    body: unknown,
    turn: number,
    headers: Record<string, string> = {},
  ): Promise<Answer | ConnectionLost> {
    const base = this.bases[turn % this.bases.length];
    if (base === undefined) throw new RangeError(`turn ${turn} is not a whole number ≥ 0`);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const url = new URL(path.replace(/^\//, ''), base);
    try {
      return await this.exchange(url, method, payload, headers);
    } catch (error) {
      this.signal?.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      return new ConnectionLost(`${base.host}: ${why}`, { cause: error });
    }
  }

  private exchange(
    url: URL,
    method: string,
    payload: Buffer | undefined,
    extra: Record<string, string>,
  ): Promise<Answer> {
    const tls = url.protocol === 'https:';
    const headers: Record<string, string> = { ...this.headers, ...extra };
    if (payload !== undefined) {
      headers['content-type'] ??= 'application/json';
      headers['content-length'] = String(payload.length);
    }
    const options: RequestOptions = { method, headers, agent: tls ? this.agentTls : this.agent };
    if (this.signal !== undefined) options.signal = this.signal;
    return new Promise((resolve, reject) => {
      const request = (tls ? requestHttps : requestHttp)(url, options, (response) => {
        this.read(response).then(resolve, reject);
      });
      request.setTimeout(this.timeoutMs, () => request.destroy(new Error(`no answer in ${this.timeoutMs} ms`)));
      request.on('error', reject);
      request.end(payload);
    });
  }

  private async read(response: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    // Throws if the connection ends before the answer does: an incomplete answer counts as none.
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return {
      status: response.statusCode ?? 0,
      body: parseJson(Buffer.concat(chunks).toString('utf8')),
      etag: response.headers.etag,
      retryAfterMs: parseRetryAfter(response.headers['retry-after'], this.clock.now()),
    };
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
    this.agentTls.destroy();
  }
}

/** Intermediaries such as an ingress may answer with their own page: that counts as no body. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
