/** The part of RFC 9457 that the console shows. */
interface ProblemDocument {
  code?: string;
  title?: string;
  detail?: string;
  correlationId?: string;
}

/** An answer other than 2xx, or none. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly correlationId: string | null;
  constructor(status: number, problem: ProblemDocument) {
    super(problem.detail ?? problem.title ?? `The service answered with ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 0 ? 'unreachable' : `http_${status}`);
    this.correlationId = problem.correlationId ?? null;
  }
}

/** The caller, as `GET /v1/caller` returns it. */
export interface Caller {
  user: string;
  scopes: readonly string[];
  accountPrefixes: readonly string[] | null;
}

const KEPT_AS = 'holdfast-key';
const TIMEOUT_MS = 15_000;

/**
 * The key is kept for this tab only, until the tab is closed or the operator signs out. It is sent in a header, and
 * never part of an address.
 */
export const keptKey = {
  read: (): string | null => sessionStorage.getItem(KEPT_AS),
  keep: (key: string): void => sessionStorage.setItem(KEPT_AS, key),
  forget: (): void => sessionStorage.removeItem(KEPT_AS),
};

export interface Call {
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/**
 * Sends requests with one key. A request is sent once: before repeating a change, the operator has to check the outcome
 * of the first one.
 */
export class Api {
  readonly #key: string;
  /** Called when the key is no longer accepted. */
  readonly #rejected: () => void;

  constructor(key: string, rejected: () => void) {
    this.#key = key;
    this.#rejected = rejected;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.send<T>('GET', path, signal ? { signal } : {});
  }
  post<T>(path: string, body?: unknown): Promise<T> {
    return this.send<T>('POST', path, { body });
  }

  /** @throws ApiError */
  async send<T>(method: string, path: string, { body, headers, signal }: Call): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
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
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, { detail: 'The service did not answer. If you sent a change, check whether it was made.' });
    }
    const text = await response.text();
    const json: unknown = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : null;
    if (response.ok) return json as T;
    if (response.status === 401) this.#rejected();
    throw new ApiError(response.status, (json ?? {}) as ProblemDocument);
  }
}

/** A part of a path. */
export const part = encodeURIComponent;
