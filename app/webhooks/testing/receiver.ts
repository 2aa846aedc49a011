import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Webhook as Verifier } from 'standardwebhooks';

export interface ReceivedEvent {
  id: string;
  type: string;
  subject: string;
  data: Record<string, unknown>;
}

interface Received {
  messageId: string;
  headers: IncomingMessage['headers'];
  events: ReceivedEvent[];
  /** Whether the request was accepted. */
  accepted: boolean;
}

/** Answers a request; returns whether the answer is an acceptance. */
type Behavior = (response: ServerResponse, request: IncomingMessage, received: Receiver) => boolean;

export const accept: Behavior = (response) => {
  response.writeHead(204).end();
  return true;
};
export const refuse =
  (status: number, headers: Record<string, string> = {}): Behavior =>
  (response) => {
    response.writeHead(status, headers).end('no');
    return false;
  };
/** Accepts the connection and the request, and never answers. */
export const hang: Behavior = () => false;

/**
 * A real HTTP server that receives webhooks, with the behavior that a test sets. Tests check that its `faults` are
 * empty.
 */
export class Receiver {
  readonly requests: Received[] = [];
  /** What no receiver should ever see. */
  readonly faults: string[] = [];
  behavior: Behavior = accept;
  secrets: string[] = [];
  inFlightMax = 0;
  #inFlight = 0;
  #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor() {
    this.#server = this.#created();
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await receiver.listen();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }
  get connections(): number {
    return this.#sockets.size;
  }
  /** The events of accepted requests, in the order in which they arrived, without duplicates. */
  get events(): ReceivedEvent[] {
    const byId = new Map<string, ReceivedEvent>();
    for (const { events, accepted } of this.requests)
      if (accepted) for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
    return [...byId.values()];
  }

  async listen(): Promise<void> {
    this.#server = this.#created();
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Closes the port and breaks all connections at once. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #created(): Server {
    const server = createServer((request, response) => void this.#receive(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight += 1;
    this.inFlightMax = Math.max(this.inFlightMax, this.#inFlight);
    request.on('error', () => {});
    response.on('close', () => {
      this.#inFlight -= 1;
    });
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(parts).toString();
    const { headers } = request;
    const events = this.#verified(body, headers);
    const received = { messageId: String(headers['webhook-id']), headers, events, accepted: false };
    this.requests.push(received);
    received.accepted = this.behavior(response, request, this);
  }

  #verified(body: string, headers: IncomingMessage['headers']): ReceivedEvent[] {
    const isSigned = this.secrets.some((secret) => {
      try {
        new Verifier(secret).verify(body, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    });
    if (!isSigned) this.faults.push(`a request was not signed: ${body.slice(0, 100)}`);
    if (!headers['content-type']?.startsWith('application/cloudevents-batch+json')) this.faults.push('another type');
    const events = JSON.parse(body) as ReceivedEvent[];
    if (events.length === 0 || events.length > 100) this.faults.push(`${events.length} events in a request`);
    return events;
  }
}
