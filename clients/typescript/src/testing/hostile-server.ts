import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** An HTTP server in this process that answers as the test specifies, correctly or not. */
export class HostileServer {
  readonly requests: { method: string; path: string; body: string; headers: IncomingMessage['headers'] }[] = [];
  handler: Handler;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { method = '', url = '', headers } = request;
      this.requests.push({ method, path: url, body, headers });
      this.handler(request, response, body);
    });
  });

  private constructor(handler: Handler) {
    this.handler = handler;
  }

  static async start(handler: Handler): Promise<HostileServer> {
    const hostile = new HostileServer(handler);
    hostile.#server.listen(0, '127.0.0.1');
    await once(hostile.#server, 'listening');
    return hostile;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'Content-Type': type, ...headers }).end(JSON.stringify(body));
}

export const problem = (code: string, status: number) => ({
  type: `urn:holdfast:problem:${code}`,
  title: code,
  status,
  detail: `It is ${code}.`,
  instance: '/',
  code,
  correlationId: 'c',
});
