import { Agent, type IncomingMessage, request } from 'node:http';

export interface Reply {
  status: number;
  body: unknown;
}

/** Thrown if there is no answer. If `delivered` is false, no connection could be made, so nothing was sent. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly delivered: boolean;
  constructor(reason: string, delivered: boolean) {
    super(reason);
    this.delivered = delivered;
  }
}

/** Turns a missing answer into a reply. For the `catch` of callers that only poll. */
export function silence(error: unknown): Reply {
  if (error instanceof NoAnswer) return { status: 0, body: error.message };
  throw error;
}

export interface ClientOptions {
  connectionsMax?: number;
  /**
   * The limit for an answer, usually longer than the service holds a request (10 s), so that the service answers first.
   */
  timeoutMs?: number;
  /** The limit for connecting; without it, `timeoutMs` covers the connection, too. */
  connectMs?: number;
  /** Whether connections are kept for later requests. */
  keepAlive?: boolean;
}

const NO_CONNECTION = 'no connection in time';
const NOT_DELIVERED = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', NO_CONNECTION]);
const ADDRESS = /^http:\/\/([^:/]+):(\d+)$/;

/** Sends JSON over kept-alive connections; each request is sent once, to any of the pods. */
export class Client implements Disposable {
  readonly #agent: Agent;
  readonly #urls: () => readonly string[];
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #connectMs: number;
  /** Requests whose connection broke, by the pod that they were sent to. */
  readonly broken = new Map<string, number>();

  constructor(
    urls: () => readonly string[],
    apiKey: string,
    { connectionsMax = 256, timeoutMs = 15_000, connectMs = timeoutMs, keepAlive = true }: ClientOptions = {},
  ) {
    this.#timeoutMs = timeoutMs;
    this.#connectMs = connectMs;
    this.#urls = urls;
    this.#headers = { authorization: `Bearer ${apiKey}` };
    this.#agent = new Agent({ keepAlive, maxSockets: connectionsMax });
  }

  get(path: string): Promise<Reply> {
    return this.send('GET', path);
  }
  post(path: string, body: unknown, correlationId?: string): Promise<Reply> {
    return this.send('POST', path, body, correlationId);
  }
  patch(path: string, body: unknown, correlationId?: string): Promise<Reply> {
    return this.send('PATCH', path, body, correlationId);
  }

  /** @throws NoAnswer */
  send(
    method: string,
    path: string,
    body?: unknown,
    correlationId?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const urls = this.#urls();
    const url = urls[Math.floor(Math.random() * urls.length)] ?? '';
    const [, host, port] = ADDRESS.exec(url) ?? [];
    if (host === undefined || port === undefined) throw new RangeError(`${url} is not the address of a pod`);
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers: Record<string, string | number> = { ...this.#headers, ...more };
    if (correlationId !== undefined) headers['x-correlation-id'] = correlationId;
    if (payload !== '') {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(payload);
    }
    return new Promise((resolve, reject) => {
      const fail = (error: Error & { code?: string }) => {
        this.broken.set(url, (this.broken.get(url) ?? 0) + 1);
        reject(new NoAnswer(error.code ?? error.message, !NOT_DELIVERED.has(error.code ?? error.message)));
      };
      const asked = request({ host, port, path, method, headers, agent: this.#agent }, (response) => {
        readBody(response).then((text) => resolve({ status: response.statusCode ?? 0, body: parse(text) }), fail);
      });
      asked.setTimeout(this.#timeoutMs, () => asked.destroy(new Error('no answer in time')));
      asked.on('error', fail);
      asked.once('socket', (socket) => {
        if (!socket.connecting) return;
        const timer = setTimeout(() => asked.destroy(new Error(NO_CONNECTION)), this.#connectMs);
        socket.once('connect', () => clearTimeout(timer));
        socket.once('close', () => clearTimeout(timer));
      });
      asked.end(payload);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  // Throws if the connection ends before the answer does: an incomplete answer does not count.
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
