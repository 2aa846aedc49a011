import { connect, createServer, type Server, type Socket } from 'node:net';
import { LOOPBACK } from '../../devstack/system/ports.mjs';

import { ownPort } from './ports.ts';

export interface Address {
  host: string;
  port: number;
}

type Way = 'requests' | 'replies';
const WAYS: readonly Way[] = ['requests', 'replies'];

/** One direction of a connection. */
interface Flow {
  way: Way;
  from: Socket;
  to: Socket;
  /**
   * Data in transit, in order: a single queue, because timers may fire in a different order from the one in which they
   * were set.
   */
  late: { act: () => void; dueAt: number }[];
}

/**
 * The link between one process and one store, as a TCP proxy. It can be cut, held up in one or both directions, or made
 * slow, without affecting other processes. Data that is held up is delivered when the link works again, even if its
 * sender has given up by then, as in a network.
 */
export class Link implements Disposable {
  readonly host = LOOPBACK;
  readonly port: number;
  readonly #server: Server;
  readonly #flows = new Set<Flow>();
  readonly #held = new Set<Way>();
  #target: Address;
  #isCut = false;
  #delayMs = 0;

  private constructor(server: Server, port: number, target: Address) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async to(target: Address): Promise<Link> {
    const port = await ownPort();
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, LOOPBACK, resolve);
    });
    return new Link(server, port, target);
  }

  /** Breaks every connection, and each new one immediately. */
  cut(): void {
    this.#isCut = true;
    this.#breakAll();
  }

  /** Stops delivering without breaking connections, like an unplugged cable. */
  hold(...ways: readonly Way[]): void {
    for (const way of ways.length === 0 ? WAYS : ways) this.#held.add(way);
    for (const { way, from } of this.#flows) if (this.#held.has(way)) from.pause();
  }

  /** The delay of each direction. */
  slow(ms: number): void {
    this.#delayMs = ms;
  }

  heal(): void {
    this.#isCut = false;
    this.#delayMs = 0;
    this.#held.clear();
    for (const { from } of this.#flows) from.resume();
  }

  /** Breaks all connections; new ones lead to another address. */
  redirect(target: Address): void {
    this.#target = target;
    this.#breakAll();
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.cut();
  }

  #breakAll(): void {
    for (const { from } of this.#flows) from.resetAndDestroy();
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    const store = connect({ ...this.#target, noDelay: true });
    this.#pump({ way: 'requests', from: client, to: store, late: [] });
    this.#pump({ way: 'replies', from: store, to: client, late: [] });
  }

  #pump(flow: Flow): void {
    const { way, from, to } = flow;
    this.#flows.add(flow);
    if (this.#held.has(way)) from.pause();
    from.on('data', (bytes: Buffer) => {
      this.#whenDue(flow, () => {
        if (to.write(bytes)) return;
        from.pause();
        to.once('drain', () => {
          if (!this.#held.has(way)) from.resume();
        });
      });
    });
    from.on('end', () => this.#whenDue(flow, () => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#flows.delete(flow);
      if (!from.readableEnded) to.destroy();
    });
  }

  #whenDue(flow: Flow, act: () => void): void {
    if (this.#delayMs === 0 && flow.late.length === 0) {
      act();
      return;
    }
    flow.late.push({ act, dueAt: performance.now() + this.#delayMs });
    if (flow.late.length === 1) this.#deliver(flow);
  }

  #deliver(flow: Flow): void {
    const [next] = flow.late;
    if (!next || flow.to.destroyed) return;
    const wait = () => {
      next.act();
      flow.late.shift();
      this.#deliver(flow);
    };
    setTimeout(wait, Math.max(0, next.dueAt - performance.now()));
  }
}
