/** The part of RFC 9457 that the console shows. */
interface ProblemDocument {
  code?: string;
  title?: string;
  detail?: string;
  correlationId?: string;
  errors?: readonly FieldError[];
}
/** What is wrong with a field of the request: `/minAmount`, and why. */
interface FieldError {
  pointer: string;
  detail: string;
}

/** An answer other than 2xx, or none. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly correlationId: string | null;
  readonly fields: readonly FieldError[];
  /** How long the service asks the client to wait before the next attempt, ms; null if it does not say. */
  readonly retryAfterMs: number | null;
  constructor(status: number, problem: ProblemDocument, retryAfterMs: number | null = null) {
    super(problem.detail ?? problem.title ?? `The service answered with ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 0 ? 'unreachable' : `http_${status}`);
    this.correlationId = problem.correlationId ?? null;
    this.fields = problem.errors ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** The caller, as `GET /v1/caller` returns it. */
export interface Caller {
  user: string;
  scopes: readonly string[];
  accountPrefixes: readonly string[] | null;
}

const KEPT_AS = 'holdfast-key';
/** A tab that was closed for longer than this, ms, and is restored by the browser, has to sign in again. */
const KEPT_MS = 600_000;
const TIMEOUT_MS = 15_000;
/** Successful answers of the API that have no body: Accepted, and No Content. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([202, 204]);

/**
 * The key is kept for this tab only, until the tab is closed or the operator signs out. It is sent in a header, and
 * never part of an address. Browsers restore tabs with their storage, so the time is stored with the key.
 */
export const keptKey = {
  read(): string | null {
    const [at, key] = splitOnce(sessionStorage.getItem(KEPT_AS) ?? '');
    const ageMs = Date.now() - Number(at);
    if (key !== '' && ageMs >= 0 && ageMs < KEPT_MS) return key;
    keptKey.forget();
    return null;
  },
  /** Has to be called repeatedly while the tab is open. */
  keep: (key: string): void => sessionStorage.setItem(KEPT_AS, `${Date.now()} ${key}`),
  forget: (): void => sessionStorage.removeItem(KEPT_AS),
};
const splitOnce = (text: string): [string, string] => {
  const at = text.indexOf(' ');
  return [text.slice(0, at), text.slice(at + 1)];
};

export interface Call {
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** How long to wait for the answer, ms. */
  timeoutMs?: number;
}

/**
 * Sends requests with one key. A request is sent once: before repeating a change, the operator has to check the outcome
 * of the first one.
 */
export class Api {
  readonly #key: string;
  /** Called when the key is no longer accepted. */
  readonly #rejected: (error: ApiError) => void;
  #aheadMs = 0;

  constructor(key: string, rejected: (error: ApiError) => void) {
    this.#key = key;
    this.#rejected = rejected;
  }

  /** The approximate time of the service, ms since 1970. The clock of this computer may be wrong. */
  now(): number {
    return Date.now() + this.#aheadMs;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.send<T>('GET', path, signal ? { signal } : {});
  }
  post<T>(path: string, body?: unknown): Promise<T> {
    return this.send<T>('POST', path, { body });
  }

  /** @throws ApiError, or the reason of `signal` */
  async send<T>(method: string, path: string, { body, headers, signal, timeoutMs = TIMEOUT_MS }: Call): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let text: string;
    try {
      // Relative, so that it also works behind a proxy that adds a path.
      response = await fetch(path.slice(1), {
        method,
        headers: {
          Authorization: `Bearer ${this.#key}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, { detail: 'The service did not answer. If you sent a change, check whether it was made.' });
    }
    this.#aheadMs = aheadOf(response) ?? this.#aheadMs;
    const json = objectIn(text);
    if (response.ok && json !== null) return json as T;
    if (text === '' && WITHOUT_BODY.has(response.status)) return {} as T;
    const problem = json ?? { detail: `A proxy or another server answered with ${response.status}.` };
    const error = new ApiError(response.status, problem, retryAfterOf(response));
    if (response.status === 401) this.#rejected(error);
    throw error;
  }
}

/** Null if the text is not a JSON object. */
function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function retryAfterOf({ headers }: Response): number | null {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/** By how much the clock of the service is ahead, ms; null if the answer does not say. */
function aheadOf({ headers }: Response): number | null {
  const aheadMs = Date.parse(headers.get('date') ?? '') - Date.now();
  return Number.isFinite(aheadMs) ? aheadMs : null;
}

/** A part of a path. @throws RangeError for a name that would lead to another path */
export function part(name: string): string {
  if (name === '.' || name === '..') throw new RangeError(`"${name}" cannot be an id`);
  return encodeURIComponent(name);
}
