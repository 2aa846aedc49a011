import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import { type Attempt, isUnsent, retryAfterMsIn } from './attempt.ts';
import { readText } from './read-text.ts';

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Includes the query. */
  readonly path: string;
  /** Serialized once, before the first attempt: every attempt sends the same bytes. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly correlationId: string;
}

/** One attempt, for logs and metrics. */
export interface AttemptReport {
  readonly method: string;
  readonly path: string;
  readonly correlationId: string;
  /** Null if there was no complete answer. */
  readonly status: number | null;
  readonly durationMs: number;
}

export interface TransportOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string | (() => string | Promise<string>);
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly onAttempt?: ((report: AttemptReport) => void) | undefined;
}

export interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** No answer arrives in less time than this (ms): a request would only leave an outcome in doubt. */
const ATTEMPT_MS_MIN = 10;

/** Sends one request at a time, and never repeats one. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Never rejects: every failure is an attempt without an answer. */
  async send(request: WireRequest, limits: Limits): Promise<Attempt> {
    return this.#within(request, limits, false, async (signal) => this.#answered(await this.#fetch(request, signal)));
  }

  /**
   * The answer itself, if it is a success, so that its content can be streamed. The timeout applies until the headers
   * have arrived; the signal also applies to the content.
   */
  async open(request: WireRequest, limits: Limits): Promise<Response | Attempt> {
    return this.#within(request, limits, true, async (signal) => {
      const response = await this.#fetch(request, signal);
      return response.ok ? response : this.#answered(response);
    });
  }

  async #within<T extends Response | Attempt>(
    request: WireRequest,
    { timeoutMs, signal }: Limits,
    isStream: boolean,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | Attempt> {
    const { clock, onAttempt } = this.#options;
    if (signal?.aborted) return { kind: 'unsent', cause: signal.reason };
    if (timeoutMs < ATTEMPT_MS_MIN)
      return { kind: 'unsent', cause: new DOMException('no time is left', 'TimeoutError') };
    const since = clock.monotonic();
    const cancel = new AbortController();
    const arrived = new AbortController();
    const abort = () => cancel.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    void clock.sleep(timeoutMs, arrived.signal).then(() => {
      if (!arrived.signal.aborted) cancel.abort(timeOut(timeoutMs));
    });
    let result: T | Attempt;
    try {
      result = await work(cancel.signal);
    } catch (cause) {
      // It is not known whether a canceled request was sent.
      result = { kind: cause instanceof NoKeyError || isUnsent(cause) ? 'unsent' : 'lost', cause };
    }
    if (!isStream) signal?.removeEventListener('abort', abort);
    arrived.abort();
    const status = 'status' in result ? result.status : null;
    const { method, path, correlationId } = request;
    onAttempt?.({ method, path, correlationId, status, durationMs: clock.monotonic() - since });
    return result;
  }

  async #answered(response: Response): Promise<Attempt> {
    const { status, headers } = response;
    const text = await readText(response);
    const isJson = /\bjson\b/i.test(headers.get('content-type') ?? '');
    const body: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
    return {
      kind: 'answered',
      status,
      headers,
      body,
      retryAfterMs: retryAfterMsIn(headers, this.#options.clock.now()),
    };
  }

  async #fetch({ method, path, body, headers, correlationId }: WireRequest, signal: AbortSignal): Promise<Response> {
    const { baseUrl, fetch, ids } = this.#options;
    const key = await this.#key(signal);
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        Accept: 'application/json',
        ...headers,
        Authorization: `Bearer ${key}`,
        'X-Correlation-Id': correlationId,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      signal,
      // A redirect could send the key and the transfer to someone else.
      redirect: 'manual',
      credentials: 'omit',
    });
    ids.learn(response.headers.get('date'));
    return response;
  }

  /** @throws NoKeyError if `apiKey()` fails, or takes longer than the attempt may */
  async #key(signal: AbortSignal): Promise<string> {
    const { apiKey } = this.#options;
    if (typeof apiKey === 'string') return apiKey;
    try {
      return await Promise.race([apiKey(), aborted(signal)]);
    } catch (cause) {
      throw new NoKeyError('apiKey() has failed', { cause });
    }
  }
}

/** Nothing was sent, because there was no key to send. */
class NoKeyError extends Error {
  override readonly name = 'NoKeyError';
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

const timeOut = (ms: number) => new DOMException(`no complete answer within ${ms} ms`, 'TimeoutError');
